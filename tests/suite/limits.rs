//! Limits of a listener and of a handshake.

use std::net::{IpAddr, SocketAddr, TcpListener};
#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_common::{AcceptError, AcceptOptions, OpenPhase, TrustedProxy};
use ws_core::Accept;

use crate::adapter::{Adapter, Listener};
use crate::peer::{Peer, request};
#[cfg(target_os = "linux")]
use crate::tls::SITE;
use crate::watch::takes;

const HERE: [u8; 4] = [127, 0, 0, 1];
#[cfg(target_os = "linux")]
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// A client that has sent its request.
fn asking(local: [u8; 4], address: SocketAddr) -> Peer {
    let mut peer = Peer::connect_from(local, address);
    peer.send(request(""));
    peer
}

/// Its answer, up to the end of the head.
fn is_open(peer: &mut Peer) -> bool {
    peer.read_head().starts_with("HTTP/1.1 101 ")
}

#[cfg(target_os = "linux")]
pub fn a_client_at_its_limit_gets_503_and_stands_in_nobodys_way<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().max_connections_per_client(2));
    let address = listener.address();
    let mut peers = [asking(HERE, address), asking(HERE, address)];
    let first = listener.accept().unwrap();
    let _second = listener.accept().unwrap();
    assert!(peers.iter_mut().all(is_open));
    // Excess connections, with a request and without, in front of a client of another address.
    let mut excess: Vec<Peer> = (0..20).map(|_| asking(HERE, address)).collect();
    let _silent = Peer::connect_from(HERE, address);
    let mut other = asking(ELSEWHERE, address);
    let _third = takes(Duration::ZERO, || listener.accept().unwrap());
    assert!(is_open(&mut other));
    for peer in &mut excess {
        let answer = String::from_utf8(peer.read_to_end()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer:?}");
    }
    // A connection that is over makes room for the next of its client.
    drop(first);
    let mut next = asking(HERE, address);
    let _fourth = listener.accept().unwrap();
    assert!(is_open(&mut next));
}

#[cfg(target_os = "linux")]
pub fn over_tls_a_client_at_its_limit_is_disconnected<A: Adapter>() {
    let options = AcceptOptions::default().tls(SITE.acceptor.clone()).max_connections_per_client(1);
    let listener = A::listen(options);
    let address = listener.address();
    let silent = Peer::connect_from(HERE, address);
    thread::scope(|scope| {
        let listener = &listener;
        let (taken, until_taken) = mpsc::channel();
        let first = scope.spawn(move || {
            let accepted = listener.accept_with(move || taken.send(()).unwrap(), |_| Ok(Accept::new()));
            accepted.err()
        });
        until_taken.recv().unwrap();
        let mut excess = Peer::connect_from(HERE, address);
        let other = Peer::connect_from(ELSEWHERE, address);
        let third = scope.spawn(move || listener.accept().err());
        assert_eq!(excess.read_to_end(), b"");
        drop((silent, other));
        assert!(first.join().unwrap().is_some() && third.join().unwrap().is_some());
    });
}

/// Elsewhere than on Linux, the loopback interface has one address.
#[cfg(not(target_os = "linux"))]
pub fn a_client_at_its_limit_gets_503_and_stands_in_nobodys_way<A: Adapter>() {}

/// Elsewhere than on Linux, the loopback interface has one address.
#[cfg(not(target_os = "linux"))]
pub fn over_tls_a_client_at_its_limit_is_disconnected<A: Adapter>() {}

pub fn the_hook_tells_which_client_an_address_belongs_to<A: Adapter>() {
    let exempt = AcceptOptions::default().max_connections_per_client(1).client_key(|_| None);
    let listener = A::listen(exempt);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut peer = asking(HERE, listener.address());
        open.push(listener.accept().unwrap());
        assert!(is_open(&mut peer));
    }
    let all_together = |ip: IpAddr| {
        assert_eq!(ip, IpAddr::from(HERE));
        Some([0; 4].into())
    };
    let listener = A::listen(AcceptOptions::default().max_connections_per_client(1).client_key(all_together));
    let mut first = asking(HERE, listener.address());
    let held = listener.accept().unwrap();
    assert!(is_open(&mut first));
    let mut second = asking(HERE, listener.address());
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept());
        assert!(second.read_head().starts_with("HTTP/1.1 503 "));
        drop(held);
        let mut third = asking(HERE, listener.address());
        assert!(is_open(&mut third));
        accepting.join().unwrap().unwrap();
    });
}

