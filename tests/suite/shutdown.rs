//! A listener that stops.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ws_common::{AcceptError, AcceptOptions};
use ws_core::{Accept, Initiator};

use crate::adapter::{Adapter, Listener, Receiving, Sending};
use crate::ends::quiet;
use crate::peer::{Peer, request};
use crate::watch::{eventually, takes};

pub fn every_connection_is_closed_with_1001<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default());
    let address = listener.address();
    thread::scope(|scope| {
        let mut peers = Vec::new();
        for i in 0..3 {
            let client = scope.spawn(move || Peer::open(address));
            let (mut socket, _) = listener.accept().unwrap();
            // Each is driven: it waits to receive, or waits with one half in a thread.
            scope.spawn(move || {
                if i > 0 {
                    while socket.recv().unwrap().is_some() {}
                    assert_eq!(socket.closed().unwrap().code, 1001);
                } else {
                    use crate::adapter::Socket;
                    let (_sender, mut receiver) = socket.split();
                    while receiver.recv().unwrap().is_some() {}
                    assert_eq!(receiver.closed().unwrap().code, 1001);
                }
            });
            peers.push(client.join().unwrap());
        }
        let clients: Vec<_> = peers
            .into_iter()
            .map(|mut peer| {
                scope.spawn(move || {
                    assert_eq!(peer.receive_close().0, 1001);
                    peer.close(1001, "");
                    peer.expect_end();
                })
            })
            .collect();
        let left = takes(Duration::ZERO, || listener.shutdown(Duration::from_secs(20)));
        assert_eq!(left, 0);
        for client in clients {
            client.join().unwrap();
        }
        let error = listener.accept().err().unwrap();
        assert!(matches!(error, AcceptError::Shutdown), "{error}");
    });
}

pub fn a_peer_that_does_not_answer_is_broken_off<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().config(quiet()));
    let address = listener.address();
    thread::scope(|scope| {
        let client = scope.spawn(move || Peer::open(address));
        let (mut socket, _) = listener.accept().unwrap();
        let serving = scope.spawn(move || {
            assert_eq!(socket.recv().unwrap(), None);
            let closed = socket.closed().unwrap();
            assert_eq!((closed.code, closed.initiator, closed.clean), (1006, Initiator::Local, false));
        });
        let mut peer = client.join().unwrap();
        // Who serves must have sent Close by then.
        let patience = Duration::from_millis(1500);
        assert_eq!(takes(patience, || listener.shutdown(patience)), 1);
        // Long before close_timeout.
        takes(Duration::ZERO, || serving.join().unwrap());
        assert_eq!(peer.receive_close().0, 1001);
        peer.expect_end();
    });
}

pub fn a_client_within_its_handshake_does_not_hold_it_up<A: Adapter>() {
    let listener = Arc::new(A::listen(AcceptOptions::default().config(quiet())));
    let mut peer = Peer::connect(listener.address());
    let accepting = {
        let listener = listener.clone();
        thread::spawn(move || listener.accept())
    };
    peer.send(&request("")[..20]);
    // So that the listener has most probably taken it, and waits for the rest; if it has not, it does not any more.
    thread::sleep(Duration::from_millis(100));
    let patience = Duration::from_millis(300);
    assert!(takes(Duration::ZERO, || listener.shutdown(patience)) <= 1);
    // It comes too late, or is told at once, or is gone.
    let rest = &request("")[20..];
    peer.send_while_taken(rest.as_bytes(), rest.len());
    takes(Duration::ZERO, || match accepting.join().unwrap() {
        Ok((mut socket, _)) => {
            assert_eq!(socket.recv().unwrap(), None);
            assert!(socket.closed().is_some());
        }
        Err(error) => println!("{error}"),
    });
    // It ends those that it has not taken.
    drop(listener);
    peer.read_to_end();
}

/// Shuts the listener down in a thread of its own: with no patience, until that is over; else until the listener takes no client
/// any more.
fn stop<'a, A: Adapter>(
    scope: &'a thread::Scope<'a, '_>,
    listener: &'a A::Listener,
    patience: Duration,
) -> thread::ScopedJoinHandle<'a, usize> {
    let stopping = scope.spawn(move || listener.shutdown(patience));
    if patience.is_zero() {
        eventually("the end of shutdown", || stopping.is_finished());
    } else {
        let refused = scope.spawn(|| listener.accept().err().unwrap());
        assert!(matches!(refused.join().unwrap(), AcceptError::Shutdown));
    }
    stopping
}

