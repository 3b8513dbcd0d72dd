//! The server's side of the opening handshake (RFC 6455 §4.2).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use bytes::BytesMut;

use super::error::{HandshakeError, InvalidHeader, RequestError};
use super::headers::{Headers, write_field};
use super::http::{self, BadHead, HeadEnd, Request};
use super::origin::Origins;
use super::reject::{Reject, refusal, refusal_of_head};
use super::{MAX_HEAD, accept_key, is_key};
use crate::config::Config;
use crate::connection::Connection;
use crate::deflate::{Deflate, NegotiatedDeflate};
use crate::frame::Role;
use crate::machine::{Direction, Machine, TransportError};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::redacted::Excerpt;
use crate::time::Instant;

/// RFC 8446 §5.1: the first byte of TLS is 22.
const BINARY: &str = "it is no text: does the client speak TLS, as for wss?";

/// The PROXY protocol (haproxy.org, proxy-protocol.txt): the beginning of version 1, and a head that is over before it has begun, as the
/// first four bytes of version 2 are.
const PROXY: &[u8] = b"PROXY ";
const EMPTY: &[u8] = b"\r\n\r\n";
const PROXIED: &str =
    "it begins as a header of the PROXY protocol, which the server reads if `trusted_proxy` is set";

/// A server that waits for a client's request, as a [`Machine`]. Its one event is the [`Request`]; then
/// [`accept`](Self::accept) makes a [`Connection`] of it, or [`reject`](Self::reject) answers otherwise.
///
/// A request that is no WebSocket handshake is answered by the machine itself, with 400, 403, 405, 408, 426 or 431; the driver
/// writes the answer and shuts down, as [`Outbound::is_finished`] says.
pub struct ServerHandshake {
    inbound: BytesMut,
    outbound: Outbound,
    config: Config,
    random: Random,
    origins: Origins,
    deadline: Instant,
    eof: bool,
    broken: Option<TransportError>,
    timed_out: bool,
    state: ServerState,
}

enum ServerState {
    Head(HeadEnd),
    /// The request was reported. What a response answers to its key and its offers of extensions.
    Ready(String, Option<NegotiatedDeflate>),
    /// The request was answered otherwise, or will never come.
    Over,
}

/// How a server accepts a request.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Accept {
    subprotocol: Option<String>,
    headers: Headers,
    without_deflate: bool,
}

impl Accept {
    /// Accepts without a subprotocol and without further headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol, which must be one of those that the request offers.
    pub fn subprotocol(mut self, request: &Request, name: &str) -> Result<Self, InvalidHeader> {
        if !request.subprotocols().any(|offered| offered == name) {
            let reason = "the client does not offer this subprotocol";
            return Err(InvalidHeader { name: "Sec-WebSocket-Protocol".into(), reason });
        }
        self.subprotocol = Some(name.into());
        Ok(self)
    }

    /// Chooses the first of `supported` that the request offers; none if it offers none of them.
    #[must_use]
    pub fn first_subprotocol<'a>(
        mut self,
        request: &Request,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut ranks = BTreeMap::new();
        for (rank, name) in supported.into_iter().enumerate() {
            ranks.entry(name).or_insert(rank);
        }
        // The list of a stranger is long at worst, and is read once.
        let offered = request.subprotocols().filter_map(|name| ranks.get_key_value(name));
        let best = offered.min_by_key(|(_, rank)| **rank);
        self.subprotocol = best.map(|(name, _)| String::from(*name));
        self
    }

    /// Does not compress, whatever the request offers and [`Config::deflate`](crate::Config::deflate) accepts.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn without_deflate(mut self) -> Self {
        self.without_deflate = true;
        self
    }

    /// Adds a header field to the response. An error for a name or value that is not legal, and for what the handshake
    /// itself sets.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.headers.push(name, value)?;
        Ok(self)
    }
}

impl ServerHandshake {
    /// A handshake that fails at `deadline`.
    pub fn new(config: Config, random: Random, deadline: Instant) -> Self {
        Self {
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            config,
            random,
            origins: Origins::same(),
            deadline,
            eof: false,
            broken: None,
            timed_out: false,
            state: ServerState::Head(HeadEnd::default()),
        }
    }

