//! What can be set when a connection is opened.

mod accept;
mod named;
mod redirect;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ws_core::{ClientRequest, Config, InvalidHeader};

use crate::error::ConnectError;
use crate::proxy::{Environment, Proxy, ProxyScheme};
use crate::redirect::{PublicStep, RedirectHook};
use crate::system::socket::SocketOptions;
use crate::target::Target;
use crate::tls::{self, TlsConnector};

pub use accept::AcceptOptions;
pub(crate) use accept::ClientKey;
use named::NamedConfig;

/// The longest time for everything up to the open connection: resolving, connecting, the opening handshake.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// For ever, as far as an attempt to connect goes; what a clock can show is no more than this away.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How a client connects. A URL alone is one, with every default.
///
/// ```
/// use std::time::Duration;
/// use ws_common::ConnectOptions;
/// use ws_core::Config;
///
/// let options = ConnectOptions::new("ws://127.0.0.1:8080/feed")?
///     .header("Cookie", "session=1")?
///     .subprotocol("chat.v2")?
///     .config(Config::default().ping_interval(Duration::from_secs(55)))
///     .open_timeout(Duration::from_secs(3));
/// # Ok::<(), ws_common::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    target: Target,
    request: ClientRequest,
    config: NamedConfig,
    /// Longest time for opening a connection. A driver reads it; the [method](Self::open_timeout) of this name sets it.
    pub open_timeout: Duration,
    addresses: Vec<SocketAddr>,
    last: Vec<SocketAddr>,
    socket: SocketOptions,
    tls: Option<TlsConnector>,
    proxy: ProxyChoice,
    proxy_tls: Option<TlsConnector>,
    max_redirects: u32,
    redirect_hook: Option<RedirectHook>,
    /// A redirect came from a public address, so that private addresses of the target are passed over.
    public_step: Option<Arc<PublicStep>>,
}

/// Which proxy there is to be.
#[derive(Clone, Debug)]
enum ProxyChoice {
    None,
    This(Proxy),
    Environment(Environment),
}

impl ConnectOptions {
    /// Connects to `url`: `ws://host:port/path?query`, or `wss://`.
    pub fn new(url: &str) -> Result<Self, ConnectError> {
        let target: Target = url.parse()?;
        if target.is_secure() && !tls::IS_SUPPORTED {
            return Err(ConnectError::TlsUnsupported);
        }
        let request = target.request()?;
        Ok(Self {
            target,
            request,
            config: NamedConfig::default(),
            open_timeout: OPEN_TIMEOUT,
            addresses: Vec::new(),
            last: Vec::new(),
            socket: SocketOptions::client(),
            tls: None,
            proxy: ProxyChoice::None,
            proxy_tls: None,
            max_redirects: 0,
            redirect_hook: None,
            public_step: None,
        })
    }

    /// Adds a header field to the request, in order. See [`ClientRequest::header`] for what is refused. User name and password in the URL
    /// are an `Authorization` as well, beside which there is no second one.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.request = self.request.header(name, value)?;
        Ok(self)
    }

    /// Sets `Origin`. The last call wins.
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidHeader> {
        self.request = self.request.origin(origin)?;
        Ok(self)
    }

    /// Offers a subprotocol, in order of preference.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidHeader> {
        self.request = self.request.subprotocol(name)?;
        Ok(self)
    }

    /// Whether a response that chooses none of the subprotocols is an error. Default: no.
    #[must_use]
    pub fn require_subprotocol(mut self, required: bool) -> Self {
        self.request = self.request.require_subprotocol(required);
        self
    }

    /// Limits and deadlines of the connection. A setting made by name ([`ping_interval`](Self::ping_interval),
    /// [`pong_timeout`](Self::pong_timeout), [`write_timeout`](Self::write_timeout), [`message_timeout`](Self::message_timeout),
    /// [`max_send_buffer`](Self::max_send_buffer)), here or on a
    /// [`ClientBuilder`](crate::session::ClientBuilder), wins over the same setting in here, whichever is made first. Within
    /// [`prepare`](crate::session::ClientBuilder::prepare), call the method of the same name to change such a setting.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config.set(config);
        self
    }

    /// How often a ping is sent, whatever the traffic. Default: 20 s. `None` sends none. See [`Config::ping_interval`]. Of two calls,
    /// the last wins, also if the first was made on a [`ClientBuilder`](crate::session::ClientBuilder).
    #[must_use]
    pub fn ping_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        let interval = interval.into();
        self.set_by_name(|config| config.set_ping_interval(interval))
    }

    /// How long a ping may stay unanswered. Default: 20 s. `None` waits for ever. Any byte that comes answers it; see
    /// [`Config::pong_timeout`]. Of two calls, the last wins, as for [`ping_interval`](Self::ping_interval).
    #[must_use]
    pub fn pong_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into();
        self.set_by_name(|config| config.set_pong_timeout(timeout))
    }

    /// Length of the windows in which a transport that refuses bytes has to take 60 KiB, or all that waited. Default: 60 s. `None` waits
    /// for ever. See [`Config::write_timeout`]. Of two calls, the last wins, as for [`ping_interval`](Self::ping_interval).
    #[must_use]
    pub fn write_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into();
        self.set_by_name(|config| config.set_write_timeout(timeout))
    }

    /// Length of the windows in which the peer has to send 60 KiB of an incomplete message, or its end. Default: 60 s. `None` waits for
    /// ever. See [`Config::message_timeout`]. Of two calls, the last wins, as for [`ping_interval`](Self::ping_interval).
    #[must_use]
    pub fn message_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into();
        self.set_by_name(|config| config.set_message_timeout(timeout))
    }

    /// Number of bytes that may wait to be sent. Default: 1 MiB. See [`Config::max_send_buffer`]. Of two calls, the last wins, as for
    /// [`ping_interval`](Self::ping_interval).
    ///
    /// The outbox of a client has the bound of its [`ClientBuilder`](crate::session::ClientBuilder::max_send_buffer), over all connections;
    /// [`prepare`](crate::session::ClientBuilder::prepare) does not change it.
    #[must_use]
    pub fn max_send_buffer(self, bytes: usize) -> Self {
        self.set_by_name(|config| config.set_max_send_buffer(bytes))
    }

    /// Makes settings by name.
    fn set_by_name(mut self, set: impl FnOnce(&mut NamedConfig)) -> Self {
        set(&mut self.config);
        self
    }

    /// The longest time for everything from resolving the name to the open connection. Default: 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout.min(FOR_EVER);
        self
    }

    /// Connects to this address instead of resolving the URL's host, which still stands in `Host`. Several calls give several
    /// addresses, between which there is a race (RFC 8305), as between those of a name.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }
}

