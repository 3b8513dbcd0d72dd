//! What a session meets: scripted servers, and the transports before them.

use ws_core::bytes::Buf;
use ws_core::{Connection, Instant, Machine, ServerHandshake};

/// What an attempt meets.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    NoName,
    Refuse,
    /// Neither connects nor fails.
    BlackHole,
    /// Takes the request and says nothing.
    Silent,
    /// Answers the request with this, and then ends the stream or does not.
    Raw(String, bool),
    Serve(Serve),
}

/// How a real server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serve {
    /// Sent right behind the 101.
    pub(crate) greeting: Option<&'static str>,
    /// So many bytes of what follows the request the transport takes; then the connection breaks.
    pub(crate) takes: Option<usize>,
    /// So many of these arrive.
    pub(crate) delivers: Option<usize>,
    /// The message that it dies of.
    pub(crate) poison: Option<&'static str>,
    /// The message that must come first: until then, any other is answered with Close 1008. It is answered with `welcome`.
    pub(crate) login: Option<&'static str>,
    /// Answers nothing, pings among it.
    pub(crate) is_mute: bool,
    /// Closes with this code as soon as it is open.
    pub(crate) closes: Option<u16>,
    /// Accepts permessage-deflate, where this is built with it.
    pub(crate) compresses: bool,
}

pub(crate) fn serve() -> Plan {
    Plan::Serve(Serve::default())
}

pub(crate) fn refuse(status: u16, fields: &str) -> Plan {
    Plan::Raw(format!("HTTP/1.1 {status} No\r\n{fields}Content-Length: 0\r\n\r\n"), true)
}

pub(crate) enum Server {
    Raw { answer: String, ends: bool, is_done: bool },
    Shaking(Box<ServerHandshake>),
    Open(Box<Connection>),
    Silent,
}

/// A transport and the server behind it.
pub(crate) struct Link {
    pub(crate) server: Server,
    pub(crate) serve: Serve,
    pub(crate) request: Vec<u8>,
    /// Bytes beyond the request that the transport has taken, and that have arrived.
    pub(crate) taken: usize,
    pub(crate) arrived: usize,
    /// Bytes that the session has not read.
    pub(crate) coming: Vec<u8>,
    pub(crate) is_shut: bool,
    pub(crate) is_logged_in: bool,
    pub(crate) eof: bool,
}

impl Server {
    pub(crate) fn handle_read(&mut self, bytes: &[u8], now: Instant) {
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
    pub(crate) fn write(&mut self, limit: usize, is_asked: bool, now: Instant) -> (Vec<u8>, bool) {
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

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Open(connection) => connection.poll_timeout(),
            _ => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Self::Open(connection) = self {
            connection.handle_timeout(now);
        }
    }
}