    /// Sets the web pages from which clients are accepted. Default: [`Origins::same`], so that a page of a stranger cannot use the
    /// cookies of its visitor.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// The open connection, once the request was reported; before that, the handshake again. The response waits in the
    /// connection's [`outbound`](Machine::outbound), and what was read beyond the request moves along.
    #[allow(clippy::result_large_err, reason = "the handshake is handed back, not reported")]
    pub fn accept(self, accept: &Accept, now: Instant) -> Result<Connection, Self> {
        let ServerState::Ready(key, deflate) = &self.state else { return Err(self) };
        let deflate = deflate.filter(|_| !accept.without_deflate);
        let mut outbound = Outbound::default();
        outbound.append(|head| {
            head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
            write_field(head, "Upgrade", "websocket");
            write_field(head, "Connection", "Upgrade");
            write_field(head, "Sec-WebSocket-Accept", key);
            if let Some(subprotocol) = &accept.subprotocol {
                write_field(head, "Sec-WebSocket-Protocol", subprotocol);
            }
            if let Some(deflate) = deflate {
                write_field(head, "Sec-WebSocket-Extensions", &deflate.to_string());
            }
            accept.headers.write(head);
            head.extend_from_slice(b"\r\n");
        });
        let Self { config, random, inbound, eof, broken, .. } = self;
        let mut connection = Connection::new(Role::Server, &config, random, inbound, outbound, now);
        if let Some(deflate) = deflate {
            connection.use_deflate(&deflate);
        }
        if let Some(broken) = broken {
            connection.handle_error(broken, now);
        }
        if eof {
            connection.handle_read(0, now);
        }
        Ok(connection)
    }

    /// Answers the request that was reported with something else than a connection, and ends the stream. Does nothing
    /// before the request was reported, or after it was answered.
    pub fn reject(&mut self, reject: &Reject) {
        if let ServerState::Ready(..) = self.state {
            self.answer(reject);
        }
    }

    fn answer(&mut self, reject: &Reject) {
        self.state = ServerState::Over;
        self.inbound = BytesMut::new();
        self.outbound.append(|head| reject.write(head));
        self.outbound.finish();
    }

    fn poll_head(&mut self, mut end: HeadEnd) -> Result<Option<Request>, HandshakeError> {
        let wrong = |error: RequestError| (refusal(&error), HandshakeError::Request(error));
        let too_large = |error: HandshakeError| (refusal_of_head(431, &error), error);
        let is_proxied = self.inbound.starts_with(PROXY) || self.inbound.starts_with(EMPTY);
        // Such bytes are refused before a method has come, however they were split into reads.
        let is_early = is_proxied || self.is_binary();
        let (found, is_head) = match end.find(&self.inbound) {
            _ if is_early => {
                (Err(wrong(RequestError::Malformed(if is_proxied { PROXIED } else { BINARY }))), false)
            }
            Ok(Some(len)) => {
                let is_head = asks_for_head(&self.inbound);
                let found = http::request(&mut self.inbound, len).map_err(|bad| match bad {
                    BadHead::TooManyHeaders => too_large(HandshakeError::TooManyHeaders),
                    BadHead::OldVersion => wrong(RequestError::Http10),
                    BadHead::Version => wrong(RequestError::NotHttp),
                    BadHead::Syntax(what) => wrong(RequestError::Malformed(http::describe(what))),
                });
                (found, is_head)
            }
            Ok(None) => {
                self.state = ServerState::Head(end);
                return self.poll_failure();
            }
            Err(http::TooLong) => (Err(too_large(HandshakeError::HeadTooLong)), asks_for_head(&self.inbound)),
        };
        let deflate = self.config.deflate.get();
        let checked =
            found.and_then(|(method, request)| match check(&method, &request, &self.origins, deflate) {
                Ok((key, deflate)) => Ok((key, deflate, request)),
                Err(error) => Err(wrong(error)),
            });
        match checked {
            Ok((key, deflate, request)) => {
                self.state = ServerState::Ready(accept_key(&key), deflate);
                Ok(Some(request))
            }
            Err((reject, error)) => {
                self.answer(&reject.answering_head(is_head));
                Err(error)
            }
        }
    }

    /// A client that speaks another protocol, such as TLS, is told apart by its first byte, not by a deadline.
    fn is_binary(&self) -> bool {
        self.inbound.first().is_some_and(|&byte| !byte.is_ascii_graphic() && byte != b'\r' && byte != b'\n')
    }

