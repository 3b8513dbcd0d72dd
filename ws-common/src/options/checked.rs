//! Options of a client without an invalid setting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ws_core::{ClientRequest, Config};

use super::connection::NamedConfig;
use super::error::InvalidSetting;
use super::step::PublicStep;
use super::{FOR_EVER, OPEN_TIMEOUT};
use crate::error::ConnectError;
use crate::proxy::{Environment, Proxy, ProxyScheme};
use crate::redirect::RedirectHook;
use crate::system::socket::SocketOptions;
use crate::target::Target;
use crate::tls::{self, TlsConnector};

/// [`ConnectOptions`](crate::ConnectOptions) that hold no invalid setting, from [`build`](crate::ConnectOptions::build).
///
/// A driver of one connection begins with `build`. The settings can be read here alone, so that no driver misses an error.
#[derive(Clone, Debug)]
pub struct CheckedOptions {
    pub(super) target: Target,
    pub(super) request: ClientRequest,
    pub(super) config: Arc<NamedConfig>,
    pub(super) open_timeout: Duration,
    /// The setting, for errors, if `open_timeout` is its rest after a redirect.
    pub(super) set_open_timeout: Option<Duration>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) last: Vec<SocketAddr>,
    pub(super) socket: SocketOptions,
    pub(super) tls: Option<TlsConnector>,
    pub(super) proxy: ProxyChoice,
    pub(super) proxy_tls: Option<TlsConnector>,
    pub(super) max_redirects: u32,
    /// Number of redirects that led here. Invariant: at most `max_redirects`.
    pub(super) redirects: u32,
    pub(super) redirect_hook: Option<RedirectHook>,
    /// A redirect came from a public address, so that private addresses of the target are passed over.
    pub(super) public_step: Option<Arc<PublicStep>>,
}

/// The source of the proxy.
#[derive(Clone, Debug)]
pub(super) enum ProxyChoice {
    None,
    This(Proxy),
    Environment(Environment),
}

impl CheckedOptions {
    /// The defaults for this URL.
    pub(super) fn new(url: &str) -> Result<Self, InvalidSetting> {
        let target: Target = url.parse()?;
        if target.is_secure() && !tls::IS_SUPPORTED {
            return Err(InvalidSetting::TlsUnsupported);
        }
        let request = target.request()?;
        Ok(Self {
            target,
            request,
            config: Arc::default(),
            open_timeout: OPEN_TIMEOUT,
            set_open_timeout: None,
            addresses: Vec::new(),
            last: Vec::new(),
            socket: SocketOptions::client(),
            tls: None,
            proxy: ProxyChoice::None,
            proxy_tls: None,
            max_redirects: 0,
            redirects: 0,
            redirect_hook: None,
            public_step: None,
        })
    }

    /// Sets [`open_timeout`](Self::open_timeout).
    pub(crate) fn set_open_timeout(&mut self, timeout: Duration) {
        self.open_timeout = timeout.min(FOR_EVER);
        self.set_open_timeout = None;
    }

    /// Takes away the bound of the bytes that may wait to be sent.
    pub(crate) fn without_send_limit(mut self) -> Self {
        Arc::make_mut(&mut self.config).max_send_buffer(usize::MAX);
        self
    }

    /// Dials these addresses after all others, in this order.
    pub(crate) fn try_last(mut self, addresses: &[SocketAddr]) -> Self {
        self.last = addresses.to_vec();
        self
    }
}

/// For the adapters: the settings.
impl CheckedOptions {
    /// The server and the resource on it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The opening handshake.
    pub fn request(&self) -> &ClientRequest {
        &self.request
    }

    /// Limits and deadlines of the connection.
    pub fn config(&self) -> &Config {
        self.config.as_config()
    }

    /// Longest time for everything from resolving the name to the open connection.
    pub fn open_timeout(&self) -> Duration {
        self.open_timeout
    }

    /// The options of each socket.
    pub fn socket_options(&self) -> &SocketOptions {
        &self.socket
    }

    /// The addresses that stand in for resolving the host, if there are any.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl CheckedOptions {
    /// The addresses that are tried after all others.
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

fn connector(chosen: Option<&TlsConnector>) -> Result<TlsConnector, ConnectError> {
    match chosen {
        Some(tls) => Ok(tls.clone()),
        None => Ok(tls::default_connector().ok_or(ConnectError::TlsUnsupported)??),
    }
}
