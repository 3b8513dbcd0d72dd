//! The client's side.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Connection, SignatureScheme};
use ws_core::redacted::Uri;

use super::error::TlsConfigError;
use super::machine::{MAX_RECORD, Tls};
use crate::proxy::Proxy;
use crate::sync::{Mutex, lock};

/// A client's TLS, made once by [`TlsOptions::build`](super::TlsOptions::build) and used for every connection. A clone shares its
/// sessions, so that a connection after the first is resumed, if the server lets it. A session that began on one route, directly or
/// through a proxy, is not resumed on another one.
///
/// One of a [`rustls::ClientConfig`] uses that as it is, ALPN included (RFC 7301: `http/1.1` belongs there, or nothing). The direct route
/// has the store of that configuration. Through a proxy, no session is resumed.
#[derive(Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    accepts_any_certificate: bool,
    routes: Routes,
}

/// The sessions of each route through a proxy.
#[derive(Clone)]
enum Routes {
    /// The configuration is the program's own, and so is its store of sessions.
    Foreign,
    Own(Arc<Mutex<Configs>>),
}

/// A configuration for each proxy, the latest first. Each has a store of its own.
type Configs = VecDeque<(Proxy, Arc<ClientConfig>)>;

/// Largest number of proxies whose sessions are kept. Beyond it, the oldest route is forgotten.
const MAX_ROUTES: usize = 8;

impl TlsConnector {
    fn new(
        config: ClientConfig,
        server_name: Option<ServerName<'static>>,
        accepts_any_certificate: bool,
        routes: Routes,
    ) -> Self {
        Self { config: Arc::new(config), server_name, accepts_any_certificate, routes }
    }

    /// A connector with sessions of its own for each route.
    pub(super) fn of_options(
        config: ClientConfig,
        server_name: Option<ServerName<'static>>,
        accepts_any_certificate: bool,
    ) -> Self {
        Self::new(config, server_name, accepts_any_certificate, Routes::Own(Arc::default()))
    }

    /// The same with the sessions of this route. A session ticket is a name by which the server knows the client again, so that an observer
    /// of two routes would learn that one client uses both.
    pub(crate) fn through(&self, proxy: Option<&Proxy>) -> Self {
        let Some(proxy) = proxy else { return self.clone() };
        let config = match &self.routes {
            Routes::Foreign => self.with_sessions(Resumption::disabled()),
            Routes::Own(routes) => {
                let mut routes = lock(routes);
                match routes.iter().find(|(known, _)| known == proxy) {
                    Some((_, config)) => config.clone(),
                    None => {
                        let config = self.with_sessions(Resumption::default());
                        routes.truncate(MAX_ROUTES - 1);
                        routes.push_front((proxy.clone(), config.clone()));
                        config
                    }
                }
            }
        };
        Self { config, ..self.clone() }
    }

    fn with_sessions(&self, resumption: Resumption) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = resumption;
        Arc::new(config)
    }

    /// As [`TlsOptions::server_name`](super::TlsOptions::server_name).
    pub fn server_name(mut self, name: &str) -> Result<Self, TlsConfigError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// The same for a server that the user did not name: without the name that was set, and without a certificate of the client.
    /// `None` stands for the default, also instead of a connector that accepts any certificate. The sessions of such a connector stay
    /// behind, too, because a resumed session is not verified again.
    pub(crate) fn for_other_origin(&self) -> Option<Self> {
        if self.accepts_any_certificate {
            return None;
        }
        if !self.config.client_auth_cert_resolver.has_certs() {
            return Some(Self { server_name: None, ..self.clone() });
        }
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
        // A session that is resumed stands for the certificate that it began with.
        config.resumption = Resumption::default();
        let routes = match &self.routes {
            Routes::Foreign => Routes::Foreign,
            Routes::Own(_) => Routes::Own(Arc::default()),
        };
        Some(Self::new(config, None, false, routes))
    }

    /// Puts TLS around `machine`. `host` is that of the URL: a name, or an address, with brackets or without; it is what the
    /// server's certificate must be for, unless another name was set.
    pub fn start<M>(&self, host: &str, machine: M) -> Result<Tls<M>, TlsConfigError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let session = ClientConnection::new(self.config.clone(), name).map_err(TlsConfigError::Rustls)?;
        Ok(Tls::new(Connection::Client(session), machine, max_record(self.config.max_fragment_size)))
    }
}

/// A client without a certificate.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The plaintext of a record, of whose size rustls counts the header.
pub(super) fn max_record(max_fragment_size: Option<usize>) -> usize {
    max_fragment_size.map_or(MAX_RECORD, |size| size.saturating_sub(5))
}

impl From<Arc<ClientConfig>> for TlsConnector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self { config, server_name: None, accepts_any_certificate: false, routes: Routes::Foreign }
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// A host name, or an IP address, an IPv6 address in brackets or without.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, TlsConfigError> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsConfigError::Name(Uri(name).to_string()))
}
