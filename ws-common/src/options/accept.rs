//! What can be set when a connection is accepted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ws_core::bytes::Bytes;
use ws_core::redacted::Subprotocols;
use ws_core::{Config, InvalidHeader, Origins};

use super::connection::NamedConfig;
use super::{FOR_EVER, OPEN_TIMEOUT};
use crate::refusal::too_many;
use crate::system::shutdown::{Admission, Guard, Limits};
use crate::system::socket::SocketOptions;
use crate::tls::TlsAcceptor;
use crate::trusted_proxy::TrustedProxy;

/// How a server accepts.
#[derive(Clone)]
pub struct AcceptOptions {
    /// Shared by the copies of the options, of which a server has one for each connection.
    pub(super) config: Arc<NamedConfig>,
    /// Longest time for opening a connection. A driver reads it; the [method](Self::open_timeout) of this name sets it.
    #[doc(hidden)]
    pub open_timeout: Duration,
    /// Longest time for the program's decision. A driver reads it; the [method](Self::decide_timeout) of this name sets it.
    #[doc(hidden)]
    pub decide_timeout: Duration,
    subprotocols: Vec<String>,
    origins: Origins,
    trusts_forwarded_host: bool,
    tls: Option<TlsAcceptor>,
    socket: SocketOptions,
    limits: Limits,
    client_key: ClientKey,
    trusted_proxy: Option<TrustedProxy>,
}

/// Default of [`AcceptOptions::max_handshakes`].
const MAX_HANDSHAKES: usize = 1024;
/// Default of [`AcceptOptions::decide_timeout`].
const DECIDE_TIMEOUT: Duration = Duration::from_secs(30);

/// The hook of [`AcceptOptions::client_key`].
#[derive(Clone)]
pub(crate) struct ClientKey(Arc<dyn Fn(IpAddr) -> Option<IpAddr> + Send + Sync>);

impl ClientKey {
    /// Counts a client. `false` if it is at its limit.
    pub(crate) fn admit(&self, admission: &Admission, client: IpAddr) -> bool {
        (self.0)(client).is_none_or(|key| admission.admit(key))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey")
    }
}

/// The default of [`AcceptOptions::client_key`].
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self {
            config: Arc::default(),
            open_timeout: OPEN_TIMEOUT,
            decide_timeout: DECIDE_TIMEOUT,
            subprotocols: Vec::new(),
            origins: Origins::same(),
            trusts_forwarded_host: false,
            tls: None,
            socket: SocketOptions::server(),
            limits: Limits { max_handshakes: MAX_HANDSHAKES, ..Limits::default() },
            client_key: ClientKey(Arc::new(|ip| Some(network_of(ip)))),
            trusted_proxy: None,
        }
    }
}

