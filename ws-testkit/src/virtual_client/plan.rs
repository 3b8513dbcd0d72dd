//! The fate of attempts: simulated servers, and the transports before them.

use ws_core::bytes::Buf;
use ws_core::{Config, Connection, Instant, Machine, ServerHandshake};

/// The fate of one attempt to connect.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a test has a handful of plans")]
pub enum AttemptPlan {
    /// The server's name does not resolve.
    NoName,
    /// TCP is refused.
    Refuse,
    /// TCP neither connects nor fails, until `open_timeout`.
    BlackHole,
    /// The server takes the request and says nothing.
    Silent,
    /// The server answers the request with this text, and then ends the stream (`true`) or stays silent (`false`).
    Raw(String, bool),
    /// The server accepts the request, and behaves in this manner.
    Serve(ServerManner),
}

impl Default for AttemptPlan {
    /// A server that accepts, without faults.
    fn default() -> Self {
        Self::Serve(ServerManner::default())
    }
}

impl AttemptPlan {
    /// A response with this status, for example 503, and the end of the stream.
    pub fn refuse(status: u16) -> Self {
        Self::refuse_with(status, "")
    }

    /// A response with further header fields, each with CRLF at its end, for example `"Retry-After: 30\r\n"`.
    pub fn refuse_with(status: u16, fields: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {status} No\r\n{fields}Content-Length: 0\r\n\r\n"), true)
    }
}

/// The manner of a server that accepts a connection. By default it answers pings and Close frames, and sends nothing else. Bytes are counted
/// from the end of the request on.
#[derive(Clone, Debug)]
pub struct ServerManner {
    /// Settings of the server's connection. By default it sends no pings.
    pub config: Config,
    /// A message that is sent right behind the response.
    pub greeting: Option<&'static str>,
    /// Number of bytes that the transport takes from the client; then the connection breaks.
    pub takes: Option<usize>,
    /// Number of these bytes that arrive at the server; the rest is lost.
    pub delivers: Option<usize>,
    /// The message at which the server ends the stream.
    pub poison: Option<&'static str>,
    /// The message that must come first, and is answered with `welcome`. Until then, any other is answered with Close 1008.
    pub login: Option<&'static str>,
    /// The server sends nothing after its response, pongs included.
    pub is_mute: bool,
    /// The code with which the server closes as soon as the connection is open.
    pub closes: Option<u16>,
}

impl Default for ServerManner {
    fn default() -> Self {
        Self {
            config: Config::default().ping_interval(None),
            greeting: None,
            takes: None,
            delivers: None,
            poison: None,
            login: None,
            is_mute: false,
            closes: None,
        }
    }
}

/// A simulated server.
pub(super) enum VirtualServer {
    Raw { answer: String, ends: bool, is_done: bool },
    Shaking(Box<ServerHandshake>),
    Open(Box<Connection>),
    Silent,
}

/// A transport and the server behind it.
pub(super) struct VirtualLink {
    pub(super) server: VirtualServer,
    pub(super) manner: ServerManner,
    pub(super) request: Vec<u8>,
    /// Bytes beyond the request that the transport has taken, and that have arrived.
    pub(super) taken: usize,
    pub(super) arrived: usize,
    /// Bytes that the session has not read.
    pub(super) coming: Vec<u8>,
    pub(super) is_shut: bool,
    pub(super) is_logged_in: bool,
    pub(super) eof: bool,
}

impl VirtualServer {
    pub(super) fn handle_read(&mut self, bytes: &[u8], now: Instant) {
        fn feed<M: Machine>(machine: &mut M, bytes: &[u8], now: Instant) {
            machine.inbound().extend_from_slice(bytes);
            machine.handle_read(bytes.len(), now);
        }
        match self {
            Self::Shaking(handshake) => feed(&mut **handshake, bytes, now),
            Self::Open(connection) => feed(&mut **connection, bytes, now),
            Self::Raw { .. } | Self::Silent => {}
        }
    }

    /// Up to `limit` bytes, and whether the stream ends when there are none.
    pub(super) fn write(&mut self, limit: usize, is_asked: bool, now: Instant) -> (Vec<u8>, bool) {
        fn take<M: Machine>(machine: &mut M, limit: usize, now: Instant) -> (Vec<u8>, bool) {
            let n = machine.outbound().remaining().min(limit);
            let mut bytes = vec![0; n];
            machine.outbound().copy_to_slice(&mut bytes);
            if n > 0 {
                machine.handle_write(n, now);
            }
            let ends = machine.outbound().is_finished();
            (bytes, ends)
        }
        match self {
            Self::Shaking(handshake) => take(&mut **handshake, limit, now),
            Self::Open(connection) => take(&mut **connection, limit, now),
            Self::Raw { answer, is_done, .. } if is_asked && !*is_done => {
                let n = limit.min(answer.len());
                let bytes = answer.drain(..n).collect::<String>().into_bytes();
                *is_done = answer.is_empty();
                (bytes, false)
            }
            Self::Raw { ends, is_done, .. } => (Vec::new(), *ends && *is_done),
            Self::Silent => (Vec::new(), false),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Open(connection) => connection.poll_timeout(),
            _ => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Self::Open(connection) = self {
            connection.handle_timeout(now);
        }
    }
}
