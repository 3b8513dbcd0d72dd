//! How an opening handshake fails.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use bytes::Bytes;

pub use super::headers::InvalidHeader;
use super::http::{HeadError, Response};
use crate::extensions::InvalidExtension;
use crate::first_line::FirstLine;
use crate::machine::TransportError;
use crate::redacted::{Excerpt, Length, Uri, body_words, extension, words};

/// Why the opening handshake failed, of either role.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server's status is not 101.
    Rejected(Box<Rejected>),
    /// The server's response is not what RFC 6455 §4.1 asks for.
    Response(ResponseError),
    /// The client's request is not what RFC 6455 §4.2.1 asks for. It is being answered with a fitting status.
    Request(RequestError),
    /// The head is over 16 KiB.
    HeadTooLong,
    /// The head has over 100 headers.
    TooManyHeaders,
    /// The stream ended before the handshake, after this many bytes.
    UnexpectedEof(usize),
    /// The handshake was not finished by its deadline.
    Timeout,
    /// The transport failed.
    Transport(TransportError),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Response(error) => write!(f, "the server's response is not a WebSocket handshake: {error}"),
            Self::Request(error @ RequestError::ForeignOrigin { .. }) => {
                write!(f, "the client's request was refused: {error}")
            }
            Self::Request(error) => write!(f, "the client's request is not a WebSocket handshake: {error}"),
            Self::HeadTooLong => f.write_str("the head of the handshake is over the limit of 16 KiB"),
            Self::TooManyHeaders => f.write_str("the handshake has over 100 headers"),
            Self::UnexpectedEof(0) => {
                // So do most servers over TLS when they get a request in the clear.
                f.write_str("the peer ended the stream without an answer; is this the right port and scheme (ws or wss)?")
            }
            Self::UnexpectedEof(n) => {
                write!(f, "the peer ended the stream after {n} bytes, within the handshake")
            }
            Self::Timeout => f.write_str("the peer did not finish the handshake in time"),
            Self::Transport(broken) => broken.fmt(f),
        }
    }
}

impl core::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(broken) => core::error::Error::source(broken),
            _ => None,
        }
    }
}

impl From<HeadError> for HandshakeError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::NotHttp(start) => Self::Response(ResponseError::NotHttp(start)),
            HeadError::TooLong => Self::HeadTooLong,
            HeadError::TooManyHeaders => Self::TooManyHeaders,
            HeadError::Malformed(what) => Self::Response(ResponseError::Malformed(what)),
        }
    }
}

/// A server that did not switch protocols: what it said instead.
///
/// `Display` is one line for a log: the status, its reason phrase, the `Location` of a redirect without query and credentials, and up to
/// 80 characters of the body, which are the server's words to the reader. `Debug` shows no value of a header field, and the length of
/// the body.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Its response.
    pub response: Response,
    /// The beginning of the response's body, up to 16 KiB of it.
    pub body: Bytes,
    /// The parameters of the extension that were offered and that some servers refuse by this status, and their settings.
    pub(crate) refusable: Option<[&'static str; 2]>,
    /// The value of the setting `max_redirects`, if it keeps the client from a redirect.
    pub(crate) max_redirects: Option<u32>,
}

impl Rejected {
    /// For a client that follows redirects: the setting keeps it from this one.
    #[doc(hidden)]
    pub fn reaches_max_redirects(&mut self, max_redirects: u32) {
        self.max_redirects = Some(max_redirects);
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, reason) = (self.response.status(), self.response.reason());
        write!(f, "the server answered {status}")?;
        let reason = words(reason);
        if !reason.is_empty() {
            write!(f, " {reason}")?;
        }
        f.write_str(" instead of 101")?;
        if let Some(location) = self.response.headers().get("Location") {
            write!(f, ", with a redirect to {:?}", Uri(location))?;
        }
        let said = body_words(&self.body);
        if !said.is_empty() {
            write!(f, ": {said}")?;
        }
        if let Some([parameters, settings]) = self.refusable {
            write!(
                f,
                "; some servers answer so to {parameters} in the offer of permessage-deflate: \
                 try without the setting {settings} of `Deflate`"
            )?;
        }
        match self.max_redirects {
            None => Ok(()),
            Some(limit) => write!(f, "; max_redirects ({limit}) is reached"),
        }
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("response", &self.response)
            .field("body", &Length(self.body.len()))
            .finish_non_exhaustive()
    }
}

