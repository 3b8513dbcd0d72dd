//! Connections over TLS that fail: a peer without TLS, a peer that stalls, and a stream that is cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use ws_common::{AcceptError, AcceptOptions, ConnectError, ConnectOptions, OpenPhase, tls::TlsError};
use ws_core::{Error, HandshakeError};

use crate::adapter::{Adapter, Listener, Receiving, Sending};
use crate::ends::{failure, quiet};
use crate::secure::site_connector;
use crate::tls::SITE;
use crate::watch::takes;

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