/// The TCP socket of each attempt.
impl ConnectOptions {
    /// The local address to connect from. Port 0 lets the system choose one. Default: the system chooses.
    ///
    /// A port that is set is shared (`SO_REUSEADDR`), so that a reconnect and the second address of a race get it again. Two connections
    /// from one port to the same server cannot exist at once; the error then names the local address.
    #[must_use]
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.socket.bind = Some(address);
        self
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default: yes.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.socket.nodelay = nodelay;
        self
    }

    /// Number of unsent bytes at which the system stops taking more (`TCP_NOTSENT_LOWAT`, on Linux and Android). Default: 64 KiB.
    /// `None` leaves it to the system, which holds several megabytes.
    ///
    /// Bytes that the system holds lie before the next ping. Linux takes whole packets of up to 64 KiB before segmentation, so that it may
    /// hold one packet more than this number. A live peer is not declared dead while (`notsent_lowat` + 64 KiB + bytes in flight) ÷ rate <
    /// [`pong_timeout`](ws_core::Config::pong_timeout). For example, with the default and 64 KiB in flight, 192 KiB at 10 KB/s take 19.7 s,
    /// which is less than the default of 20 s. Over loopback, a value of 16 KiB or more costs neither throughput nor processor time. Over
    /// a link of 10 MB/s with a round trip of 50 or 100 ms (tokio, 2026-11-30), values of 16, 64 and 128 KiB and `None` all reach 9.6 MB/s
    /// of payload, which is the rate of the link.
    #[must_use]
    pub fn notsent_lowat(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.socket.notsent_lowat = bytes.into();
        self
    }

    /// Time without traffic after which the system asks whether the peer is there, and time between two such questions
    /// (`SO_KEEPALIVE`). Default: 60 s. `None` turns it off.
    ///
    /// It keeps the entry of a NAT alive. A dead peer is found sooner by [`ping_interval`](ws_core::Config::ping_interval).
    #[must_use]
    pub fn tcp_keepalive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.socket.tcp_keepalive = time.into();
        self
    }

    /// Calls `hook` with each socket before it is bound and connects, after all other options were set. An error fails the attempt at
    /// this address, and is a source of the error in [`ConnectError::Connect`](crate::ConnectError::Connect). A client whose attempt
    /// failed so at each address reports an end by us.
    ///
    /// The socket is not connected. It implements `AsFd` (`AsSocket` on Windows), so that a crate such as `socket2` can set its options.
    /// `SO_LINGER` is set by the library: closing a socket before its attempt has won resets it.
    ///
    /// ```
    /// let options = ws_common::ConnectOptions::new("ws://127.0.0.1:8080/")?
    ///     .on_socket(|socket| socket.set_ttl(16));
    /// # Ok::<(), ws_common::ConnectError>(())
    /// ```
    #[must_use]
    pub fn on_socket(
        mut self,
        hook: impl Fn(&TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.socket.hook = Some(Arc::new(hook));
        self
    }
}

