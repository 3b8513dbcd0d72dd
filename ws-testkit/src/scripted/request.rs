//! A request that waits for the answer of a script.

use std::fmt::{self, Write as _};

use super::socket::{Filled, ScriptSocket};
use super::{Arrival, ScriptError, ScriptedPeer};
use crate::wire;

/// A request to open a connection, which waits for the answer of the script. When it is dropped, the client sees the end of the stream.
pub struct ScriptedRequest {
    socket: ScriptSocket,
    head: String,
}

impl ScriptedRequest {
    pub(super) fn read(mut socket: ScriptSocket) -> Result<Self, ScriptError> {
        let deadline = socket.deadline();
        loop {
            if let Some(head) = wire::take_head(&mut socket.buffer) {
                return Ok(Self { socket, head });
            }
            let (connection, expected) = (socket.number, "a request".to_owned());
            let received = match socket.fill(deadline)? {
                Filled::Bytes => continue,
                Filled::Late => {
                    let limit = socket.time_limit;
                    return Err(ScriptError::TimedOut { connection: Some(connection), expected, limit });
                }
                Filled::End => Arrival::End,
                Filled::Reset => Arrival::Reset,
            };
            return Err(ScriptError::Unexpected { connection, expected, received });
        }
    }

    /// The head of the request: its first line and its header fields, up to the empty line.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The path and the query, for example `/feed?room=1`.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header field. Names are compared without regard to case; of several fields, the first counts.
    pub fn field(&self, name: &str) -> Option<&str> {
        wire::field(&self.head, name)
    }

    /// Opens the connection, with no subprotocol and no extension.
    ///
    /// # Errors
    ///
    /// The request has no `Sec-WebSocket-Key`, or the client takes no response.
    pub fn accept(self) -> Result<ScriptedPeer, ScriptError> {
        self.accept_with(&[])
    }

    /// Opens the connection, with more header fields in the response, for example `("Sec-WebSocket-Protocol", "chat")`. The fields are sent
    /// as they are.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn accept_with(self, fields: &[(&str, &str)]) -> Result<ScriptedPeer, ScriptError> {
        let response = wire::response_to(&self.head, &lines(fields))
            .ok_or_else(|| self.socket.malformed("the request has no Sec-WebSocket-Key"))?;
        self.socket.write(response.as_bytes())?;
        Ok(ScriptedPeer::new(self.socket, self.head))
    }

    /// Refuses the request with a status, for example 503, and a body, and ends the stream.
    ///
    /// # Errors
    ///
    /// The client takes no response.
    pub fn refuse(self, status: u16, body: &str) -> Result<(), ScriptError> {
        self.refuse_with(status, &[], body)
    }

    /// Refuses the request with more header fields, for example `("Retry-After", "30")`.
    ///
    /// # Errors
    ///
    /// As for [`refuse`](Self::refuse).
    pub fn refuse_with(self, status: u16, fields: &[(&str, &str)], body: &str) -> Result<(), ScriptError> {
        let (fields, length) = (lines(fields), body.len());
        let response = format!(
            "HTTP/1.1 {status} Scripted\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        );
        self.socket.write(response.as_bytes())?;
        self.socket.hang_up();
        Ok(())
    }

    /// Sends bytes in place of a response, or a part of one.
    ///
    /// # Errors
    ///
    /// The client takes no bytes within the time limit.
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        self.socket.write(bytes.as_ref())
    }

    /// Ends the stream without a response.
    pub fn hang_up(self) {
        self.socket.hang_up();
    }

    /// Resets the TCP connection without a response.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn reset(self) -> Result<(), ScriptError> {
        self.socket.reset()
    }
}

impl fmt::Debug for ScriptedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedRequest").field("head", &self.head).finish_non_exhaustive()
    }
}

fn lines(fields: &[(&str, &str)]) -> String {
    fields.iter().fold(String::new(), |mut lines, (name, value)| {
        // A `String` takes everything.
        let _ = write!(lines, "{name}: {value}\r\n");
        lines
    })
}
