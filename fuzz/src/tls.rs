//! A certificate, and peers that speak TLS by rustls alone.

use std::sync::{Arc, LazyLock};

use ws_common::rustls::crypto::ring::default_provider;
use ws_common::rustls::pki_types::pem::PemObject;
use ws_common::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ws_common::rustls::{ClientConfig, RootCertStore, ServerConfig};
use ws_common::tls::{TlsAcceptor, TlsConnector, TlsOptions};

/// A certificate for `localhost` that vouches for itself, with everything that is made of it.
pub struct Identity {
    pub certificate: String,
    pub key: String,
    /// Of a server and a client that are tested.
    pub acceptor: TlsAcceptor,
    pub connector: TlsConnector,
    /// Of their peers.
    pub client: Arc<ClientConfig>,
    pub server: Arc<ServerConfig>,
}

pub static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::new(certificate.as_bytes(), key.as_bytes()).unwrap();
    let connector = TlsOptions::new().ca(certificate.as_bytes()).unwrap().build().unwrap();
    Identity { certificate, key, acceptor, connector, client: Arc::new(client), server: Arc::new(server) }
});
