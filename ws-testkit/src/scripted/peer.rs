//! One open connection of a scripted server: the steps of a script.

mod arrivals;

use std::fmt;
use std::time::{Duration, Instant};

use super::arrival::{listed, quoted};
use super::socket::ScriptSocket;
use super::{Arrival, ScriptError};
use crate::wire::{self, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};

/// The server's end of one open connection: each method is a step of the script.
///
/// The peer reads only within steps that wait. Between them it is silent: the system takes some bytes, then the client cannot write. Pings
/// that are read are [answered](Self::answer_pings). A step that waits for a message passes over pings and pongs.
///
/// Each step waits at most for the [time limit](Self::set_time_limit). When the peer is dropped, the client sees the end of the stream, or a
/// reset if bytes were not read; [`hang_up`](Self::hang_up) and [`reset`](Self::reset) do one of them for sure.
///
/// # Errors
///
/// Steps that send fail when the connection is gone, or when the client takes nothing within the time limit. Steps that wait fail when
/// something else is received, or nothing within the time limit, or when the client breaks the protocol.
pub struct ScriptedPeer {
    socket: ScriptSocket,
    head: String,
    answers_pings: bool,
    /// The message whose last fragment has not come: its opcode and its payload.
    partial: Option<(u8, Vec<u8>)>,
    /// The end of the stream, once it has come.
    end: Option<Arrival>,
}

impl ScriptedPeer {
    pub(super) fn new(socket: ScriptSocket, head: String) -> Self {
        Self { socket, head, answers_pings: true, partial: None, end: None }
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_text(&mut self, text: &str) -> Result<(), ScriptError> {
        self.send_frame(FIN | TEXT, text)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_binary(&mut self, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.send_frame(FIN | BINARY, payload)
    }

    /// Sends a text message in fragments, one for each part. Without parts, nothing is sent.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_fragments(&mut self, parts: &[&str]) -> Result<(), ScriptError> {
        for (i, part) in parts.iter().enumerate() {
            let opcode = if i == 0 { TEXT } else { CONTINUATION };
            let fin = if i + 1 == parts.len() { FIN } else { 0 };
            self.send_frame(fin | opcode, part)?;
        }
        Ok(())
    }

    /// Sends a ping. Legal payloads have at most 125 bytes.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.send_frame(FIN | PING, payload)
    }

