//! How a request is refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::error::{HandshakeError, InvalidHeader, RequestError};
use super::headers::{Headers, write_field};
use crate::redacted::Length;

/// How a server refuses a request. `Debug` shows the lengths of the values of header fields and of the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Reject {
    status: u16,
    headers: Headers,
    body: Bytes,
    /// An answer to HEAD has the fields of an answer to GET, and no body (RFC 9110 §9.3.2).
    answers_head: bool,
}

impl Reject {
    /// 400: the request is wrong in the eyes of the program.
    pub const BAD_REQUEST: Self = Self::bare(400);
    /// 401: the request has no valid credentials. RFC 9110 §15.5.2: add `WWW-Authenticate`.
    pub const UNAUTHORIZED: Self = Self::bare(401);
    /// 403: this client may not connect.
    pub const FORBIDDEN: Self = Self::bare(403);
    /// 404: there is nothing at this path.
    pub const NOT_FOUND: Self = Self::bare(404);
    /// 429: the client connects too often. A `Retry-After` tells it when to reconnect.
    pub const TOO_MANY_REQUESTS: Self = Self::bare(429);
    /// 503: the server takes no clients now. A `Retry-After` tells it when to reconnect.
    pub const SERVICE_UNAVAILABLE: Self = Self::bare(503);

    const fn bare(status: u16) -> Self {
        Self { status, headers: Headers::EMPTY, body: Bytes::new(), answers_head: false }
    }

    /// Refuses with a status from 300 to 599, such as 401 or 403.
    pub fn new(status: u16) -> Result<Self, InvalidHeader> {
        if !(300..=599).contains(&status) {
            return Err(InvalidHeader { name: "status".into(), reason: "a refusal is from 300 to 599" });
        }
        Ok(Self::bare(status))
    }

    /// Adds a header field, such as `WWW-Authenticate` or `Retry-After`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// Sets the body; plain text unless a `Content-Type` says otherwise.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn of(status: u16, headers: &[(&str, &str)], body: String) -> Self {
        let mut own = Headers::default();
        for (name, value) in headers {
            own.set(name, value);
        }
        Self { headers: own, ..Self::bare(status) }.body(body)
    }

    /// The answer as bytes, for a driver that refuses a client before it has read the request.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes.into()
    }

    /// The answer to HEAD, if it `is_head`.
    pub(super) fn answering_head(mut self, is_head: bool) -> Self {
        self.answers_head = is_head;
        self
    }

    pub(super) fn write(&self, head: &mut Vec<u8>) {
        head.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).as_bytes());
        // RFC 9110 §7.8: who sends Upgrade must name it in Connection.
        let has_upgrade = self.headers.get("Upgrade").is_some();
        write_field(head, "Connection", if has_upgrade { "close, Upgrade" } else { "close" });
        write_field(head, "Content-Length", &format!("{}", self.body.len()));
        if !self.body.is_empty() && self.headers.get("Content-Type").is_none() {
            write_field(head, "Content-Type", "text/plain; charset=utf-8");
        }
        self.headers.write(head);
        head.extend_from_slice(b"\r\n");
        if !self.answers_head {
            head.extend_from_slice(&self.body);
        }
    }
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reject")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &Length(self.body.len()))
            .finish()
    }
}

/// The answer to a request that is no handshake.
pub(super) fn refusal(error: &RequestError) -> Reject {
    let headers: &[_] = match error {
        // RFC 9110 §15.5.6: a 405 lists what is allowed.
        RequestError::Method(_) => &[("Allow", "GET")],
        // RFC 9110 §15.5.22: a 426 says what to upgrade to; RFC 6455 §4.4: and which version.
        RequestError::NoUpgrade | RequestError::Version(_) => {
            &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        }
        _ => &[],
    };
    Reject::of(error.status(), headers, said(error))
}

/// The answer to a head that is longer than the limits (431), or that has not come in time (408).
pub(super) fn refusal_of_head(status: u16, error: &HandshakeError) -> Reject {
    Reject::of(status, &[], said(error))
}

fn said(error: &impl fmt::Display) -> String {
    format!("This is a WebSocket server, and {error}.\n")
}

/// The usual reason phrases (RFC 9110 §15); a client ignores them.
fn reason(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}
