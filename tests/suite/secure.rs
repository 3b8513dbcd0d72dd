//! Connections over TLS: who is believed, and what is said of those who are not.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use socket2::SockRef;
use ws_common::{
    AcceptError, AcceptOptions, ConnectError, ConnectOptions, OpenPhase,
    tls::{TlsAcceptor, TlsConnector, TlsError, TlsOptions},
};
use ws_core::{CloseCode, Error, HandshakeError, Message, Response};

use crate::adapter::{Adapter, Listener, Receiving, Sending, Socket};
use crate::ends::{FAR, failure, quiet};
use crate::tls::{Authority, Identity, SITE};
use crate::watch::takes;

type Connected<A> = Result<(<A as Adapter>::Socket, Response), ConnectError>;
type Accepted<A> = Result<<A as Adapter>::Socket, AcceptError>;

/// What comes of it at both ends if this client connects to this server, by this name.
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

fn site_connector() -> TlsConnector {
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
    let set_apart = site_connector().with_server_name("other.test").unwrap();
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

pub fn plain_text_where_tls_was_expected_is_an_error_that_says_so<A: Adapter>() {
    // Our client, a server without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut peer = listener.accept().unwrap().0;
            let _ = peer.read(&mut [0; 1024]);
            peer.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").unwrap();
            let _ = peer.shutdown(Shutdown::Write);
            while peer.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
        });
        let options = ConnectOptions::new(&url).tls(site_connector());
        let error = A::connect(options).err().unwrap();
        assert_eq!(error.phase(), OpenPhase::Tls);
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
        assert!(error.to_string().contains("\"HTTP/1.1\""), "{error}");
    });
    // Our server, a client without TLS.
    let listener = A::listen(AcceptOptions::default().tls(SITE.acceptor.clone()));
    let address = listener.address();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut peer = TcpStream::connect(address).unwrap();
            peer.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let _ = peer.shutdown(Shutdown::Write);
            while peer.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
        });
        let error = listener.accept().err().unwrap();
        assert!(matches!(error, AcceptError::Tls(TlsError::NotTls(_))), "{error}");
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    });
}

pub fn a_failure_of_tls_names_the_server<A: Adapter>() {
    const HINT: &str = "is this the right port and scheme (ws or wss)?";
    const ABSENT: &str = "absent";
    for (answer, remedy) in
        [(None, HINT), (Some(&b"220 mail.test ready\r\n"[..]), "ws, not wss"), (Some(b""), ABSENT)]
    {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = server.accept().unwrap();
                // All of the ClientHello: the end of a stream with unread bytes is a reset.
                let mut hello = [0; 5];
                stream.read_exact(&mut hello).unwrap();
                let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
                stream.read_exact(&mut rest).unwrap();
                match answer {
                    Some(answer) => stream.write_all(answer).unwrap(),
                    None => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
                }
            });
            let options = ConnectOptions::new(format!("wss://{address}/")).tls(site_connector());
            let error = A::connect(options).err().unwrap();
            assert!(matches!(error, ConnectError::Tls { peer: Some(_), .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("TLS with {address} failed: ")), "{text}");
            assert!(remedy == ABSENT || text.contains(remedy), "{text}");
        });
    }
}

pub fn tls_where_plain_text_was_expected_is_an_error_that_says_so<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default());
    let url = format!("wss://{}/", listener.address());
    thread::scope(|scope| {
        let accepting = scope.spawn(move || listener.accept().err().unwrap());
        let options = ConnectOptions::new(&url).tls(site_connector());
        let error = A::connect(options).err().unwrap();
        assert!(matches!(error, ConnectError::Tls { source: TlsError::NotTls(_), .. }), "{error}");
        let error = accepting.join().unwrap();
        assert!(error.to_string().contains("TLS"), "{error}");
    });
    let listener = A::listen(AcceptOptions::default().tls(SITE.acceptor.clone()));
    let url = format!("ws://{}/", listener.address());
    thread::scope(|scope| {
        let accepting = scope.spawn(move || listener.accept().err().unwrap());
        let error = A::connect(ConnectOptions::new(&url)).err().unwrap();
        assert!(error.to_string().contains("TLS"), "{error}");
        let error = accepting.join().unwrap();
        assert!(matches!(error, AcceptError::Tls(TlsError::NotTls(_))), "{error}");
    });
}

