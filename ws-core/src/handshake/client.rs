//! The client's side of the opening handshake (RFC 6455 §4.1).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bytes::BytesMut;

use super::body::ResponseBody;
use super::error::{HandshakeError, Rejected, ResponseError};
use super::http::{HeadError, Response, ResponseHead};
use super::request::ClientRequest;
use super::{accept_key, new_key};
use crate::config::Config;
use crate::connection::Connection;
use crate::deflate::{Deflate, NegotiatedDeflate};
use crate::first_line::FirstLine;
use crate::frame::Role;
use crate::machine::{Direction, Machine, TransportError};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::time::Instant;

/// Time in which the body of a refusal is read, however its length is given.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// A client that waits for the server's response, as a [`Machine`]. Its one event is the [`Response`] with status 101;
/// then [`open`](Self::open) makes a [`Connection`] of it.
pub struct ClientHandshake {
    inbound: BytesMut,
    outbound: Outbound,
    config: Config,
    random: Random,
    deadline: Instant,
    /// What the driver said last.
    now: Instant,
    eof: bool,
    broken: Option<TransportError>,
    timed_out: bool,
    expected: Expected,
    state: ClientState,
}

/// What the response must match.
struct Expected {
    accept: String,
    subprotocols: Vec<String>,
    require_subprotocol: bool,
    /// The extension that is offered.
    deflate: Option<Deflate>,
}

enum ClientState {
    Head(ResponseHead),
    Body(Response, ResponseBody),
    /// The response is right, and was reported, with what it agrees to.
    Ready(Option<NegotiatedDeflate>),
    /// The failure was reported.
    Failed,
}

impl ClientHandshake {
    /// A handshake that fails at `deadline`. The request waits in [`outbound`](Machine::outbound) at once.
    pub fn new(request: &ClientRequest, config: Config, mut random: Random, deadline: Instant) -> Self {
        let key = new_key(&mut random);
        let mut outbound = Outbound::default();
        let extensions = config.deflate.get().map(|deflate| deflate.to_string());
        outbound.append(|head| request.write(head, &key, extensions.as_deref()));
        Self {
            inbound: BytesMut::new(),
            outbound,
            random,
            deadline,
            now: Instant::EPOCH,
            eof: false,
            broken: None,
            timed_out: false,
            expected: Expected {
                accept: accept_key(&key),
                subprotocols: request.subprotocols.clone(),
                require_subprotocol: request.require_subprotocol,
                deflate: config.deflate.get(),
            },
            config,
            state: ClientState::Head(ResponseHead::default()),
        }
    }

