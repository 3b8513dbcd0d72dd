//! The client's side.

use std::fmt;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Connection, SignatureScheme};
use ws_core::redacted::Uri;

use super::error::TlsConfigError;
use super::machine::{MAX_RECORD, Tls};

/// A client's TLS, made once by [`TlsOptions::build`](super::TlsOptions::build) and used for every connection. A clone shares its
/// sessions, so that a connection after the first is resumed, if the server lets it.
///
/// One of a [`rustls::ClientConfig`] uses that as it is, ALPN included (RFC 7301: `http/1.1` belongs there, or nothing).
#[derive(Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    accepts_any_certificate: bool,
}

impl TlsConnector {
    pub(super) fn new(
        config: Arc<ClientConfig>,
        server_name: Option<ServerName<'static>>,
        accepts_any_certificate: bool,
    ) -> Self {
        Self { config, server_name, accepts_any_certificate }
    }

    /// As [`TlsOptions::server_name`](super::TlsOptions::server_name).
    pub fn with_server_name(mut self, name: &str) -> Result<Self, TlsConfigError> {
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
            return Some(Self::new(self.config.clone(), None, false));
        }
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
        // A session that is resumed stands for the certificate that it began with.
        config.resumption = Resumption::default();
        Some(Self::new(Arc::new(config), None, false))
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
        Self::new(config, None, false)
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
