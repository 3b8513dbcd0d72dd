//! What can be set when a connection is accepted.

use std::time::Duration;

use ws_core::{Config, InvalidHeader, Origins};

use super::{FOR_EVER, OPEN_TIMEOUT};
use crate::system::shutdown::Limits;
use crate::system::socket::SocketOptions;
use crate::tls::TlsAcceptor;

/// How a server accepts.
#[derive(Clone, Debug)]
pub struct AcceptOptions {
    config: Config,
    /// Longest time for opening a connection. A driver reads it; the [method](Self::open_timeout) of this name sets it.
    pub open_timeout: Duration,
    subprotocols: Vec<String>,
    origins: Origins,
    trusts_forwarded_host: bool,
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
            origins: Origins::same(),
            trusts_forwarded_host: false,
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

    /// Accepts clients from web pages of the server's own origin only. This is the default: a browser lets any page connect, and sends
    /// the cookies of its user along (cross-site hijacking, RFC 6455 §10.2).
    ///
    /// The host and the port of `Origin` must be those of `Host`. Case and scheme are not compared. A missing port of `Origin` is that
    /// of its scheme; a missing port of `Host` matches 80 and 443. Other pages get 403, with a body that names both values. A request
    /// without `Origin` is accepted, because it comes from no web page. The check runs before the hook of `accept_with`.
    ///
    /// A proxy in front of the server must pass the browser's `Host` (nginx: `proxy_set_header Host $http_host`). Otherwise
    /// name the origin with [`origins`](Self::origins), or trust the proxy with
    /// [`trust_forwarded_host`](Self::trust_forwarded_host).
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.origins = Origins::same();
        self
    }

    /// Accepts clients from web pages of these origins only, for example `https://example.com`, or `null`. Replaces
    /// [`same_origin`](Self::same_origin) and an earlier list. Case is not compared, and neither is a port that the scheme implies. A
    /// request without `Origin` is accepted.
    ///
    /// # Errors
    ///
    /// One of them is no origin: for example, it has no scheme, or a path.
    pub fn origins(
        mut self,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, InvalidHeader> {
        self.origins = Origins::only(origins)?;
        Ok(self)
    }

    /// Accepts clients from any web page. For a server that grants nothing to cookies, and for a program that compares
    /// [`Request::origin`](ws_core::Request::origin) itself in the hook of `accept_with`. Two `Origin` and an illegal one still get 400.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = Origins::any();
        self
    }

    /// Whether [`same_origin`](Self::same_origin) compares the first host of `X-Forwarded-Host` instead of that of `Host`, if a request
    /// has it. Only for a server that clients reach through a proxy which sets the field. Default: no.
    #[must_use]
    pub fn trust_forwarded_host(mut self, trusted: bool) -> Self {
        self.trusts_forwarded_host = trusted;
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

    /// The web pages from which clients are accepted.
    pub(crate) fn accepted_origins(&self) -> Origins {
        self.origins.clone().trust_forwarded_host(self.trusts_forwarded_host)
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
