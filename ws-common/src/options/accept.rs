//! What can be set when a connection is accepted.

use std::fmt;
use std::time::Duration;

use ws_core::Config;
use ws_core::redacted::Subprotocols;

use super::{FOR_EVER, OPEN_TIMEOUT};
use crate::system::shutdown::Limits;
use crate::system::socket::SocketOptions;
use crate::tls::TlsAcceptor;

/// How a server accepts.
#[derive(Clone)]
pub struct AcceptOptions {
    config: Config,
    /// Longest time for opening a connection. A driver reads it; the [method](Self::open_timeout) of this name sets it.
    pub open_timeout: Duration,
    subprotocols: Vec<String>,
    tls: Option<TlsAcceptor>,
    socket: SocketOptions,
    limits: Limits,
}

/// Default of [`AcceptOptions::max_handshakes`].
const MAX_HANDSHAKES: usize = 1024;

impl Default for AcceptOptions {
    fn default() -> Self {
        Self {
            config: Config::default(),
            open_timeout: OPEN_TIMEOUT,
            subprotocols: Vec::new(),
            tls: None,
            socket: SocketOptions::server(),
            limits: Limits { handshakes: MAX_HANDSHAKES, ..Limits::default() },
        }
    }
}

impl AcceptOptions {
    /// Limits and deadlines of the connection.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The longest time that a client may take for its request. Default: 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout.min(FOR_EVER);
        self
    }

    /// Adds a subprotocol that the server speaks, best first. The first one that the client offers too is chosen; none
    /// if it offers none of them.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Speaks TLS (`wss`), with a certificate and its key: [`TlsAcceptor::new`](crate::tls::TlsAcceptor), or a `rustls::ServerConfig` of
    /// one's own, in an `Arc`. Default: plain `ws`.
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsAcceptor>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// Number of unsent bytes at which the system stops taking more, for a connection that a `Listener` accepts (`TCP_NOTSENT_LOWAT`, on
    /// Linux and Android). Default: 64 KiB. `None` leaves it to the system. See
    /// [`ConnectOptions::notsent_lowat`](crate::ConnectOptions::notsent_lowat).
    #[must_use]
    pub fn notsent_lowat(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.socket.notsent_lowat = bytes.into();
        self
    }

    /// Largest number of handshakes of a `Listener` that are under way, at least 1. Over the limit, clients wait in the backlog of the
    /// system. An `Incoming` counts until its handshake has ended or it is dropped. A call of `accept` that waits for a client counts
    /// as well. Default: 1024. `None` is no limit.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: impl Into<Option<usize>>) -> Self {
        self.limits.handshakes = handshakes.into().unwrap_or(usize::MAX).max(1);
        self
    }

    /// Largest number of connections of a `Listener`, at least 1. Open connections and handshakes under way count, and a call of
    /// `accept` that waits for a client. Over the limit, clients wait in the backlog of the system. Default: `None`, no limit.
    #[must_use]
    pub fn max_connections(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.limits.connections = connections.into().unwrap_or(usize::MAX).max(1);
        self
    }

    /// Limits of a listener with these options.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Limits and deadlines of the connection.
    pub fn connection_config(&self) -> &Config {
        &self.config
    }

    /// The options of each socket that is accepted.
    pub fn socket_options(&self) -> &SocketOptions {
        &self.socket
    }

    /// What there is to be of TLS.
    pub(crate) fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref()
    }

    /// The subprotocols that the server speaks, best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.subprotocols.iter().map(String::as_str)
    }
}

/// Shows eight characters of each subprotocol.
impl fmt::Debug for AcceptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptOptions")
            .field("config", &self.config)
            .field("open_timeout", &self.open_timeout)
            .field("subprotocols", &Subprotocols(&self.subprotocols))
            .field("tls", &self.tls)
            .field("socket", &self.socket)
            .field("limits", &self.limits)
            .finish()
    }
}