impl core::error::Error for Rejected {}

/// What is wrong with a server's response with status 101. `Debug` and `Display` show eight characters of a value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// It is not HTTP/1.1; the first bytes that came.
    NotHttp(FirstLine),
    /// Its head is malformed: the part, with the name of the field if that is known.
    Malformed(String),
    /// `Upgrade` is not `websocket` alone.
    Upgrade(String),
    /// `Connection` does not hold `upgrade`.
    Connection(String),
    /// There is not exactly one `Sec-WebSocket-Accept`, or it does not answer the key.
    Accept(String),
    /// It names a subprotocol that was not offered, or several.
    Subprotocol(String),
    /// It names no subprotocol, though one is required.
    SubprotocolMissing,
    /// It names an extension, though none was offered.
    Extension(String),
    /// It is no legal answer to the extension that was offered, or names another.
    InvalidExtension(InvalidExtension),
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp(start) => {
                write!(f, "it is not HTTP/1.1, but begins with {start}; is this the right port and scheme?")
            }
            Self::Malformed(what) => write!(f, "its head is malformed ({what})"),
            Self::Upgrade(seen) => write!(f, "Upgrade is {}, not \"websocket\"", Excerpt::new(seen)),
            Self::Connection(seen) => {
                write!(f, "Connection is {}, without \"upgrade\"", Excerpt::new(seen))
            }
            Self::Accept(seen) => {
                write!(f, "Sec-WebSocket-Accept is {}, which does not answer the key", Excerpt::new(seen))
            }
            Self::Subprotocol(seen) => {
                write!(f, "it chose the subprotocol {}, which was not offered", Excerpt::new(seen))
            }
            Self::SubprotocolMissing => f.write_str("it chose no subprotocol, though one is required"),
            Self::Extension(seen) => {
                write!(f, "it uses the extension {}, which was not offered", extension(seen))
            }
            Self::InvalidExtension(error) => write!(f, "in its Sec-WebSocket-Extensions, {error}"),
        }
    }
}

impl fmt::Debug for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = match self {
            Self::NotHttp(start) => return f.debug_tuple("NotHttp").field(start).finish(),
            Self::InvalidExtension(error) => return f.debug_tuple("InvalidExtension").field(error).finish(),
            Self::SubprotocolMissing => return f.write_str("SubprotocolMissing"),
            // The names of fields, and words of the library.
            Self::Malformed(what) => return f.debug_tuple("Malformed").field(what).finish(),
            Self::Upgrade(seen) => ("Upgrade", seen),
            Self::Connection(seen) => ("Connection", seen),
            Self::Accept(seen) => ("Accept", seen),
            Self::Subprotocol(seen) => ("Subprotocol", seen),
            Self::Extension(seen) => ("Extension", seen),
        };
        f.debug_tuple(name).field(&Excerpt::new(value)).finish()
    }
}

