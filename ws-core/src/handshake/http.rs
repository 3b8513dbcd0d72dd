//! Heads of HTTP/1.1 messages: found in linear time, parsed once.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::headers::Headers;
use super::{MAX_HEAD, MAX_HEADERS};
use crate::first_line::FirstLine;
use crate::redacted::{Length, Uri, words};
use crate::token::is_token;

/// What a client asked for in its opening handshake.
///
/// `Debug` shows `?…` for the query, and no values of header fields. [`reveal`](Self::reveal) shows all.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    target: String,
    headers: Headers,
    client_addr: Option<SocketAddr>,
}

impl Request {
    /// The request target as it came: path and query, or a whole URI (RFC 6455 §4.2.1).
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        let resource = self.resource();
        match resource.split_once('?').map_or(resource, |(path, _)| path) {
            // RFC 9110 §4.2.3: a path that a URI leaves out is this one.
            "" => "/",
            path => path,
        }
    }

    /// The query, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.resource().split_once('?').map(|(_, query)| query)
    }

    /// All header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The host, with a port unless it is the scheme's default: of the request target if that is a whole URI (RFC 9112
    /// §3.2.2), else the `Host` field, which is always there.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    /// The same with everything before an `@`.
    pub(super) fn authority(&self) -> &str {
        self.uri().map_or_else(|| self.headers.get("Host").unwrap_or_default(), |(authority, _)| authority)
    }

    /// The `Origin` field: the web page that connects, if a browser says so. The server has compared it
    /// ([`Origins`](crate::Origins)), unless it accepts any.
    pub fn origin(&self) -> Option<&str> {
        self.headers.get("Origin")
    }

    /// The address of the client. It is the word of a trusted proxy, if the server has one and that proxy knows the address; else the
    /// address of the transport, if a listener accepted it. A port that is unknown is 0.
    pub fn client_addr(&self) -> Option<SocketAddr> {
        self.client_addr
    }

    /// Tells the address of the client, which is not in the bytes of the request.
    #[doc(hidden)]
    pub fn set_client_addr(&mut self, address: Option<SocketAddr>) {
        self.client_addr = address;
    }

    /// The extensions that the client offers, best first: the values of its `Sec-WebSocket-Extensions` fields.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.headers.all("Sec-WebSocket-Extensions")
    }

    /// The subprotocols that the client offers, best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers.tokens("Sec-WebSocket-Protocol")
    }

    /// The target with its query, and all header fields with their values. For a log that may hold credentials.
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        RevealedRequest(self)
    }

    /// Path and query.
    fn resource(&self) -> &str {
        self.uri().map_or(&self.target, |(_, resource)| resource)
    }

    /// The authority and the rest of a target that is a whole URI. Its scheme is one of HTTP or of WebSockets.
    fn uri(&self) -> Option<(&str, &str)> {
        let (scheme, rest) = self.target.split_once("://")?;
        let is_scheme = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        is_scheme.then(|| rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
    }

    /// RFC 9112 §3.2: a path, or a whole URI; RFC 6455 §3: without a fragment.
    pub(super) fn has_legal_target(&self) -> bool {
        let has_resource = match self.uri() {
            Some((authority, _)) => !authority.is_empty(),
            None => self.target.starts_with('/'),
        };
        has_resource && !self.target.contains('#')
    }
}

/// What a server answered to the opening handshake.
///
/// `Display` prints its head with the lengths of the values in place of the values, because those hold credentials such as cookies.
/// [`reveal`](Self::reveal) prints the head as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    head: Bytes,
    minor_version: u8,
    status: u16,
    reason: String,
    headers: Headers,
}

impl Response {
    /// The status code; 101 for a connection that opens.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// All header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The subprotocol that the server chose, if it chose one.
    pub fn subprotocol(&self) -> Option<&str> {
        self.headers.get("Sec-WebSocket-Protocol")
    }