pub fn behind_a_trusted_proxy_the_client_counts_and_not_the_proxy<A: Adapter>() {
    let line = |client: &str| format!("PROXY TCP4 192.0.2.{client} 192.0.2.9 1000 443\r\n{}", request(""));
    let field = |client: &str| request(&format!("Forwarded: for=192.0.2.{client}\r\n"));
    for proxy in [TrustedProxy::ProxyProtocol, TrustedProxy::Forwarded] {
        let head = |client: &str| if proxy == TrustedProxy::Forwarded { field(client) } else { line(client) };
        let options = AcceptOptions::default().trusted_proxy(proxy).max_connections_per_client(2);
        let listener = A::listen(options);
        let ask = |client: &str| {
            let mut peer = Peer::connect_from(HERE, listener.address());
            peer.send(head(client));
            let accepted = listener.accept();
            let head = peer.read_head();
            assert_eq!(accepted.is_ok(), head.starts_with("HTTP/1.1 101 "), "{head}");
            (accepted, head)
        };
        let mut open = Vec::new();
        for client in ["1", "1", "2"] {
            let (socket, request) = ask(client).0.unwrap();
            assert_eq!(
                request.client_addr().unwrap().ip(),
                IpAddr::from([192, 0, 2, client.parse().unwrap()])
            );
            open.push(socket);
        }
        let (accepted, answer) = ask("1");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let error = accepted.err().unwrap();
        let one = IpAddr::from([192, 0, 2, 1]);
        assert!(matches!(error, AcceptError::ClientLimit { client, limit: 2 } if client == one), "{error}");
        assert!(ask("2").0.is_ok());
        drop(open.remove(0));
        assert!(ask("1").0.is_ok());
    }
}

pub fn a_request_tells_the_address_of_its_client<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default());
    let mut peer = Peer::connect_from(HERE, listener.address());
    peer.send(request("X-Forwarded-For: 192.0.2.1\r\n"));
    let (_socket, request) = listener.accept().unwrap();
    assert_eq!(request.client_addr(), Some(peer.local_address()));
    assert!(is_open(&mut peer));
}

pub fn a_handshake_counts_for_its_client_until_it_is_over<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().max_connections_per_client(1));
    let address = listener.address();
    // A handshake that fails, again and again.
    for _ in 0..3 {
        let mut peer = Peer::connect(address);
        peer.send("GET / HTTP/1.1\r\n\r\n");
        assert!(matches!(listener.accept(), Err(AcceptError::Handshake(_))));
        assert!(peer.read_head().starts_with("HTTP/1.1 400 "));
    }
    // A connection that the client has ended.
    let peer = asking(HERE, address);
    let (socket, _) = listener.accept().unwrap();
    drop(peer);
    drop(socket);
    let mut next = asking(HERE, address);
    let _open = listener.accept().unwrap();
    assert!(is_open(&mut next));
}

pub fn a_decision_has_a_time_of_its_own<A: Adapter>() {
    let slow = Duration::from_millis(400);
    let decide = || {
        thread::sleep(slow);
        Ok(Accept::new())
    };
    let accept = |options: AcceptOptions| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = asking(HERE, listener.local_addr().unwrap());
        let accepted = A::accept_with(listener.accept().unwrap().0, options, |_| decide()).map(|_| ());
        (accepted, peer.read_head())
    };
    let (accepted, answer) = accept(AcceptOptions::default().decide_timeout(slow / 4));
    assert!(matches!(accepted, Err(AcceptError::DecideTimeout(limit)) if limit == slow / 4), "{accepted:?}");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // The client has done its part within `open_timeout`.
    let (accepted, answer) = accept(AcceptOptions::default().open_timeout(slow / 2));
    assert!(accepted.is_ok() && answer.starts_with("HTTP/1.1 101 "), "{accepted:?} {answer}");
}

pub fn a_client_that_does_not_take_the_answer_costs_open_timeout<A: Adapter>() {
    let timeout = Duration::from_millis(400);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = asking(HERE, listener.local_addr().unwrap());
    let large = "x".repeat(32 << 20);
    let options = AcceptOptions::default().open_timeout(timeout);
    let accepted = takes(timeout, || {
        let transport = listener.accept().unwrap().0;
        A::accept_with(transport, options, |_| Ok(Accept::new().header("X-Large", &large).unwrap()))
    });
    let error = accepted.err().expect("an error, not a connection");
    assert!(
        matches!(error, AcceptError::Timeout { phase: OpenPhase::Handshake, open_timeout } if open_timeout == timeout),
        "{error}"
    );
    drop(peer);
}
