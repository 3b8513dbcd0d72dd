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
use super::pem;
use super::trust::Trust;
use crate::proxy::Proxy;
use crate::sync::{Mutex, lock};

/// A client's TLS, made once by [`TlsOptions::build`](super::TlsOptions::build) and used for every connection.
///
/// A clone is the same connector. It shares the sessions, so that a connection after the first is resumed, if the server lets it. A
/// session that began on one route, directly or through a proxy, is not resumed on another one. [`replace_crls`](Self::replace_crls)
/// changes the revocation lists of a running client, too, whose options hold a clone.
///
/// One of a [`rustls::ClientConfig`] uses that as it is, ALPN included (RFC 7301: `http/1.1` belongs there, or nothing). The direct route
/// has the store of that configuration. Through a proxy, no session is resumed.
#[derive(Clone)]
pub struct TlsConnector {
    shared: Arc<SharedConfigs>,
    /// The proxy through which connections lead.
    route: Option<Proxy>,
    server_name: Option<ServerName<'static>>,
    accepts_any_certificate: bool,
    /// Whether servers see the certificate of the client, if it has one.
    shows_certificate: bool,
}

struct SharedConfigs {
    /// `None` if the configuration is the program's own. Then its verifier and its store of sessions are, too.
    trust: Option<Trust>,
    configs: Mutex<Configs>,
}

/// The present configurations: one for each route, each with a store of sessions of its own.
struct Configs {
    direct: Arc<ClientConfig>,
    /// The latest route first.
    proxies: VecDeque<(Proxy, Arc<ClientConfig>)>,
}

/// Largest number of proxies whose sessions are kept. Beyond it, the oldest route is forgotten.
const MAX_ROUTES: usize = 8;

impl TlsConnector {
    /// A connector with sessions of its own for each route.
    pub(super) fn of_options(
        config: ClientConfig,
        server_name: Option<ServerName<'static>>,
        accepts_any_certificate: bool,
        trust: Trust,
    ) -> Self {
        Self { server_name, accepts_any_certificate, ..Self::new(Arc::new(config), Some(trust)) }
    }

    fn new(config: Arc<ClientConfig>, trust: Option<Trust>) -> Self {
        let configs = Mutex::new(Configs { direct: config, proxies: VecDeque::new() });
        Self {
            shared: Arc::new(SharedConfigs { trust, configs }),
            route: None,
            server_name: None,
            accepts_any_certificate: false,
            shows_certificate: true,
        }
    }

    /// Refuses servers whose certificates are in these certificate revocation lists (RFC 5280 §5), from now on: one or more in PEM or one
    /// in DER, *instead of* the present ones. Open connections go on; new ones resume no earlier session.
    ///
    /// The rules of [`TlsOptions::crls`](super::TlsOptions::crls) hold.
    ///
    /// # Errors
    ///
    /// A list cannot be used, or the connector was made without [`ca`](super::TlsOptions::ca) and `webpki_roots`. The present lists stay in
    /// use.
    pub fn replace_crls(&self, crls: &[u8]) -> Result<(), TlsConfigError> {
        let trust = self.shared.trust.as_ref().ok_or(TlsConfigError::CrlsWithoutRoots)?;
        let verifier = trust.verifier(pem::crls(crls)?)?;
        let mut configs = lock(&self.shared.configs);
        let mut config = with_sessions(&configs.direct, Resumption::default());
        config.dangerous().set_certificate_verifier(verifier);
        *configs = Configs { direct: Arc::new(config), proxies: VecDeque::new() };
        Ok(())
    }

    /// The same with the sessions of this route. A session ticket is a name by which the server knows the client again, so that an observer
    /// of two routes would learn that one client uses both.
    pub(crate) fn through(&self, proxy: Option<&Proxy>) -> Self {
        Self { route: proxy.cloned(), ..self.clone() }
    }

    /// The present configuration, for one connection.
    fn config(&self) -> Arc<ClientConfig> {
        let mut configs = lock(&self.shared.configs);
        let direct = configs.direct.clone();
        if !self.shows_certificate {
            // A session that is resumed stands for the certificate that it began with.
            let mut config = with_sessions(&direct, Resumption::disabled());
            config.client_auth_cert_resolver = Arc::new(NoCertificate);
            return Arc::new(config);
        }
        let Some(proxy) = &self.route else { return direct };
        if self.shared.trust.is_none() {
            return Arc::new(with_sessions(&direct, Resumption::disabled()));
        }
        if let Some((_, config)) = configs.proxies.iter().find(|(known, _)| known == proxy) {
            return config.clone();
        }
        let config = Arc::new(with_sessions(&direct, Resumption::default()));
        configs.proxies.truncate(MAX_ROUTES - 1);
        configs.proxies.push_front((proxy.clone(), config.clone()));
        config
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
        let direct = lock(&self.shared.configs).direct.clone();
        // It may be a hook of the program, so that it runs without a lock.
        let has_certificate = direct.client_auth_cert_resolver.has_certs();
        let shows_certificate = self.shows_certificate && !has_certificate;
        Some(Self { server_name: None, shows_certificate, ..self.clone() })
    }

    /// Puts TLS around `machine`. `host` is that of the URL: a name, or an address, with brackets or without; it is what the
    /// server's certificate must be for, unless another name was set.
    pub fn start<M>(&self, host: &str, machine: M) -> Result<Tls<M>, TlsConfigError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let config = self.config();
        let max_fragment_size = config.max_fragment_size;
        let session = ClientConnection::new(config, name).map_err(TlsConfigError::Rustls)?;
        Ok(Tls::new(Connection::Client(session), machine, max_record(max_fragment_size)))
    }
}

fn with_sessions(config: &ClientConfig, resumption: Resumption) -> ClientConfig {
    let mut config = config.clone();
    config.resumption = resumption;
    config
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
        Self::new(config, None)
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
