//! Connections over TLS: the certificates that each end believes, and the words of the refusals of others.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use ws_common::{
    AcceptError, AcceptOptions, ConnectError, ConnectOptions, OpenPhase,
    tls::{TlsAcceptor, TlsConnector, TlsError, TlsOptions},
};
use ws_core::{CloseCode, Message, Response};

use crate::adapter::{Adapter, Listener, Receiving, Sending, Socket};
use crate::ends::{FAR, quiet};
use crate::tls::{Authority, Identity, SITE};

type Connected<A> = Result<(<A as Adapter>::Socket, Response), ConnectError>;
type Accepted<A> = Result<<A as Adapter>::Socket, AcceptError>;

/// The result at both ends if this client connects to this server, by this name.
fn meet<A: Adapter>(client: TlsConnector, server: TlsAcceptor, host: &str) -> (Connected<A>, Accepted<A>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("wss://{host}:{}/", address.port());
    let connecting = ConnectOptions::new(&url).address(address).config(quiet()).open_timeout(FAR).tls(client);
    let accepting = AcceptOptions::default().config(quiet()).open_timeout(FAR).tls(server);
    thread::scope(|scope| {
        let client = scope.spawn(move || A::connect(connecting));
        let accepted = A::accept(listener.accept().unwrap().0, accepting);
        (client.join().unwrap(), accepted.map(|(socket, _)| socket))
    })
}

pub(crate) fn site_connector() -> TlsConnector {
    SITE.connector.clone()
}

pub fn a_secure_echo_of_every_size<A: Adapter>() {
    let (client, server) = meet::<A>(site_connector(), SITE.acceptor.clone(), "localhost");
    let (mut client, mut server) = (client.unwrap().0, server.unwrap());
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(message) = server.recv().unwrap() {
                server.send(message).unwrap();
            }
        });
        for size in [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_536, 1 << 20, 5_000_000] {
            let message = Message::from((0..size).map(|i| i as u8).collect::<Vec<_>>());
            client.send(message.clone()).unwrap();
            assert!(client.recv().unwrap() == Some(message), "{size}");
        }
        assert!(client.close(CloseCode::NORMAL).clean);
    });
}

/// Certificates that are right in their own way.
pub fn a_certificate_for_an_address_is_one_for_no_other<A: Adapter>() {
    let acceptor = SITE.authority.issue(&["127.0.0.1", "other.test"]).acceptor();
    let (client, server) = meet::<A>(site_connector(), acceptor.clone(), "127.0.0.1");
    assert!(client.is_ok() && server.is_ok());
    let (client, _) = meet::<A>(site_connector(), acceptor.clone(), "127.0.0.2");
    assert!(matches!(client.err().unwrap(), ConnectError::Tls { source: TlsError::WrongName { .. }, .. }));
    let set_apart = site_connector().server_name("other.test").unwrap();
    let (client, server) = meet::<A>(set_apart, acceptor, "127.0.0.2");
    assert!(client.is_ok() && server.is_ok());
}

pub fn a_certificate_that_is_wrong_is_an_error_that_says_how<A: Adapter>() {
    let set = |change: fn(&mut CertificateParams)| SITE.authority.issue_with(&["localhost"], change);
    let stranger = Authority::new();
    let cases = [
        ("is not for localhost", SITE.authority.issue(&["elsewhere.test"])),
        ("is not for localhost", SITE.authority.issue(&["127.0.0.1"])),
        ("expired", set(|params| params.not_after = date_time_ymd(2001, 1, 1))),
        ("not valid yet", set(|params| params.not_before = date_time_ymd(3001, 1, 1))),
        ("of no authority that is trusted", stranger.issue(&["localhost"])),
    ];
    for (says, identity) in cases {
        let (client, server) = meet::<A>(site_connector(), identity.acceptor(), "localhost");
        let error = client.err().unwrap();
        assert_eq!(error.phase(), OpenPhase::Tls, "{error}");
        let text = error.to_string();
        assert!(text.contains(says), "{text:?} does not say {says:?}");
        let ConnectError::Tls { source: tls, .. } = error else { panic!("{error}") };
        let is_dated = ["expired", "not valid yet"].contains(&says);
        assert!(tls.is_certificate() && tls.is_passing() == is_dated);
        // The server is told why, by the alert.
        let error = server.err().unwrap();
        assert!(matches!(error, AcceptError::Tls(TlsError::Alert(_))), "{error}");
    }
    let anyone = TlsOptions::new().dangerous_accept_any_certificate().build().unwrap();
    let (client, server) = meet::<A>(anyone, stranger.issue(&["elsewhere.test"]).acceptor(), "localhost");
    assert!(client.is_ok() && server.is_ok());
}

