//! A listener that stops gracefully.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{AcceptError, Listener, SendError, WebSocket};

use crate::support::{REQUEST, bounded, frame, read_head};

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

#[test]
fn a_handshake_under_way_is_finished_and_then_closed() {
    bounded(|| {
        let (listener, _) = listener("127.0.0.1:0");
        let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (incoming, _) = listener.accept().unwrap();
        let serving = thread::spawn(move || {
            let (mut socket, _) = incoming.accept().unwrap();
            let received = socket.recv().unwrap();
            (received, socket.closed().unwrap())
        });
        let stopping = listener.clone();
        let stopping = thread::spawn(move || stopping.shutdown(PATIENCE));
        while !matches!(listener.accept(), Err(AcceptError::Shutdown)) {}
        raw.write_all(REQUEST).unwrap();
        read_head(&mut raw);
        let mut close = [0; 4];
        raw.read_exact(&mut close).unwrap();
        assert_eq!(&close, b"\x88\x02\x03\xe9");
        raw.write_all(&frame(0x88, b"\x03\xe9")).unwrap();
        drop(raw);
        let (received, closed) = serving.join().unwrap();
        assert_eq!((received, closed.code, closed.clean), (None, 1001, true));
        assert_eq!(stopping.join().unwrap(), 0);
    });
}
