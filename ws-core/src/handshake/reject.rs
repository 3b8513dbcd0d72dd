//! How a request is refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::error::{InvalidHeader, RequestError};
use super::headers::{Headers, write_field};
use crate::redacted::Length;

/// How a server refuses a request. `Debug` shows the lengths of the values of header fields and of the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Reject {
    status: u16,
    headers: Headers,
    body: Bytes,
}

impl Reject {
    /// Refuses with a status from 300 to 599, such as 401 or 403.
    pub fn new(status: u16) -> Result<Self, InvalidHeader> {
        if !(300..=599).contains(&status) {
            return Err(InvalidHeader { name: "status".into(), reason: "a refusal is from 300 to 599" });
        }
        Ok(Self { status, headers: Headers::default(), body: Bytes::new() })
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
        Self { status, headers: own, body: body.into() }
    }

    /// The answer as bytes, for a driver that refuses a client before it has read the request.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes.into()
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
        head.extend_from_slice(&self.body);
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
    Reject::of(error.status(), headers, format!("This is a WebSocket server, and {error}.\n"))
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