/// As `openssl req -x509` makes them: an authority's certificate that is the server's own.
pub fn a_certificate_that_is_given_as_ca_may_be_the_servers_own<A: Adapter>() {
    let own = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        (
            TlsOptions::new().ca(chain.as_bytes()).unwrap(),
            Identity { chain, key: key.serialize_pem() }.acceptor(),
        )
    };
    let (given, acceptor) = own("localhost");
    let (client, server) = meet::<A>(given.build().unwrap(), acceptor, "localhost");
    assert!(client.is_ok() && server.is_ok());

    let (given, acceptor) = own("elsewhere.test");
    let (client, _) = meet::<A>(given.build().unwrap(), acceptor, "localhost");
    assert!(matches!(client.err().unwrap(), ConnectError::Tls { source: TlsError::WrongName { .. }, .. }));

    let (given, acceptor) = own("localhost");
    let pinned = given.pin_certificate_sha256(&"ab".repeat(32)).unwrap().build().unwrap();
    let (client, _) = meet::<A>(pinned, acceptor, "localhost");
    assert!(matches!(client.err().unwrap(), ConnectError::Tls { source: TlsError::PinMismatch { .. }, .. }));
}

/// As `openssl req -x509` makes them.
pub fn a_certificate_given_as_client_ca_is_trusted_as_the_clients_own<A: Adapter>() {
    let own = || {
        let mut params = CertificateParams::new(vec!["a client".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Identity { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let (given, other) = (own(), own());
    let server = &SITE.identity;
    let [chain, key, ca] = [&server.chain, &server.key, &given.chain].map(|pem| pem.as_bytes());
    let acceptor = TlsAcceptor::with_client_ca(chain, key, ca).unwrap();
    for (identity, is_trusted) in [(given, true), (other, false)] {
        let options = SITE.authority.options();
        let options = options.client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
        let (_, accepted) = meet::<A>(options.build().unwrap(), acceptor.clone(), "localhost");
        assert_eq!(accepted.is_ok(), is_trusted);
    }
}

pub fn a_client_certificate_is_shown_where_it_is_asked_for<A: Adapter>() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = SITE.identity.chain.as_bytes();
    let acceptor = TlsAcceptor::with_client_ca(server, SITE.identity.key.as_bytes(), ours.pem.as_bytes());
    let acceptor = acceptor.unwrap();
    let with = |authority: &Authority| {
        let identity = authority.issue(&["a client"]);
        let options = SITE.authority.options();
        let options = options.client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
        options.build().unwrap()
    };
    let (client, accepted) = meet::<A>(with(&ours), acceptor.clone(), "localhost");
    assert!(client.is_ok() && accepted.is_ok());
    for (connector, is_shown) in [(site_connector(), false), (with(&theirs), true)] {
        let (client, accepted) = meet::<A>(connector, acceptor.clone(), "localhost");
        let error = accepted.err().unwrap();
        let AcceptError::Tls(error) = error else { panic!("{error}") };
        assert!(error.is_certificate(), "{error}");
        // TLS 1.3: the client may have its answer only after TLS is up for it.
        let error = client.err().unwrap();
        assert_eq!(error.phase(), OpenPhase::Tls, "{error}");
        let tls = TlsError::find(&error).unwrap();
        let is_right = match tls {
            TlsError::ClientCertificateRequired => !is_shown,
            TlsError::ClientCertificateRefused(_) => is_shown,
            _ => false,
        };
        assert!(is_right && !tls.is_passing(), "{tls:?}");
    }
}

pub fn a_listener_speaks_tls_and_stops<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().tls(SITE.acceptor.clone()));
    let url = format!("wss://{}/", listener.address());
    thread::scope(|scope| {
        let client = scope.spawn(move || {
            let options = ConnectOptions::new(&url).tls(site_connector());
            let (mut socket, _) = A::connect(options).unwrap();
            assert_eq!(socket.recv().unwrap(), None);
            socket.closed().unwrap()
        });
        let (mut socket, _) = listener.accept().unwrap();
        scope.spawn(move || while socket.recv().unwrap().is_some() {});
        assert_eq!(listener.shutdown(Duration::from_secs(10)), 0);
        let closed = client.join().unwrap();
        assert_eq!((closed.code, closed.clean), (1001, true));
    });
}

/// One thread sends all the time while another receives: neither waits for the other, as far as TLS goes.
pub fn halves_are_full_duplex_over_tls<A: Adapter>() {
    let (client, server) = meet::<A>(site_connector(), SITE.acceptor.clone(), "localhost");
    let (mut sender, mut receiver) = client.unwrap().0.split();
    let mut server = server.unwrap();
    thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            // Waits, in a read, while the other half sends.
            assert_eq!(receiver.recv().unwrap(), Some("that is enough".into()));
            receiver
        });
        scope.spawn(move || {
            let mut received = 0;
            while received < 64 {
                received += usize::from(server.recv().unwrap().is_some());
            }
            server.send("that is enough").unwrap();
            assert_eq!(server.recv().unwrap(), None);
        });
        for _ in 0..64 {
            sender.send(vec![7; 200_000]).unwrap();
        }
        let mut receiver = receiving.join().unwrap();
        assert!(sender.close(CloseCode::NORMAL).clean);
        assert_eq!(receiver.recv().unwrap(), None);
    });
}

