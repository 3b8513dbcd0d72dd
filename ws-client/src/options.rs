//! What can be set when a connection is opened.

use std::net::SocketAddr;
use std::time::Duration;

use ws_core::{ClientRequest, Config, InvalidHeader, Random};

use crate::error::ConnectError;
use crate::target::{Target, TargetError};

/// The longest time for everything up to the open connection: resolving, connecting, the opening handshake.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// For ever, as far as an attempt to connect goes; what a clock can show is no more than this away.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How a client connects. A URL alone is one, with every default.
///
/// ```
/// use std::time::Duration;
/// use ws_client::ConnectOptions;
/// use ws_core::Config;
///
/// let options = ConnectOptions::new("ws://127.0.0.1:8080/feed")?
///     .header("Cookie", "session=1")?
///     .subprotocol("chat.v2")?
///     .config(Config::default().ping_interval(Duration::from_secs(55)))
///     .open_timeout(Duration::from_secs(3));
/// # Ok::<(), ws_client::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    target: Target,
    request: ClientRequest,
    config: Config,
    open_timeout: Duration,
    bind: Option<SocketAddr>,
    addresses: Vec<SocketAddr>,
    nodelay: bool,
}

impl ConnectOptions {
    /// Connects to `url`: `ws://host:port/path?query`.
    pub fn new(url: &str) -> Result<Self, ConnectError> {
        let target: Target = url.parse()?;
        if target.is_secure() {
            return Err(ConnectError::TlsUnsupported);
        }
        let request = target.request()?;
        Ok(Self {
            target,
            request,
            config: Config::default(),
            open_timeout: OPEN_TIMEOUT,
            bind: None,
            addresses: Vec::new(),
            nodelay: true,
        })
    }

    /// Adds a header field to the request, in order. See [`ClientRequest::header`] for what is refused.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.request = self.request.header(name, value)?;
        Ok(self)
    }

    /// Sets `Origin`.
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

    /// Limits and deadlines of the connection.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The longest time for everything from resolving the name to the open connection. Default: 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout.min(FOR_EVER);
        self
    }

    /// The local address to connect from. Port 0 lets the system choose one. Default: the system chooses.
    #[must_use]
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// Connects to this address instead of resolving the URL's host, which still stands in `Host`. Several calls give several
    /// addresses, between which there is a race (RFC 8305), as between those of a name.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default: yes.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }
}

impl ConnectOptions {
    /// Where a redirect leads: the same options for another URL, which may be relative to this one.
    ///
    /// To another origin, of the header fields only `User-Agent` and `Origin` go along, since any other may hold a secret
    /// that is meant for the first server; and an address set apart from the URL does not. Never from `wss` to `ws`.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, ConnectError> {
        let target = self.target.join(location)?;
        if self.target.is_secure() && !target.is_secure() {
            return Err(ConnectError::Url(TargetError::Scheme("ws".into())));
        }
        if target.is_secure() {
            return Err(ConnectError::TlsUnsupported);
        }
        let is_same = self.target.is_same_origin(&target);
        let keep = |name: &str| {
            is_same || ["User-Agent", "Origin"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
        };
        let mut request = self.request.redirected(&target.host_field(), target.path_and_query(), keep)?;
        if let Some(authorization) = target.authorization().filter(|_| !is_same) {
            request = request.header("Authorization", authorization)?;
        }
        let addresses = if is_same { self.addresses.clone() } else { Vec::new() };
        Ok(Self { target, request, addresses, ..self.clone() })
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
        &self.config
    }

    /// The longest time for everything up to the open connection.
    pub fn time_to_open(&self) -> Duration {
        self.open_timeout
    }

    /// The local address to connect from.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.bind
    }

    /// The addresses that stand in for resolving the host, if there are any.
    pub fn remote_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether small writes go out at once.
    pub fn is_nodelay(&self) -> bool {
        self.nodelay
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

/// How a server accepts.
#[derive(Clone, Debug)]
pub struct AcceptOptions {
    config: Config,
    open_timeout: Duration,
    subprotocols: Vec<String>,
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self { config: Config::default(), open_timeout: OPEN_TIMEOUT, subprotocols: Vec::new() }
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

    /// Limits and deadlines of the connection.
    pub fn connection_config(&self) -> &Config {
        &self.config
    }

    /// The longest time that a client may take for its request.
    pub fn time_to_open(&self) -> Duration {
        self.open_timeout
    }

    /// The subprotocols that the server speaks, best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.subprotocols.iter().map(String::as_str)
    }
}

/// A generator for one connection, seeded by the operating system.
pub fn random() -> std::io::Result<Random> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::from)?;
    Ok(Random::from_seed(seed))
}
