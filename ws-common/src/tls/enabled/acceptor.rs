//! The server's side.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Connection, RootCertStore, ServerConfig, ServerConnection};

use super::connector::max_record;
use super::error::TlsConfigError;
use super::machine::Tls;
use super::verifier::ClientVerifier;
use super::{ALPN, pem, provider};
use crate::sync::{Mutex, lock};

/// Number of sessions that a server keeps to resume them. It is rustls's default.
const SESSIONS: usize = 256;

/// A server's TLS, made once and used for every connection. It takes TLS 1.3 and 1.2, and of clients that use ALPN those that
/// offer `http/1.1`.
///
/// A clone is the same acceptor. So [`replace`](Self::replace) changes the certificate of a running listener, too, whose options hold a
/// clone.
///
/// One of a [`rustls::ServerConfig`] uses that as it is.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<ReplaceableConfig>);

struct ReplaceableConfig {
    current: Mutex<Current>,
    /// Held during a change, so that none is lost. New connections do not wait for it.
    changing: Mutex<()>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// The authorities of clients' certificates, if this acceptor was made with some.
    client_ca: Option<Arc<ClientCa>>,
}

struct ClientCa {
    roots: Arc<RootCertStore>,
    given: Arc<[CertificateDer<'static>]>,
}

impl TlsAcceptor {
    /// Shows the certificate chain in PEM, its own certificate first, whose private key is in PEM (PKCS #8, PKCS #1 or SEC 1, not
    /// encrypted).
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(identity(chain, key)?, None)
    }

    /// As [`new`](Self::new), and takes only clients that show a certificate of one of the authorities in `ca`: one or more in
    /// PEM or one in DER.
    ///
    /// One of them may be a client's own certificate, as `openssl req -x509` makes them. It is trusted itself, after its dates were
    /// checked.
    pub fn with_client_ca(chain: &[u8], key: &[u8], ca: &[u8]) -> Result<Self, TlsConfigError> {
        let (mut roots, given) = (RootCertStore::empty(), pem::certificates(ca)?);
        for certificate in &given {
            roots.add(certificate.clone()).map_err(TlsConfigError::Rustls)?;
        }
        let client_ca = ClientCa { roots: Arc::new(roots), given: given.into() };
        Self::build(identity(chain, key)?, Some(Arc::new(client_ca)))
    }

    fn build(
        identity: Arc<dyn ResolvesServerCert>,
        client_ca: Option<Arc<ClientCa>>,
    ) -> Result<Self, TlsConfigError> {
        let verifier = client_ca.as_ref().map(|ca| client_verifier(ca, &[])).transpose()?;
        Ok(Self::of(Current { config: Arc::new(config(identity, verifier)?), client_ca }))
    }

    fn of(current: Current) -> Self {
        Self(Arc::new(ReplaceableConfig { current: Mutex::new(current), changing: Mutex::default() }))
    }

    /// Shows another certificate chain from now on, in the forms of [`new`](Self::new). Open connections go on with the one that they
    /// began with; new connections see the new one, and resume no earlier session. All other settings stay, but a
    /// store of sessions that belongs to the program gives way to one of this acceptor.
    ///
    /// Sessions may be resumed if the acceptor was made of a [`rustls::ServerConfig`] with tickets; their keys are that program's.
    ///
    /// # Errors
    ///
    /// The chain or the key cannot be used, or they do not belong together. The present ones stay in use.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsConfigError> {
        let identity = identity(chain, key)?;
        self.change(|current| {
            let mut config = ServerConfig::clone(&current.config);
            config.cert_resolver = identity;
            // A program may have switched resumption off.
            if config.session_storage.can_cache() {
                config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            }
            Ok(Current { config: Arc::new(config), ..current })
        })
    }

    /// Refuses clients whose certificates are in these certificate revocation lists (RFC 5280 §5), from now on: one or more in PEM or one
    /// in DER, *instead of* the present ones. To be called when the acceptor is made by [`with_client_ca`](Self::with_client_ca), and for
    /// each new list. Earlier sessions are not resumed.
    ///
    /// Every authority in the chain of a client needs a list, except for the root's own certificate; without one its clients are refused.
    /// A list counts after its `nextUpdate`, too.
    ///
    /// # Errors
    ///
    /// A list cannot be used, or the acceptor was not made by [`with_client_ca`](Self::with_client_ca). The present ones stay in use.
    pub fn replace_client_crls(&self, crls: &[u8]) -> Result<(), TlsConfigError> {
        let crls = pem::crls(crls)?;
        self.change(|current| {
            let ca = current.client_ca.as_ref().ok_or(TlsConfigError::CrlsWithoutRoots)?;
            let identity = current.config.cert_resolver.clone();
            let config = config(identity, Some(client_verifier(ca, &crls)?))?;
            Ok(Current { config: Arc::new(config), ..current })
        })
    }

    fn change(
        &self,
        change: impl FnOnce(Current) -> Result<Current, TlsConfigError>,
    ) -> Result<(), TlsConfigError> {
        let changing = lock(&self.0.changing);
        let current = lock(&self.0.current).clone();
        let changed = change(current)?;
        let before = std::mem::replace(&mut *lock(&self.0.current), changed);
        // A hook of the program may be in the configuration. It runs without a lock.
        drop(changing);
        drop(before);
        Ok(())
    }

    /// Puts TLS around `machine`, for a connection that came in.
    pub fn start<M>(&self, machine: M) -> Result<Tls<M>, TlsConfigError> {
        let config = lock(&self.0.current).config.clone();
        let max_fragment_size = config.max_fragment_size;
        let session = ServerConnection::new(config).map_err(TlsConfigError::Rustls)?;
        Ok(Tls::new(Connection::Server(session), machine, max_record(max_fragment_size)))
    }
}

/// A chain and its key. An error if they do not belong together.
fn identity(chain: &[u8], key: &[u8]) -> Result<Arc<dyn ResolvesServerCert>, TlsConfigError> {
    let (chain, key) = (pem::certificates(chain)?, pem::key(key)?);
    let identity = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsConfigError::Rustls)?;
    Ok(Arc::new(SingleCertAndKey::from(identity)))
}

fn client_verifier(
    ca: &ClientCa,
    crls: &[CertificateRevocationListDer<'static>],
) -> Result<Arc<dyn ClientCertVerifier>, TlsConfigError> {
    let builder = WebPkiClientVerifier::builder_with_provider(ca.roots.clone(), provider());
    let inner = builder.with_crls(crls.iter().cloned()).build().map_err(TlsConfigError::Verifier)?;
    Ok(Arc::new(ClientVerifier { inner, given: ca.given.clone() }))
}

fn config(
    identity: Arc<dyn ResolvesServerCert>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, TlsConfigError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Rustls)?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::of(Current { config, client_ca: None })
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}
