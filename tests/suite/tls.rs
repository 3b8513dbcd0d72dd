//! An authority of our own, and every adapter with TLS at both ends.

use std::marker::PhantomData;
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};

use ws_common::rustls::crypto::CryptoProvider;
use ws_common::rustls::pki_types::pem::PemObject;
use ws_common::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ws_common::rustls::server::NoServerSessionStorage;
use ws_common::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use ws_common::{
    AcceptError, AcceptOptions, ConnectError, ConnectOptions,
    tls::{TlsAcceptor, TlsConnector, TlsOptions},
};
use ws_core::{Accept, Reject, Request, Response};

use crate::adapter::Adapter;

#[allow(dead_code, reason = "it is shared with the tests of TLS as a machine")]
mod certificate_authority;

pub(crate) use certificate_authority::{Authority, Identity};

/// The authority of the tests, and a server on `localhost` and the loopback addresses that it vouches for.
pub static SITE: LazyLock<Site> = LazyLock::new(|| {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost", "127.0.0.1", "::1"]);
    let connector = authority.options().build().unwrap();
    Site { acceptor: identity.acceptor(), identity, connector, authority }
});

pub struct Site {
    pub(crate) authority: Authority,
    pub(crate) identity: Identity,
    pub connector: TlsConnector,
    pub acceptor: TlsAcceptor,
}

impl Site {
    /// A client that trusts the authority, and has a certificate of its own.
    pub fn tls_with_client_certificate(&self) -> TlsOptions {
        let client = self.authority.issue(&["client"]);
        let options = self.authority.options();
        options.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap()
    }

    /// The certificate of the server, in PEM.
    pub fn chain(&self) -> &str {
        &self.identity.chain
    }

    /// A client that is none of ours, and trusts the authority.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.der.clone())).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
    }

    /// A server without sessions that a client could resume.
    pub fn sessionless_config(&self) -> Arc<ServerConfig> {
        let mut config = Arc::unwrap_or_clone(self.identity.server_config());
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Arc::new(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Identity {
    /// A server that is none of ours.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
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