impl AcceptOptions {
    /// Sets all limits and deadlines of the connection at once. A setting made by its name, such as
    /// [`ping_interval`](Self::ping_interval), wins, whichever call comes first.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        Arc::make_mut(&mut self.config).set(config);
        self
    }

    /// The longest time that a client may take for TLS, for the head of its request, and for reading the answer, all three together. The
    /// time of the program's decision in between does not count. Default: 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout.min(FOR_EVER);
        self
    }

    /// The longest time that the program may take for its decision in the hook of `accept_with`. A client whose program takes longer
    /// gets 503, and the program [`AcceptError::DecideTimeout`](crate::AcceptError::DecideTimeout). The time is checked when the hook
    /// returns, because the library cannot interrupt it. Default: 30 s.
    #[must_use]
    pub fn decide_timeout(mut self, timeout: Duration) -> Self {
        self.decide_timeout = timeout.min(FOR_EVER);
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
        self.limits.max_handshakes = handshakes.into().unwrap_or(usize::MAX).max(1);
        self
    }

    /// Largest number of connections of a `Listener`, at least 1. Open connections and handshakes under way count, and a call of
    /// `accept` that waits for a client. Over the limit, clients wait in the backlog of the system. Default: `None`, no limit.
    #[must_use]
    pub fn max_connections(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.limits.max_connections = connections.into().unwrap_or(usize::MAX).max(1);
        self
    }

    /// Largest number of connections of a `Listener` from one client, at least 1, with handshakes under way. A client is an IPv4
    /// address or an IPv6 network of 64 bits; [`client_key`](Self::client_key) decides otherwise. Default: `None`, no limit.
    ///
    /// A connection over the limit does not wait, because it must not stand in front of other clients. Without TLS it gets 503 if the
    /// system takes the answer at once; then, and with TLS, it is closed. `Listener::accept` goes on to the next client.
    #[must_use]
    pub fn max_connections_per_client(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.limits.max_connections_per_client = connections.into().unwrap_or(usize::MAX).max(1);
        self
    }

    /// Sets the hook that tells which client an address belongs to, for
    /// [`max_connections_per_client`](Self::max_connections_per_client). Connections of addresses with the same key count together, for
    /// example of one network. An address without a key does not count. The hook runs only if there is such a limit, and behind a proxy only
    /// for a client that the proxy knows. It must not wait. Default: an IPv4 address, or the first 64 bits of an IPv6 address.
    #[must_use]
    pub fn client_key(mut self, key: impl Fn(IpAddr) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.client_key = ClientKey(Arc::new(key));
        self
    }

    /// Takes the address of each client from a proxy in front of the server, for [`Request::client_addr`](ws_core::Request::client_addr)
    /// and for [`max_connections_per_client`](Self::max_connections_per_client). Default: none.
    ///
    /// Only for a server that no client can reach except through that proxy. A connection that does not come from such a proxy is
    /// refused with 400, without TLS also if it lacks the header of the PROXY protocol: [`AcceptError::TrustedProxy`]. A client at its
    /// limit gets 503, or is disconnected before TLS: [`AcceptError::ClientLimit`]. A client that the proxy does not know does not count.
    ///
    /// [`AcceptError::TrustedProxy`]: crate::AcceptError::TrustedProxy
    /// [`AcceptError::ClientLimit`]: crate::AcceptError::ClientLimit
    #[must_use]
    pub fn trusted_proxy(mut self, proxy: impl Into<Option<TrustedProxy>>) -> Self {
        self.trusted_proxy = proxy.into();
        self
    }

    /// Counts a member of a listener by the address of its transport. `false` if the client is at its limit. Behind a trusted proxy,
    /// [`ServerUpgrade`](crate::ServerUpgrade) counts it later, when it knows the client.
    #[doc(hidden)]
    pub fn admit(&self, guard: &Guard, address: SocketAddr) -> bool {
        let key = self.key().filter(|_| self.trusted_proxy.is_none());
        key.is_none_or(|key| key.admit(&guard.admission(), address.ip()))
    }

    /// The form in which a trusted proxy tells the address of a client.
    pub(crate) fn proxy_in_front(&self) -> Option<TrustedProxy> {
        self.trusted_proxy
    }

    /// The hook of [`client_key`](Self::client_key), if it is of use.
    pub(crate) fn key(&self) -> Option<&ClientKey> {
        Some(&self.client_key).filter(|_| self.limits.max_connections_per_client < usize::MAX)
    }

    /// The answer to a client over its limit, before TLS and before its request.
    #[doc(hidden)]
    pub fn refusal(&self) -> Option<Bytes> {
        self.tls.is_none().then(too_many)
    }

    /// Limits of a listener with these options.
    #[doc(hidden)]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Shortest time between a cause and its deadline: see [`Config::shortest_timeout`].
    #[doc(hidden)]
    pub fn shortest_timeout(&self) -> Duration {
        self.as_config().shortest_timeout()
    }

    /// Limits and deadlines of the connection.
    pub(crate) fn as_config(&self) -> &Config {
        self.config.as_config()
    }

    /// The options of each socket that is accepted.
    #[doc(hidden)]
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

/// Shows eight characters of each subprotocol.
impl fmt::Debug for AcceptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptOptions")
            .field("config", self.as_config())
            .field("open_timeout", &self.open_timeout)
            .field("decide_timeout", &self.decide_timeout)
            .field("subprotocols", &Subprotocols(&self.subprotocols))
            .field("origins", &self.origins)
            .field("trusted_proxy", &self.trusted_proxy)
            .field("tls", &self.tls)
            .field("socket", &self.socket)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_key_is_an_ipv4_address_or_a_network_of_64_bits() {
        for (address, key) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()), key.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[test]
    fn the_refusal_has_the_length_that_it_announces() {
        let refusal = AcceptOptions::default().refusal().unwrap();
        let (head, body) = std::str::from_utf8(&refusal).unwrap().split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{} bytes", body.len());
    }
}