/// TLS and proxies.
impl ConnectOptions {
    /// The TLS of `wss`: own authorities, a certificate of the client, another name, from
    /// `TlsOptions`, or a `rustls::ClientConfig` of one's own, in an `Arc`. Default: what the platform trusts.
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// Goes through this proxy: `http://`, `https://`, `socks5://` or `socks5h://` (`socks://` is the same), with `user:password@` if it
    /// asks for them.
    ///
    /// `socks5` is told the address of the target, which is resolved here; all others are told its name.
    pub fn proxy(mut self, url: &str) -> Result<Self, ConnectError> {
        let proxy: Proxy = url.parse()?;
        if proxy.scheme() == ProxyScheme::Https && !tls::IS_SUPPORTED {
            return Err(ConnectError::TlsUnsupported);
        }
        self.proxy = ProxyChoice::This(proxy);
        Ok(self)
    }

    /// Goes through the proxy that the environment names now, if it names one for the target: by `HTTPS_PROXY` for `wss`,
    /// `HTTP_PROXY` for `ws`, `ALL_PROXY` for both, except what `NO_PROXY` lists. See [`Proxy::from_environment`].
    ///
    /// A variable that counts and is not UTF-8 fails the attempt ([`ProxyError::UnreadableVariable`](crate::proxy::ProxyError)).
    #[must_use]
    pub fn proxy_from_environment(mut self) -> Self {
        self.proxy = ProxyChoice::Environment(Environment::now());
        self
    }

    /// The TLS that is spoken with an `https` proxy itself. Default: what the platform trusts. What was set by
    /// [`tls`](Self::tls) is meant for the target, and is not used there.
    #[must_use]
    pub fn proxy_tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.proxy_tls = Some(tls.into());
        self
    }
}

impl ConnectOptions {
    /// Dials these addresses after all others, in this order.
    pub(crate) fn try_last(mut self, addresses: &[SocketAddr]) -> Self {
        self.last = addresses.to_vec();
        self
    }

    /// The addresses that are dialed after all others.
    pub(crate) fn last_addresses(&self) -> &[SocketAddr] {
        &self.last
    }

    /// The TLS of the target, if there is to be any.
    pub(crate) fn connector(&self) -> Result<Option<TlsConnector>, ConnectError> {
        if self.target.is_secure() { connector(self.tls.as_ref()).map(Some) } else { Ok(None) }
    }

    /// The TLS of an `https` proxy.
    pub(crate) fn proxy_connector(&self) -> Result<TlsConnector, ConnectError> {
        connector(self.proxy_tls.as_ref())
    }

    /// Whether a proxy was set, or is to be taken from the environment.
    pub(crate) fn sets_proxy(&self) -> bool {
        !matches!(self.proxy, ProxyChoice::None)
    }

    /// The proxy for this target, if there is to be one.
    pub(crate) fn chosen_proxy(&self) -> Result<Option<Proxy>, ConnectError> {
        let proxy = match &self.proxy {
            ProxyChoice::None => None,
            ProxyChoice::This(proxy) => Some(proxy.clone()),
            ProxyChoice::Environment(environment) => environment.proxy(&self.target)?,
        };
        match proxy {
            Some(proxy) if proxy.scheme() == ProxyScheme::Https && !tls::IS_SUPPORTED => {
                Err(ConnectError::TlsUnsupported)
            }
            proxy => Ok(proxy),
        }
    }
}

/// For the adapters: what was set.
impl ConnectOptions {
    /// The server and the resource on it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The opening handshake.
    pub fn request(&self) -> &ClientRequest {
        &self.request
    }

    /// Limits and deadlines of the connection.
    pub fn connection_config(&self) -> &Config {
        self.config.as_config()
    }

    /// The options of each socket.
    pub fn socket_options(&self) -> &SocketOptions {
        &self.socket
    }

    /// The addresses that stand in for resolving the host, if there are any.
    pub fn remote_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl TryFrom<&str> for ConnectOptions {
    type Error = ConnectError;
    fn try_from(url: &str) -> Result<Self, ConnectError> {
        Self::new(url)
    }
}

impl TryFrom<String> for ConnectOptions {
    type Error = ConnectError;
    fn try_from(url: String) -> Result<Self, ConnectError> {
        Self::new(&url)
    }
}

impl TryFrom<&String> for ConnectOptions {
    type Error = ConnectError;
    fn try_from(url: &String) -> Result<Self, ConnectError> {
        Self::new(url)
    }
}

fn connector(chosen: Option<&TlsConnector>) -> Result<TlsConnector, ConnectError> {
    match chosen {
        Some(tls) => Ok(tls.clone()),
        None => Ok(tls::default_connector().ok_or(ConnectError::TlsUnsupported)??),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_is_set_once_by_the_url_or_by_a_header() {
        let options = |url: &str| ConnectOptions::new(url).unwrap();
        let once = options("ws://h/").header("Authorization", "Bearer a").unwrap();
        for twice in [once, options("ws://user:pass@h/")] {
            let error = twice.header("authorization", "Bearer b").unwrap_err();
            assert!(error.to_string().contains("set already"), "{error}");
        }
    }
}
