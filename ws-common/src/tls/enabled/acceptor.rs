//! The server's side.

use std::fmt;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{Connection, RootCertStore, ServerConfig, ServerConnection};

use super::connector::max_record;
use super::error::TlsConfigError;
use super::machine::Tls;
use super::{ALPN, pem, provider};

/// A server's TLS, made once and used for every connection. It takes TLS 1.3 and 1.2, and of clients that use ALPN those that
/// offer `http/1.1`.
///
/// One of a [`rustls::ServerConfig`] uses that as it is.
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// Shows the certificate chain in PEM, its own certificate first, whose private key is in PEM (PKCS #8, PKCS #1 or SEC 1, not
    /// encrypted).
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(chain, key, None)
    }

    /// As [`new`](Self::new), and takes only clients that show a certificate of one of the authorities in `ca`: one or more in
    /// PEM or one in DER.
    pub fn with_client_ca(chain: &[u8], key: &[u8], ca: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(chain, key, Some(ca))
    }

    fn build(chain: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Result<Self, TlsConfigError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsConfigError::Rustls)?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for certificate in pem::certificates(ca)? {
                    roots.add(certificate).map_err(TlsConfigError::Rustls)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(TlsConfigError::Verifier)?)
            }
        };
        let chain = pem::certificates(chain)?;
        let mut config = builder.with_single_cert(chain, pem::key(key)?).map_err(TlsConfigError::Rustls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    /// Puts TLS around `machine`, for a connection that came in.
    pub fn start<M>(&self, machine: M) -> Result<Tls<M>, TlsConfigError> {
        let session = ServerConnection::new(self.config.clone()).map_err(TlsConfigError::Rustls)?;
        Ok(Tls::new(Connection::Server(session), machine, max_record(self.config.max_fragment_size)))
    }
}

impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}