/// The patience of a shutdown during which a handshake goes on, and that of one that is over before it does.
const STOPS: [Duration; 2] = [Duration::from_secs(60), Duration::ZERO];

pub fn a_client_whose_request_is_looked_at_is_not_accepted_once_the_listener_stops<A: Adapter>() {
    for patience in STOPS {
        let listener = A::listen(AcceptOptions::default().config(quiet()));
        let mut peer = Peer::connect(listener.address());
        peer.send(request(""));
        thread::scope(|scope| {
            let answer = scope.spawn(move || peer.read_to_end());
            let mut stopping = None;
            let accepted = listener.accept_with(
                || (),
                |_| {
                    stopping = Some(stop::<A>(scope, &listener, patience));
                    Ok(Accept::new())
                },
            );
            assert!(matches!(accepted, Err(AcceptError::Shutdown)), "{patience:?}");
            let answer = answer.join().unwrap();
            let answer = String::from_utf8_lossy(&answer);
            let is_refused = answer.starts_with("HTTP/1.1 503 ");
            assert!(is_refused || (patience.is_zero() && answer.is_empty()), "{patience:?}: {answer}");
            assert_eq!(stopping.unwrap().join().unwrap(), usize::from(patience.is_zero()));
        });
    }
}

pub fn a_client_that_is_only_held_is_not_accepted_once_the_listener_stops<A: Adapter>() {
    for patience in STOPS {
        let listener = A::listen(AcceptOptions::default().config(quiet()));
        let mut peer = Peer::connect(listener.address());
        peer.send(request(""));
        thread::scope(|scope| {
            let answer = scope.spawn(move || peer.read_to_end());
            let mut stopping = None;
            let taken = || stopping = Some(stop::<A>(scope, &listener, patience));
            let accepted = listener.accept_with(taken, |_| panic!("a request that is refused in any case"));
            assert!(matches!(accepted, Err(AcceptError::Shutdown)), "{patience:?}");
            let answer = answer.join().unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{patience:?}: {answer}");
            assert_eq!(stopping.unwrap().join().unwrap(), usize::from(patience.is_zero()));
        });
    }
}

pub fn a_client_whose_request_is_awaited_is_dropped_when_the_listener_stops<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().config(quiet()));
    let address = listener.address();
    thread::scope(|scope| {
        let (taken, wait) = mpsc::channel();
        let accepting = scope
            .spawn(|| listener.accept_with(move || taken.send(()).unwrap(), |_| Ok(Accept::new())).err());
        let mut peer = Peer::connect(address);
        peer.send(&request("")[..20]);
        wait.recv().unwrap();
        // So that the handshake most probably waits; if it does not yet, it does not begin.
        thread::sleep(Duration::from_millis(50));
        let left = takes(Duration::ZERO, || listener.shutdown(Duration::from_secs(60)));
        assert_eq!(left, 0);
        assert!(matches!(accepting.join().unwrap(), Some(AcceptError::Shutdown)));
        let rest = &request("")[20..];
        peer.send_while_taken(rest.as_bytes(), rest.len());
        assert_eq!(peer.read_to_end(), b"");
    });
}

pub fn a_waiting_accept_learns_of_the_shutdown<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| listener.accept().err().unwrap());
        thread::sleep(Duration::from_millis(50));
        assert_eq!(listener.shutdown(Duration::from_secs(20)), 0);
        let error = waiting.join().unwrap();
        assert!(matches!(error, AcceptError::Shutdown), "{error}");
    });
}

pub fn a_listener_goes_on_after_a_client_that_speaks_no_http<A: Adapter>() {
    let listener = A::listen(AcceptOptions::default().subprotocol("chat"));
    let address = listener.address();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stranger = Peer::connect(address);
            stranger.send("QUIT\r\n\r\n");
            assert!(stranger.read_to_end().starts_with(b"HTTP/1.1 400 "));
            let mut peer = Peer::open(address);
            assert_eq!(peer.receive_text(), "welcome");
        });
        let error = listener.accept().err().unwrap();
        assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
        let (mut socket, _) = listener.accept().unwrap();
        socket.send("welcome").unwrap();
    });
}
