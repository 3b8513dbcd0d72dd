//! An authority of our own, and every adapter with TLS at both ends.

use std::marker::PhantomData;
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use ws_client::rustls::pki_types::pem::PemObject;
use ws_client::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ws_client::rustls::{self, ServerConfig};
use ws_client::{
    AcceptError, AcceptOptions, ConnectError, ConnectOptions, TlsAcceptor, TlsConnector, TlsOptions,
};
use ws_core::{Accept, Reject, Request, Response};

use crate::adapter::Adapter;

/// The authority of the tests, and a server on `localhost` and the loopback addresses that it vouches for.
pub static SITE: LazyLock<Site> = LazyLock::new(|| {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost", "127.0.0.1", "::1"]);
    let connector = authority.options().build().unwrap();
    Site { acceptor: identity.acceptor(), identity, connector, authority }
});

pub struct Site {
    pub authority: Authority,
    pub identity: Identity,
    pub connector: TlsConnector,
    pub acceptor: TlsAcceptor,
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, in PEM.
pub struct Identity {
    pub chain: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Two of one name would be taken for each other.
        params.distinguished_name.push(DnType::CommonName, key.serialize_pem());
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names or addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority alone.
    pub fn options(&self) -> TlsOptions {
        TlsOptions::new().ca(self.pem.as_bytes()).unwrap()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::new(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }

    /// A server that is none of ours.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key);
        Arc::new(config.unwrap())
    }
}

/// An adapter whose [`pair`](crate::ends::pair)s speak TLS.
pub struct Wss<A>(PhantomData<A>);

impl<A: Adapter> Adapter for Wss<A> {
    type Socket = A::Socket;
    type Listener = A::Listener;

    fn site() -> Option<&'static Site> {
        Some(&SITE)
    }

    fn connect(options: ConnectOptions) -> Result<(A::Socket, Response), ConnectError> {
        A::connect(options)
    }

    fn accept_with(
        transport: TcpStream,
        options: AcceptOptions,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(A::Socket, Request), AcceptError> {
        A::accept_with(transport, options, decide)
    }

    fn accept(transport: TcpStream, options: AcceptOptions) -> Result<(A::Socket, Request), AcceptError> {
        A::accept(transport, options)
    }

    fn listen(options: AcceptOptions) -> A::Listener {
        A::listen(options)
    }
}