pub fn a_peer_that_stalls_in_the_tls_handshake_costs_open_timeout<A: Adapter>() {
    const OPEN: Duration = Duration::from_millis(300);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let options = ConnectOptions::new(&url).tls(site_connector()).open_timeout(OPEN);
    let error = takes(OPEN, || A::connect(options).err().unwrap());
    assert!(
        matches!(error, ConnectError::Timeout { phase: OpenPhase::Tls, open_timeout: OPEN, peer: Some(_) }),
        "{error}"
    );

    let options = AcceptOptions::default().tls(SITE.acceptor.clone()).open_timeout(OPEN);
    // That of the client above.
    drop(listener.accept().unwrap());
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let transport = listener.accept().unwrap().0;
    thread::scope(|scope| {
        // It says nothing, and leaves when it is left.
        scope.spawn(move || while client.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {});
        let error = takes(OPEN, || A::accept(transport, options).err().unwrap());
        assert!(
            matches!(error, AcceptError::Timeout { phase: OpenPhase::Tls, open_timeout: OPEN }),
            "{error}"
        );
    });
}

/// A server whose stream ends after so many bytes, with TLS's close_notify never sent.
fn cut_after(server: SocketAddr, bytes: usize) -> SocketAddr {
    let proxy = ws_testkit::FaultRelay::start(server, [ws_testkit::Fault::Cut(ws_testkit::Way::Down, bytes)])
        .unwrap();
    let address = proxy.address();
    // It stays as long as the process.
    std::mem::forget(proxy);
    address
}

pub fn a_stream_that_is_cut_is_an_error_in_every_phase<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().config(quiet()).tls(SITE.acceptor.clone()));
    let server = listener.address();
    thread::spawn(move || {
        loop {
            match listener.accept() {
                Ok((mut socket, _)) => {
                    thread::spawn(move || {
                        let _ = socket.send(vec![0; 4000]);
                        while socket.recv().is_ok_and(|message| message.is_some()) {}
                    });
                }
                Err(AcceptError::Shutdown) => break,
                // Of a client whose stream was cut.
                Err(error) => println!("the server: {error}"),
            }
        }
    });
    let mut phases = Vec::new();
    for bytes in (0..2400).step_by(150) {
        let address = cut_after(server, bytes);
        let options = ConnectOptions::new(format!("wss://{address}/")).config(quiet());
        // Without the session of the one before, so that all are of one length.
        let phase = match A::connect(options.tls(SITE.authority.options().build().unwrap())) {
            Err(error) => {
                println!("after {bytes} bytes: {error}");
                assert!(
                    matches!(
                        error,
                        ConnectError::Tls { source: TlsError::UnexpectedEof | TlsError::Transport(_), .. }
                    ) || matches!(
                        error,
                        ConnectError::Handshake { source: HandshakeError::Transport(_), .. }
                    ),
                    "{error:?}"
                );
                error.phase()
            }
            Ok((mut socket, _)) => {
                let error = match socket.next_event() {
                    Ok(Some(_)) => failure(&mut socket).0,
                    other => other.expect_err("an end"),
                };
                assert!(matches!(error, Error::Transport(_)), "{error}");
                assert!(matches!(TlsError::find(&error), Some(TlsError::Truncated)), "{error}");
                OpenPhase::Transport
            }
        };
        phases.push(phase);
        if phase == OpenPhase::Transport {
            break;
        }
    }
    phases.dedup();
    assert_eq!(phases, [OpenPhase::Tls, OpenPhase::Handshake, OpenPhase::Transport]);
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