/// A fault of a client's request. `Debug` and `Display` show eight characters of a value, but the origin of a page and the host whole.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// It is not HTTP/1.1.
    NotHttp,
    /// It is HTTP/1.0, which has no upgrade. This is the default of nginx in front of a server.
    Http10,
    /// Its head is malformed.
    Malformed(&'static str),
    /// The method is not GET.
    Method(String),
    /// The target is no path that begins with `/`, and no whole URI of HTTP; or it has a fragment (RFC 9112 §3.2).
    Target(String),
    /// There is not exactly one `Host`.
    Host,
    /// The `Host`, the host of the target or that of a trusted `X-Forwarded-Host` is no host with an optional port.
    InvalidHost(String),
    /// There are several `Origin`, or it is neither `null` nor a scheme with a host and an optional port.
    InvalidOrigin(String),
    /// The server does not accept clients from pages of this origin ([`Origins`](crate::Origins)).
    ForeignOrigin {
        /// The `Origin` of the page.
        origin: String,
        /// The host that the request is for.
        host: String,
    },
    /// It has a body.
    Body,
    /// It does not ask for an upgrade to `websocket`: an ordinary HTTP request.
    NoUpgrade,
    /// There is not exactly one `Sec-WebSocket-Key` of 16 bytes.
    Key(String),
    /// `Sec-WebSocket-Version` is not 13.
    Version(String),
    /// `Sec-WebSocket-Extensions` is not a list of extensions (§9.1). Only seen by a server that has any.
    Extensions(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("it is not HTTP/1.1"),
            Self::Http10 => f.write_str(
                "it needs HTTP/1.1, but the request is HTTP/1.0 (nginx: proxy_http_version 1.1, \
                 proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection \"upgrade\")",
            ),
            Self::Malformed(what) => write!(f, "the head of the request is malformed ({what})"),
            Self::Target(target) => {
                write!(f, "the target {:?} is no path and no URI of HTTP without a fragment", Uri(target))
            }
            Self::Method(method) => write!(f, "the method is {}, not GET", Excerpt::new(method)),
            Self::Host => f.write_str("there is not exactly one Host"),
            Self::InvalidHost(host) => write!(f, "{:?} is not a host with an optional port", Uri(host)),
            Self::InvalidOrigin(origin) => write!(f, "the Origin {:?} is not one legal origin", Uri(origin)),
            Self::ForeignOrigin { origin, host } => write!(
                f,
                "pages of the Origin {:?} may not connect to the Host {:?}; the server can name that origin in `origins`, or \
                 a proxy in front of it can pass the browser's Host (nginx: proxy_set_header Host $http_host)",
                Uri(origin),
                Uri(host)
            ),
            Self::Body => f.write_str("it has a body"),
            Self::NoUpgrade => f.write_str("it does not ask for an upgrade to \"websocket\""),
            Self::Key(key) => write!(f, "the key {} is not 16 bytes in base64", Excerpt::new(key)),
            Self::Version(version) => write!(f, "the version is {}, not 13", Excerpt::new(version)),
            Self::Extensions(seen) => {
                let seen = extension(seen);
                write!(f, "Sec-WebSocket-Extensions is {seen}, which is not a list of extensions")
            }
        }
    }
}

impl fmt::Debug for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = match self {
            Self::NotHttp => return f.write_str("NotHttp"),
            Self::Http10 => return f.write_str("Http10"),
            Self::Target(target) => return f.debug_tuple("Target").field(&Uri(target)).finish(),
            Self::Malformed(what) => return f.debug_tuple("Malformed").field(what).finish(),
            Self::Host => return f.write_str("Host"),
            Self::Body => return f.write_str("Body"),
            Self::NoUpgrade => return f.write_str("NoUpgrade"),
            Self::InvalidHost(host) => return f.debug_tuple("InvalidHost").field(&Uri(host)).finish(),
            Self::InvalidOrigin(origin) => {
                return f.debug_tuple("InvalidOrigin").field(&Uri(origin)).finish();
            }
            // A page's origin and the server's own host are no secrets (RFC 6454 §7).
            Self::ForeignOrigin { origin, host } => {
                return f.debug_struct("ForeignOrigin").field("origin", origin).field("host", host).finish();
            }
            Self::Method(seen) => ("Method", seen),
            Self::Key(seen) => ("Key", seen),
            Self::Version(seen) => ("Version", seen),
            Self::Extensions(seen) => ("Extensions", seen),
        };
        f.debug_tuple(name).field(&Excerpt::new(value)).finish()
    }
}

impl RequestError {
    /// The status that answers it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Method(_) => 405,
            Self::NoUpgrade | Self::Version(_) => 426,
            Self::ForeignOrigin { .. } => 403,
            _ => 400,
        }
    }
}