pub fn a_running_listener_shows_a_replaced_certificate_to_new_connections<A: Adapter>() {
    let other = Authority::new();
    let (first, second) = (SITE.authority.issue(&["localhost"]), other.issue(&["localhost"]));
    let acceptor = first.acceptor();
    let options = AcceptOptions::default().config(quiet()).open_timeout(FAR).tls(acceptor.clone());
    let listener = A::listen(options);
    let address = listener.address();
    let url = format!("wss://localhost:{}/", address.port());
    let connect = |authority: &Authority| {
        let options = ConnectOptions::new(&url).address(address).config(quiet()).open_timeout(FAR);
        let options = options.tls(authority.options().build().unwrap());
        thread::scope(|scope| {
            let client = scope.spawn(|| A::connect(options));
            let accepted = listener.accept().map(|(socket, _)| socket);
            (client.join().unwrap().map(|(socket, _)| socket), accepted)
        })
    };
    let (before, server) = connect(&SITE.authority);
    let (mut before, mut server) = (before.unwrap(), server.unwrap());
    acceptor.replace(second.chain.as_bytes(), first.key.as_bytes()).unwrap_err();
    assert!(connect(&SITE.authority).0.is_ok(), "the present certificate stays");
    acceptor.replace(second.chain.as_bytes(), second.key.as_bytes()).unwrap();
    assert!(connect(&other).0.is_ok());
    let error = connect(&SITE.authority).0.err().expect("a certificate of another authority");
    assert!(matches!(error, ConnectError::Tls { source: TlsError::UnknownIssuer, .. }), "{error}");
    // The first connection goes on.
    before.send("still here").unwrap();
    assert_eq!(server.recv().unwrap(), Some("still here".into()));
}
