//! A listener that stops gracefully.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{AcceptError, Listener, SendError, WebSocket, handshake::Accept};

use crate::support::{REQUEST, bounded, read_head};

const PATIENCE: Duration = Duration::from_secs(60);

fn listener(address: &str) -> (Arc<Listener>, String) {
    let listener = Listener::bind(address).unwrap();
    let url = format!("ws://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    (Arc::new(listener), url)
}

#[test]
fn a_shutdown_ends_every_accept_under_way() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        bounded(move || {
            let (listener, _) = listener(address);
            let accepting: Vec<_> = (0..3)
                .map(|_| {
                    let listener = listener.clone();
                    thread::spawn(move || listener.accept().err())
                })
                .collect();
            thread::sleep(Duration::from_millis(50));
            assert_eq!(listener.shutdown(PATIENCE), 0);
            for thread in accepting {
                assert!(matches!(thread.join().unwrap(), Some(AcceptError::Shutdown)));
            }
            assert!(matches!(listener.accept(), Err(AcceptError::Shutdown)));
        });
    }
}

#[test]
fn open_connections_are_closed_with_1001() {
    bounded(|| {
        let (listener, url) = listener("127.0.0.1:0");
        let accepting = listener.clone();
        thread::spawn(move || {
            while let Ok((incoming, _)) = accepting.accept() {
                thread::spawn(move || {
                    let (mut socket, _) = incoming.accept().unwrap();
                    while let Ok(Some(message)) = socket.recv() {
                        socket.send(message).unwrap();
                    }
                });
            }
        });
        let clients: Vec<_> = (0..5)
            .map(|_| {
                let mut client = WebSocket::connect(&url).unwrap().0;
                client.send("hello").unwrap();
                assert_eq!(client.recv().unwrap().unwrap().as_text(), Some("hello"));
                thread::spawn(move || {
                    assert_eq!(client.recv().unwrap(), None);
                    client.closed().unwrap()
                })
            })
            .collect();
        let start = Instant::now();
        assert_eq!(listener.shutdown(PATIENCE), 0);
        assert!(start.elapsed() < PATIENCE / 2);
        for client in clients {
            let closed = client.join().unwrap();
            assert_eq!((closed.code, closed.clean), (1001, true));
        }
    });
}

#[test]
fn what_does_not_end_in_time_is_broken_off() {
    bounded(|| {
        let (listener, url) = listener("127.0.0.1:0");
        let connecting = thread::spawn(move || WebSocket::connect(&url).unwrap().0);
        let (mut held, _) = listener.accept().unwrap().0.accept().unwrap();
        let mut client = connecting.join().unwrap();
        assert_eq!(listener.shutdown(Duration::from_millis(100)), 1);
        assert_eq!(client.recv().unwrap(), None);
        assert_eq!(client.closed().unwrap().code, 1001);
        assert_eq!(held.recv().unwrap(), None);
        assert_eq!(held.closed().unwrap().code, 1006);
    });
}

#[test]
fn a_thread_that_is_blocked_in_write_is_broken_off_too() {
    bounded(|| {
        let (listener, _) = listener("127.0.0.1:0");
        let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        raw.write_all(REQUEST).unwrap();
        let (mut socket, _) = listener.accept().unwrap().0.accept().unwrap();
        let sending = thread::spawn(move || (socket.send(vec![0; 64 << 20]), socket.recv(), socket.closed()));
        // Some of the message is under way.
        raw.read_exact(&mut [0; 1000]).unwrap();
        assert_eq!(listener.shutdown(Duration::from_millis(200)), 1);
        let start = Instant::now();
        let (sent, received, closed) = sending.join().unwrap();
        // The client takes nothing, for as long as `write_timeout`.
        assert!(start.elapsed() < PATIENCE / 3);
        assert!(matches!(sent, Err(SendError::Closed(None))));
        assert_eq!((received.unwrap(), closed.unwrap().code), (None, 1006));
        drop(raw);
    });
}

#[test]
fn a_connection_that_was_dropped_is_not_waited_for() {
    bounded(|| {
        let (listener, url) = listener("127.0.0.1:0");
        let connecting = thread::spawn(move || WebSocket::connect(&url).unwrap().0);
        drop(listener.accept().unwrap().0.accept().unwrap());
        drop(connecting.join().unwrap());
        let start = Instant::now();
        assert_eq!(listener.shutdown(PATIENCE), 0);
        assert!(start.elapsed() < PATIENCE / 2);
    });
}

/// A client whose request has come, and is being looked at when the listener stops.
#[test]
fn a_client_that_is_decided_on_is_refused_with_503() {
    bounded(|| {
        let (listener, _) = listener("127.0.0.1:0");
        let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        raw.write_all(REQUEST).unwrap();
        let (incoming, _) = listener.accept().unwrap();
        let stopping = listener.clone();
        let mut shutdown = None;
        let accepted = incoming.accept_with(|_| {
            let begun = stopping.clone();
            shutdown = Some(thread::spawn(move || begun.shutdown(PATIENCE)));
            while !matches!(stopping.accept(), Err(AcceptError::Shutdown)) {}
            Ok(Accept::new())
        });
        assert!(matches!(accepted, Err(AcceptError::Shutdown)));
        assert!(read_head(&mut raw).starts_with("HTTP/1.1 503 "));
        assert_eq!(shutdown.unwrap().join().unwrap(), 0);
    });
}

/// Its request has not come, and the thread that waits for it comes back at once.
#[test]
fn a_client_that_has_not_asked_is_disconnected() {
    bounded(|| {
        let (listener, _) = listener("127.0.0.1:0");
        let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (incoming, _) = listener.accept().unwrap();
        let serving = thread::spawn(move || incoming.accept().err());
        thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        assert_eq!(listener.shutdown(PATIENCE), 0);
        assert!(matches!(serving.join().unwrap(), Some(AcceptError::Shutdown)));
        assert!(matches!(raw.read(&mut [0; 1]), Ok(0) | Err(_)));
        assert!(start.elapsed() < PATIENCE / 6, "{:?}", start.elapsed());
    });
}

/// Nothing that a user's code does holds up what the listener does with other connections, nor with its own.
#[test]
fn a_visitor_that_sleeps_holds_nothing_up() {
    bounded(|| {
        const SLEEP: Duration = Duration::from_secs(20);
        let (listener, url) = listener("127.0.0.1:0");
        let (tell, told) = mpsc::channel();
        for _ in 0..3 {
            let connecting = thread::spawn({
                let url = url.clone();
                move || WebSocket::connect(&url).unwrap().0
            });
            let (mut socket, _) = listener.accept().unwrap().0.accept().unwrap();
            let mut client = connecting.join().unwrap();
            client.send("hello").unwrap();
            let tell = tell.clone();
            thread::spawn(move || {
                let _ = socket.for_each_borrowed(|_, _| {
                    tell.send(()).unwrap();
                    thread::sleep(SLEEP);
                    ControlFlow::Break(())
                });
            });
            thread::spawn(move || while let Ok(Some(_)) = client.recv() {});
            told.recv().unwrap();
        }
        let patience = Duration::from_millis(200);
        let start = Instant::now();
        assert_eq!(listener.shutdown(patience), 3);
        assert!(start.elapsed() < SLEEP / 4, "{:?}", start.elapsed());
    });
}