    /// The extension that the server uses, with its parameters, if it uses one.
    pub fn extension(&self) -> Option<&str> {
        self.headers.get("Sec-WebSocket-Extensions")
    }

    /// The head as it came, up to and including the empty line.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// The head as it came, as text. For a log that may hold credentials.
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        String::from_utf8_lossy(&self.head)
    }

    pub(super) fn minor_version(&self) -> u8 {
        self.minor_version
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("target", &Uri(&self.target)).field("headers", &self.headers).finish()
    }
}

/// A request as it came.
struct RevealedRequest<'a>(&'a Request);

impl fmt::Display for RevealedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(request) = self;
        write!(f, "GET {} HTTP/1.1\r\n{}\r\n", request.target, request.headers.reveal())
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP/1.{} {}", self.minor_version, self.status)?;
        let reason = words(&self.reason);
        if !reason.is_empty() {
            write!(f, " {reason}")?;
        }
        self.headers.iter().try_for_each(|(name, value)| write!(f, "\r\n{name}: {}", Length(value.len())))?;
        f.write_str("\r\n\r\n")
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("headers", &self.headers).finish()
    }
}

/// Takes response heads off a buffer that grows, each within the limits of the handshake. For other machines that begin
/// with a response, such as that of a proxy.
#[doc(hidden)]
#[derive(Default, Debug)]
pub struct ResponseHead(HeadEnd);

/// Why there is no response.
#[doc(hidden)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeadError {
    /// It is not HTTP/1.1 or HTTP/1.0; the beginning of the first line.
    NotHttp(FirstLine),
    /// It is over 16 KiB.
    TooLong,
    /// It has over 100 headers.
    TooManyHeaders,
    /// This in it is malformed.
    Malformed(String),
}

impl ResponseHead {
    /// The next response, once its head is there. Bytes after the head stay in the buffer.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Response>, HeadError> {
        // A peer that speaks another protocol is told apart by its first bytes, not by a deadline.
        if !buffer.iter().zip(b"HTTP/").all(|(seen, expected)| seen == expected) {
            return Err(HeadError::NotHttp(FirstLine::of(buffer)));
        }
        let Some(len) = self.0.find(buffer).map_err(|TooLong| HeadError::TooLong)? else { return Ok(None) };
        self.0 = HeadEnd::default();
        let head = buffer.split_to(len).freeze();
        match response(&head) {
            Ok(response) => Ok(Some(response)),
            Err(BadHead::TooManyHeaders) => Err(HeadError::TooManyHeaders),
            Err(BadHead::OldVersion | BadHead::Version) => Err(HeadError::NotHttp(FirstLine::of(&head))),
            Err(BadHead::Syntax(what)) => Err(HeadError::Malformed(located(what, &head))),
        }
    }
}

/// Finds the end of a head in a buffer that grows. Every byte is looked at once.
#[derive(Default, Debug)]
pub(super) struct HeadEnd {
    scanned: usize,
    /// Whether the line that is being scanned is empty so far.
    in_empty_line: bool,
}

/// The head is longer than the limit.
pub(super) struct TooLong;

impl HeadEnd {
    /// The length of the head, its empty line included, once it is there.
    pub(super) fn find(&mut self, buffer: &[u8]) -> Result<Option<usize>, TooLong> {
        while let Some(&byte) = buffer.get(self.scanned) {
            if self.scanned == MAX_HEAD {
                return Err(TooLong);
            }
            self.scanned += 1;
            match byte {
                b'\n' if self.in_empty_line => return Ok(Some(self.scanned)),
                b'\n' => self.in_empty_line = true,
                b'\r' => {}
                _ => self.in_empty_line = false,
            }
        }
        Ok(None)
    }
}

/// Why a head cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadHead {
    TooManyHeaders,
    /// HTTP/1.0 in a request.
    OldVersion,
    /// Not HTTP/1.1.
    Version,
    Syntax(httparse::Error),
}

impl From<httparse::Error> for BadHead {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            httparse::Error::Version => Self::Version,
            error => Self::Syntax(error),
        }
    }
}