    /// The open connection, once the response was reported; before that, the handshake again. What was read beyond the
    /// response moves along.
    #[allow(clippy::result_large_err, reason = "the handshake is handed back, not reported")]
    pub fn open(self, now: Instant) -> Result<Connection, Self> {
        match self.state {
            ClientState::Ready(deflate) => {
                let Self { config, random, inbound, outbound, eof, broken, .. } = self;
                let mut connection = Connection::new(Role::Client, &config, random, inbound, outbound, now);
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
            _ => Err(self),
        }
    }

    fn poll_head(&mut self, mut head: ResponseHead) -> Result<Option<Response>, HandshakeError> {
        let response = loop {
            let Some(response) = head.take(&mut self.inbound)? else {
                self.state = ClientState::Head(head);
                return self.poll_failure();
            };
            // RFC 6455 §4.1: HTTP/1.1 or higher; 1.0 cannot upgrade. It can refuse: proxies in front of a server do so.
            if response.minor_version() == 0 && response.status() == 101 {
                return Err(HeadError::NotHttp(FirstLine::of(response.head())).into());
            }
            // RFC 9110 §15.2: interim responses may come even if they are not expected. 101 is not one of them.
            if !matches!(response.status(), 100 | 102..=199) {
                break response;
            }
        };
        if response.status() == 101 {
            let deflate = self.expected.check(&response).map_err(HandshakeError::Response)?;
            self.state = ClientState::Ready(deflate);
            return Ok(Some(response));
        }
        let body = ResponseBody::of(&response);
        self.deadline = self.deadline.min(self.now + BODY_PATIENCE);
        self.poll_body(response, body)
    }

    fn poll_body(
        &mut self,
        response: Response,
        mut body: ResponseBody,
    ) -> Result<Option<Response>, HandshakeError> {
        let is_complete = body.feed(&mut self.inbound);
        if is_complete || self.eof || self.timed_out {
            let body = body.into_bytes();
            let refusable = self.expected.deflate.as_ref().and_then(Deflate::wishes);
            let refusable = refusable.filter(|_| response.status() == 400);
            return Err(HandshakeError::Rejected(Box::new(Rejected {
                response,
                body,
                refusable,
                max_redirects: None,
            })));
        }
        self.state = ClientState::Body(response, body);
        Ok(None)
    }

    /// There is no response yet, and there may never be one.
    fn poll_failure(&mut self) -> Result<Option<Response>, HandshakeError> {
        if !self.eof && !self.timed_out {
            return Ok(None);
        }
        self.state = ClientState::Failed;
        Err(match self.broken.take() {
            Some(broken) => HandshakeError::Transport(broken),
            None if self.timed_out => HandshakeError::Timeout,
            None => HandshakeError::UnexpectedEof(self.inbound.len()),
        })
    }
}

impl Expected {
    /// RFC 6455 §4.1, the list of what the client must validate. Gives what it agrees to.
    fn check(&self, response: &Response) -> Result<Option<NegotiatedDeflate>, ResponseError> {
        let headers = response.headers();
        let joined = |name: &str| headers.all(name).collect::<Vec<_>>().join(", ");
        let upgrade = joined("Upgrade");
        if !upgrade.eq_ignore_ascii_case("websocket") {
            return Err(ResponseError::Upgrade(upgrade));
        }
        if !headers.has_token("Connection", "upgrade") {
            return Err(ResponseError::Connection(joined("Connection")));
        }
        let accept = joined("Sec-WebSocket-Accept");
        if accept != self.accept {
            return Err(ResponseError::Accept(accept));
        }
        let deflate = match self.deflate {
            Some(offer) => offer
                .confirm(headers.all("Sec-WebSocket-Extensions"))
                .map_err(ResponseError::InvalidExtension)?,
            // An empty list is one of no extensions.
            None if headers.tokens("Sec-WebSocket-Extensions").next().is_some() => {
                return Err(ResponseError::Extension(joined("Sec-WebSocket-Extensions")));
            }
            None => None,
        };
        match headers.get("Sec-WebSocket-Protocol") {
            None if self.require_subprotocol => Err(ResponseError::SubprotocolMissing),
            None => Ok(deflate),
            Some(_) => {
                let chosen = joined("Sec-WebSocket-Protocol");
                let is_offered = self.subprotocols.contains(&chosen);
                if is_offered { Ok(deflate) } else { Err(ResponseError::Subprotocol(chosen)) }
            }
        }
    }
}

impl Machine for ClientHandshake {
    type Event = Response;
    type Error = HandshakeError;

    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.inbound
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.eof |= n == 0;
    }

    fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.outbound.acknowledge(n);
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.now = now;
        match error.direction() {
            Direction::Read => self.eof = true,
            Direction::Write => self.outbound.clear(),
        }
        self.broken = Some(TransportError::or_better(self.broken.take(), error));
    }

    fn poll_event(&mut self) -> Result<Option<Response>, HandshakeError> {
        match mem::replace(&mut self.state, ClientState::Failed) {
            ClientState::Head(head) => self.poll_head(head),
            ClientState::Body(response, body) => self.poll_body(response, body),
            ClientState::Ready(deflate) => {
                self.state = ClientState::Ready(deflate);
                Ok(None)
            }
            ClientState::Failed => Ok(None),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        matches!(self.state, ClientState::Head(_) | ClientState::Body(..)).then_some(self.deadline)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.timed_out |= self.deadline <= now;
    }
}

impl core::fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientHandshake").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