    /// There is no request yet, and there may never be one.
    fn poll_failure(&mut self) -> Result<Option<Request>, HandshakeError> {
        if !self.eof && !self.timed_out {
            return Ok(None);
        }
        let received = self.inbound.len();
        match self.broken.take() {
            Some(broken) => {
                self.state = ServerState::Over;
                self.outbound.finish();
                Err(HandshakeError::Transport(broken))
            }
            None if self.timed_out => {
                self.answer(&refusal_of_head(408, &HandshakeError::Timeout));
                Err(HandshakeError::Timeout)
            }
            None => {
                self.state = ServerState::Over;
                self.outbound.finish();
                Err(HandshakeError::UnexpectedEof(received))
            }
        }
    }
}

/// RFC 6455 §4.2.1, what the client's handshake consists of. Gives the key, and the answer to its offers of extensions.
fn check(
    method: &str,
    request: &Request,
    origins: &Origins,
    deflate: Option<Deflate>,
) -> Result<(String, Option<NegotiatedDeflate>), RequestError> {
    let headers = request.headers();
    if method != "GET" {
        return Err(RequestError::Method(method.into()));
    }
    if !request.has_legal_target() {
        return Err(RequestError::Target(request.target().into()));
    }
    if headers.only("Host").is_none() {
        return Err(RequestError::Host);
    }
    let has_body =
        headers.get("Transfer-Encoding").is_some() || headers.all("Content-Length").any(|n| n != "0");
    if has_body {
        return Err(RequestError::Body);
    }
    if !headers.has_token("Upgrade", "websocket") || !headers.has_token("Connection", "upgrade") {
        return Err(RequestError::NoUpgrade);
    }
    let joined = |name: &str| headers.all(name).collect::<Vec<_>>().join(", ");
    if headers.only("Sec-WebSocket-Version") != Some("13") {
        return Err(RequestError::Version(joined("Sec-WebSocket-Version")));
    }
    let key = headers
        .only("Sec-WebSocket-Key")
        .filter(|key| is_key(key))
        .ok_or_else(|| RequestError::Key(joined("Sec-WebSocket-Key")))?;
    let deflate = match deflate {
        Some(deflate) => deflate
            .accept(headers.all("Sec-WebSocket-Extensions"))
            .map_err(|_| RequestError::Extensions(joined("Sec-WebSocket-Extensions")))?,
        None => None,
    };
    // RFC 6455 §4.2.2: after the checks of the handshake, before the program sees it.
    origins.check(request)?;
    Ok((key.into(), deflate))
}

impl Machine for ServerHandshake {
    type Event = Request;
    type Error = HandshakeError;

    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.inbound
    }

    fn handle_read(&mut self, n: usize, _now: Instant) {
        self.eof |= n == 0;
        if let ServerState::Over = self.state {
            self.inbound.clear();
        }
    }

    fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    fn handle_write(&mut self, n: usize, _now: Instant) {
        self.outbound.acknowledge(n);
    }

    fn handle_error(&mut self, error: TransportError, _now: Instant) {
        match error.direction() {
            Direction::Read => self.eof = true,
            Direction::Write => self.outbound.clear(),
        }
        self.broken = Some(TransportError::or_better(self.broken.take(), error));
    }

    fn poll_event(&mut self) -> Result<Option<Request>, HandshakeError> {
        match mem::replace(&mut self.state, ServerState::Over) {
            ServerState::Head(end) => self.poll_head(end),
            state => {
                self.state = state;
                Ok(None)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        matches!(self.state, ServerState::Head(_)).then_some(self.deadline)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.timed_out |= self.deadline <= now;
    }
}

/// Shows no values of headers, and eight characters of the subprotocol.
impl core::fmt::Debug for Accept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Accept")
            .field("subprotocol", &self.subprotocol.as_deref().map(Excerpt::new))
            .field("headers", &self.headers)
            .field("without_deflate", &self.without_deflate)
            .finish()
    }
}

impl core::fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ServerHandshake").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Whether the method is HEAD. It is asked once the head has ended, because many empty lines may come before the method, byte by byte.
fn asks_for_head(inbound: &[u8]) -> bool {
    inbound[..inbound.len().min(MAX_HEAD)].trim_ascii_start().starts_with(b"HEAD ")
}