fn response(head: &Bytes) -> Result<Response, BadHead> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    // RFC 9112 §5.2: a user agent must understand a folded line. The fold becomes a space (`Headers::from_parsed`).
    config.allow_obsolete_multiline_headers_in_responses(true);
    let known = as_known(head, 0);
    let bytes = known.as_deref().unwrap_or(head);
    match (config.parse_response(&mut parsed, bytes)?, parsed.version, parsed.code) {
        (httparse::Status::Complete(_), Some(minor_version), Some(status)) => {
            let (reason, headers) =
                (parsed.reason.unwrap_or_default().into(), Headers::from_parsed(parsed.headers));
            // Copied, so that the few bytes which may be kept do not keep the read buffer.
            Ok(Response { head: Bytes::copy_from_slice(head), minor_version, status, reason, headers })
        }
        (httparse::Status::Complete(_), _, _) => Err(BadHead::Version),
        (httparse::Status::Partial, _, _) => Err(BadHead::Syntax(httparse::Error::Status)),
    }
}

/// The same head with the version HTTP/1.1, if a higher minor version stands at `start`. RFC 9110 §2.5: it is understood as the highest
/// one that is known.
fn as_known(head: &[u8], start: usize) -> Option<Vec<u8>> {
    let minor = head.get(start..)?.strip_prefix(b"HTTP/1.")?.first()?;
    (b'2'..=b'9').contains(minor).then(|| {
        let mut head = head.to_vec();
        if let Some(minor) = head.get_mut(start + b"HTTP/1.".len()) {
            *minor = b'1';
        }
        head
    })
}

/// The position of the version in the head of a request, which is the last word of its first line (RFC 9112 §3).
fn version_of_request(head: &[u8]) -> usize {
    let start = head.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(head.len());
    let line = head[start..].split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.iter().rposition(|&byte| byte == b' ').map_or(head.len(), |space| start + space + 1)
}

/// Splits a request head of `len` bytes off the buffer. Gives the method, too.
pub(super) fn request(buffer: &mut BytesMut, len: usize) -> Result<(String, Request), BadHead> {
    let head = buffer.split_to(len);
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let known = as_known(&head, version_of_request(&head));
    match (parsed.parse(known.as_deref().unwrap_or(&head))?, parsed.version, parsed.method, parsed.path) {
        (httparse::Status::Complete(_), Some(1), Some(method), Some(target)) => {
            let headers = Headers::from_parsed(parsed.headers);
            let request = Request { target: target.into(), headers, client_addr: None };
            Ok((method.into(), request))
        }
        (httparse::Status::Complete(_), Some(0), _, _) => Err(BadHead::OldVersion),
        (httparse::Status::Complete(_), _, _, _) => Err(BadHead::Version),
        (httparse::Status::Partial, _, _, _) => Err(BadHead::Syntax(httparse::Error::Token)),
    }
}

/// The fault in words, with the name of the field that has it, if that is known.
fn located(error: httparse::Error, head: &[u8]) -> String {
    let what = describe(error);
    if error != httparse::Error::HeaderValue {
        return what.into();
    }
    // RFC 9110 §5.5: a value has no control characters but the tab.
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\r".contains(byte);
    let lines = head.split(|&byte| byte == b'\n');
    let name = lines.filter(|line| line.iter().any(is_control)).find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        core::str::from_utf8(&line[..colon]).ok().filter(|name| is_token(name))
    });
    name.map_or_else(|| what.into(), |name| format!("{what}, of {name}"))
}

/// What httparse found wrong, in words.
pub(super) fn describe(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header name",
        httparse::Error::HeaderValue => "a header value",
        httparse::Error::NewLine => "a line break",
        httparse::Error::Status => "the status line",
        httparse::Error::Token => "the request line",
        httparse::Error::TooManyHeaders => "the number of headers",
        httparse::Error::Version => "the version",
    }
}
