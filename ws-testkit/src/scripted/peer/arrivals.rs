//! Arrivals that a step of a script waits for: frames are read, checked and put together.

use std::time::Instant;

use super::ScriptedPeer;
use crate::scripted::socket::Filled;
use crate::scripted::{Arrival, ScriptError};
use crate::wire::{self, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RawFrame, TEXT};

impl ScriptedPeer {
    /// Waits for an arrival that `take` accepts; pings and pongs do not count.
    pub(super) fn expect<T>(
        &mut self,
        expected: &str,
        take: impl Fn(Arrival) -> Result<T, Arrival>,
    ) -> Result<T, ScriptError> {
        let deadline = self.socket.deadline();
        loop {
            let arrival = self.wait_until(deadline, expected)?;
            if !arrival.is_keepalive() {
                return take(arrival).map_err(|other| self.unexpected(expected, other));
            }
        }
    }

    pub(super) fn wait(&mut self, expected: &str) -> Result<Arrival, ScriptError> {
        self.wait_until(self.socket.deadline(), expected)
    }

    pub(super) fn wait_until(&mut self, deadline: Instant, expected: &str) -> Result<Arrival, ScriptError> {
        self.poll_until(deadline)?.ok_or_else(|| ScriptError::TimedOut {
            connection: Some(self.socket.number),
            expected: expected.into(),
            limit: self.socket.time_limit,
        })
    }

    pub(super) fn unexpected(&self, expected: &str, received: Arrival) -> ScriptError {
        ScriptError::Unexpected { connection: self.socket.number, expected: expected.into(), received }
    }

    /// The next arrival, which is recorded. `None` if there was none before the deadline.
    pub(super) fn poll_until(&mut self, deadline: Instant) -> Result<Option<Arrival>, ScriptError> {
        if let Some(end) = &self.end {
            return Ok(Some(end.clone()));
        }
        loop {
            let arrival = match wire::take_frame(&mut self.socket.buffer) {
                Some(frame) => self.take(frame)?,
                None => match self.socket.fill(deadline)? {
                    Filled::Bytes => None,
                    Filled::Late => return Ok(None),
                    Filled::End => Some(Arrival::End),
                    Filled::Reset => Some(Arrival::Reset),
                },
            };
            let Some(arrival) = arrival else { continue };
            self.socket.record(&arrival);
            match &arrival {
                // The client may be gone.
                Arrival::Ping(payload) if self.answers_pings => drop(self.send_pong(payload)),
                Arrival::End | Arrival::Reset => self.end = Some(arrival.clone()),
                _ => {}
            }
            return Ok(Some(arrival));
        }
    }

    /// The message or control frame that is whole with this frame.
    fn take(&mut self, frame: RawFrame) -> Result<Option<Arrival>, ScriptError> {
        if frame.key.is_none() {
            return Err(self.socket.malformed("a frame is not masked"));
        }
        if frame.rsv1 || frame.rsv2_or_3 {
            return Err(self.socket.malformed("a reserved bit is set, and no extension was negotiated"));
        }
        if frame.opcode & 0x8 != 0 && (!frame.fin || frame.payload.len() > 125) {
            return Err(self.socket.malformed("a control frame is fragmented or longer than 125 bytes"));
        }
        match frame.opcode {
            TEXT | BINARY if self.partial.is_none() => self.extend(frame.opcode, Vec::new(), frame),
            CONTINUATION => match self.partial.take() {
                Some((opcode, payload)) => self.extend(opcode, payload, frame),
                None => Err(self.socket.malformed("a fragment continues no message")),
            },
            PING => Ok(Some(Arrival::Ping(frame.payload))),
            PONG => Ok(Some(Arrival::Pong(frame.payload))),
            CLOSE if frame.payload.is_empty() => {
                Ok(Some(Arrival::Close { code: None, reason: String::new() }))
            }
            CLOSE => match wire::close_parts(&frame.payload) {
                Some((code, reason)) => Ok(Some(Arrival::Close { code: Some(code), reason: reason.into() })),
                None => {
                    Err(self.socket.malformed("a Close frame has half a code, or a reason that is not UTF-8"))
                }
            },
            TEXT | BINARY => {
                Err(self.socket.malformed("a message begins before the one before it has ended"))
            }
            _ => Err(self.socket.malformed("a frame has a reserved opcode")),
        }
    }

    fn extend(
        &mut self,
        opcode: u8,
        mut payload: Vec<u8>,
        frame: RawFrame,
    ) -> Result<Option<Arrival>, ScriptError> {
        payload.extend(frame.payload);
        if !frame.fin {
            self.partial = Some((opcode, payload));
            return Ok(None);
        }
        if opcode == BINARY {
            return Ok(Some(Arrival::Binary(payload)));
        }
        let text = String::from_utf8(payload).map_err(|_| self.socket.malformed("a text is not UTF-8"))?;
        Ok(Some(Arrival::Text(text)))
    }

    /// Answers a Close frame and ends the stream.
    pub(super) fn answer_close(&mut self, code: Option<u16>) {
        let payload = code.map_or(Vec::new(), |code| wire::close_payload(code, ""));
        // A client that has ended its side may be gone.
        let _ = self.send_frame(FIN | CLOSE, payload);
        self.socket.end();
    }
}