    /// Sends a pong, whether there was a ping or not.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_pong(&mut self, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.send_frame(FIN | PONG, payload)
    }

    /// Sends a Close frame with any code, and waits for nothing.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_close(&mut self, code: u16, reason: &str) -> Result<(), ScriptError> {
        self.send_frame(FIN | CLOSE, wire::close_payload(code, reason))
    }

    /// Sends a frame, legal or not. `first` is FIN, the reserved bits and the opcode: see [`wire`].
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.socket.write(&wire::frame(first, false, payload.as_ref()))
    }

    /// Sends any bytes, for example a part of a frame.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.socket.write(bytes.as_ref())
    }

    /// Waits for a text message, which must be this one.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_text(&mut self, text: &str) -> Result<(), ScriptError> {
        self.expect(&format!("the text {}", quoted(text)), |arrival| match arrival {
            Arrival::Text(received) if received == text => Ok(()),
            other => Err(other),
        })
    }

    /// Waits for a binary message, which must be this one.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_binary(&mut self, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        let payload = payload.as_ref();
        self.expect(&format!("the binary message {}", listed(payload)), |arrival| match arrival {
            Arrival::Binary(received) if received == payload => Ok(()),
            other => Err(other),
        })
    }

    /// Waits for a text message, and gives it.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn next_text(&mut self) -> Result<String, ScriptError> {
        self.expect("a text", |arrival| match arrival {
            Arrival::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    /// Waits for a ping, and gives its payload.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_ping(&mut self) -> Result<Vec<u8>, ScriptError> {
        let expected = "a ping";
        match self.wait(expected)? {
            Arrival::Ping(payload) => Ok(payload),
            other => Err(self.unexpected(expected, other)),
        }
    }

    /// Waits for a pong with this payload. Passes over pings.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_pong(&mut self, payload: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        let payload = payload.as_ref();
        let expected = format!("a pong with {}", listed(payload));
        let deadline = self.socket.deadline();
        loop {
            match self.wait_until(deadline, &expected)? {
                Arrival::Ping(_) => {}
                Arrival::Pong(received) if received == payload => return Ok(()),
                other => return Err(self.unexpected(&expected, other)),
            }
        }
    }

    /// Waits for a Close frame with this code, answers it and ends the stream, as a server does. Gives the reason. A code of 1005 stands
    /// for a frame without a code (RFC 6455 §7.4.1).
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_close(&mut self, code: u16) -> Result<String, ScriptError> {
        let wanted = (code != 1005).then_some(code);
        let expected = wanted.map_or("Close without a code".into(), |code| format!("Close {code}"));
        let reason = self.expect(&expected, |arrival| match arrival {
            Arrival::Close { code, reason } if code == wanted => Ok(reason),
            other => Err(other),
        })?;
        self.answer_close(wanted);
        Ok(reason)
    }

    /// Waits for the end of the stream or a reset.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn expect_end(&mut self) -> Result<(), ScriptError> {
        self.expect("the end of the stream", |arrival| match arrival {
            Arrival::End | Arrival::Reset => Ok(()),
            other => Err(other),
        })
    }

    /// Waits for this time, in which nothing may be received: no message, no control frame, no end.
    ///
    /// # Errors
    ///
    /// Something was received.
    pub fn expect_silence(&mut self, time: Duration) -> Result<(), ScriptError> {
        match self.poll_until(Instant::now() + time)? {
            Some(arrival) => Err(self.unexpected(&format!("silence for {time:?}"), arrival)),
            None => Ok(()),
        }
    }

    /// Waits for the next arrival: a message, a ping, a pong, a Close frame or the end of the stream. Once the stream has
    /// ended, each call gives its end.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn next_arrival(&mut self) -> Result<Arrival, ScriptError> {
        self.wait("a message, a control frame or the end of the stream")
    }

    /// Makes the closing handshake: sends a Close frame, passes over all that is received up to the client's Close frame, and ends the
    /// stream.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn close(mut self, code: u16, reason: &str) -> Result<(), ScriptError> {
        self.send_close(code, reason)?;
        let expected = format!("an answer to Close {code}");
        let deadline = self.socket.deadline();
        loop {
            match self.wait_until(deadline, &expected)? {
                Arrival::Close { .. } => {
                    self.socket.hang_up();
                    return Ok(());
                }
                end @ (Arrival::End | Arrival::Reset) => return Err(self.unexpected(&expected, end)),
                _ => {}
            }
        }
    }

    /// Reads up to the client's Close frame, which is answered, or to the end of the stream. Gives all that was received before it. The time
    /// limit counts for each arrival.
    ///
    /// # Errors
    ///
    /// The errors of each step: see [`ScriptedPeer`].
    pub fn read_to_close(&mut self) -> Result<Vec<Arrival>, ScriptError> {
        let mut before = Vec::new();
        loop {
            match self.next_arrival()? {
                Arrival::Close { code, .. } => {
                    self.answer_close(code);
                    return Ok(before);
                }
                Arrival::End | Arrival::Reset => return Ok(before),
                other => before.push(other),
            }
        }
    }

    /// Ends the stream without a Close frame and closes the socket.
    pub fn hang_up(self) {
        self.socket.hang_up();
    }

    /// Resets the TCP connection.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn reset(self) -> Result<(), ScriptError> {
        self.socket.reset()
    }

    /// Sets whether pings are answered as soon as they are read. They are by default.
    pub fn answer_pings(&mut self, answer: bool) {
        self.answers_pings = answer;
    }

    /// Sets the time limit of each step of this peer. By default it is the server's.
    pub fn set_time_limit(&mut self, limit: Duration) {
        self.socket.time_limit = limit;
    }

    /// Sets the system's room for bytes that no step has read (SO_RCVBUF), so that a client feels sooner that the peer reads nothing.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn set_receive_buffer(&mut self, bytes: usize) -> Result<(), ScriptError> {
        self.socket.set_receive_buffer(bytes)
    }

    /// The head of the request that has opened the connection.
    pub fn request(&self) -> &str {
        &self.head
    }

    /// The number of the connection, from 1, in the order in which the script took them.
    pub fn number(&self) -> usize {
        self.socket.number
    }

    /// All that was received on this connection, in order.
    pub fn received(&self) -> Vec<Arrival> {
        self.socket.received()
    }
}

impl fmt::Debug for ScriptedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedPeer").field("number", &self.socket.number).finish_non_exhaustive()
    }
}
