//! Openings that fail, and openings that are not the usual.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{
    AcceptError, AcceptOptions, CloseCode, ConnectError, ConnectOptions, Incoming, Transport, WebSocket,
    error::{HandshakeError, OpenPhase},
    handshake::{Accept, Reject},
};

use crate::support::{REQUEST, TOLERANCE, bounded, quiet, read_head, streams};

const DEADLINE: Duration = Duration::from_millis(300);

/// A server that answers its first client with `answer`.
fn server(answer: &'static [u8]) -> (String, thread::JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        read_head(&mut stream);
        stream.write_all(answer).unwrap();
        stream
    });
    (url, thread)
}

/// The field takes any duration; the method of its name has an upper bound.
#[test]
fn an_opening_may_take_for_ever() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let accepting = thread::spawn(move || {
            let mut options = AcceptOptions::default();
            options.open_timeout = Duration::MAX;
            Incoming::new(listener.accept().unwrap().0, options).accept().unwrap().0
        });
        let options = ConnectOptions::new(&url).open_timeout(Duration::MAX);
        let (mut client, _) = WebSocket::connect(options).unwrap();
        let mut server = accepting.join().unwrap();
        client.send("hello").unwrap();
        assert_eq!(server.recv().unwrap(), Some("hello".into()));
    });
}

#[test]
fn a_refusal_comes_with_its_status_and_body() {
    bounded(|| {
        let (near, far) = streams();
        let refusing = thread::spawn(move || {
            Incoming::new(far, AcceptOptions::default())
                .accept_with(|request| {
                    assert_eq!(request.target(), "/room?x=1");
                    Err(Reject::new(403).unwrap().body("not you"))
                })
                .err()
        });
        let error = WebSocket::connect_over(near, "ws://127.0.0.1/room?x=1").err().unwrap();
        let ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } = error else {
            panic!("{error}")
        };
        assert_eq!((rejected.response.status(), &rejected.body[..]), (403, &b"not you"[..]));
        assert!(matches!(refusing.join().unwrap(), Some(AcceptError::Rejected(403))));
    });
}

#[test]
fn what_is_no_websocket_server_is_told_apart() {
    for (answer, expected) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"[..], "404"),
        (b"220 mail.example ESMTP\r\n", "220 mail"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Accept"),
    ] {
        bounded(move || {
            let (url, server) = server(answer);
            let error = WebSocket::connect(url).err().unwrap();
            assert_eq!(error.phase(), OpenPhase::Handshake);
            assert!(error.to_string().contains(expected), "{error}");
            drop(server.join().unwrap());
        });
    }
}

/// A transport that takes nothing.
struct Full {
    stream: TcpStream,
    write_timeout: Mutex<Duration>,
}

impl Transport for Full {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(&self.stream, buffer)
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        thread::sleep(*self.write_timeout.lock().unwrap());
        Err(io::ErrorKind::TimedOut.into())
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Transport::set_read_timeout(&self.stream, timeout)
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        *self.write_timeout.lock().unwrap() = timeout;
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Transport::shutdown(&self.stream, how)
    }
}

#[test]
fn a_client_that_does_not_take_the_response_costs_open_timeout() {
    bounded(|| {
        let (mut near, far) = streams();
        near.write_all(REQUEST).unwrap();
        let full = Full { stream: far, write_timeout: Mutex::default() };
        let start = Instant::now();
        let options = AcceptOptions::default().open_timeout(DEADLINE);
        let error = Incoming::new(full, options.config(quiet())).accept().err().unwrap();
        assert!(matches!(error, AcceptError::Timeout { phase: OpenPhase::Handshake, .. }), "{error}");
        assert!(start.elapsed() >= DEADLINE && start.elapsed() < DEADLINE + TOLERANCE);
    });
}

#[test]
fn a_server_that_says_nothing_costs_open_timeout() {
    bounded(|| {
        let (url, server) = server(b"");
        let start = Instant::now();
        let error = WebSocket::connect(ConnectOptions::new(&url).open_timeout(DEADLINE)).err().unwrap();
        assert!(
            matches!(
                error,
                ConnectError::Timeout { phase: OpenPhase::Handshake, open_timeout: DEADLINE, peer: Some(_) }
            ),
            "{error}"
        );
        assert!(
            start.elapsed() >= DEADLINE && start.elapsed() < DEADLINE + TOLERANCE,
            "{:?}",
            start.elapsed()
        );
        drop(server.join().unwrap());
    });
}

#[test]
fn a_client_that_says_nothing_costs_open_timeout_and_is_answered_408() {
    bounded(|| {
        let (mut near, far) = streams();
        let accepting = thread::spawn(move || {
            let start = Instant::now();
            (
                Incoming::new(far, AcceptOptions::default().open_timeout(DEADLINE)).accept().err(),
                start.elapsed(),
            )
        });
        assert!(read_head(&mut near).starts_with("HTTP/1.1 408 "));
        drop(near);
        let (error, elapsed) = accepting.join().unwrap();
        assert!(matches!(error, Some(AcceptError::Timeout { phase: OpenPhase::Handshake, .. })));
        assert!(elapsed >= DEADLINE && elapsed < DEADLINE + TOLERANCE, "{elapsed:?}");
    });
}

#[test]
fn a_refused_client_gets_its_answer_although_it_has_sent_more() {
    bounded(|| {
        let (mut near, far) = streams();
        let accepting = thread::spawn(move || WebSocket::accept(far).err());
        near.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").unwrap();
        near.write_all(&[b'x'; 100_000]).unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        drop(near);
        assert!(matches!(
            accepting.join().unwrap(),
            Some(AcceptError::Handshake(HandshakeError::Request(_)))
        ));
    });
}

#[test]
fn nobody_listens() {
    bounded(|| {
        // A port that has been taken is not given to another, and this one is no listener's any more.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let url = format!("ws://{address}/");
        let _server = listener.accept().unwrap();
        drop(listener);
        let error = WebSocket::connect(url).err().unwrap();
        assert!(matches!(error, ConnectError::Connect { .. }), "{error}");
    });
}

#[test]
fn no_time_is_no_time() {
    let options = ConnectOptions::new("ws://localhost:1/").open_timeout(Duration::ZERO);
    let error = bounded(move || WebSocket::connect(options).err().unwrap());
    assert!(matches!(error, ConnectError::Timeout { phase: OpenPhase::Resolve, .. }), "{error}");
}

#[test]
fn a_name_is_resolved_and_the_local_address_is_bound() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = thread::spawn(move || {
            let (stream, from) = listener.accept().unwrap();
            let (mut socket, request) = WebSocket::accept(stream).unwrap();
            assert_eq!(socket.recv().unwrap(), None);
            (from, request.host().to_owned())
        });
        let options = ConnectOptions::new(format!("ws://localhost:{}/", address.port()));
        let options = options.bind(([127, 0, 0, 1], 0));
        // The name may have an IPv6 address, which cannot be bound to an IPv4 one: the next is tried.
        let (mut socket, _) = WebSocket::connect(options).unwrap();
        let local = socket.transport().local_addr().unwrap();
        assert!(socket.close(CloseCode::NORMAL).clean);
        assert_eq!(accepting.join().unwrap(), (local, format!("localhost:{}", address.port())));
    });
}

#[cfg(unix)]
#[test]
fn over_a_unix_socket_with_a_subprotocol() {
    bounded(|| {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let accepting = thread::spawn(move || {
            let decide = |request: &ws_blocking::Request| {
                Ok(Accept::new().first_subprotocol(request, ["chat.v2", "chat.v1"]))
            };
            let (mut socket, _) = Incoming::new(far, AcceptOptions::default()).accept_with(decide).unwrap();
            socket.send("hello").unwrap();
            socket.close(CloseCode::NORMAL)
        });
        let options = ConnectOptions::new("ws://localhost/");
        let options = options.subprotocol("chat.v1").subprotocol("chat.v2");
        let (mut socket, response) = WebSocket::connect_over(near, options).unwrap();
        assert_eq!(response.subprotocol(), Some("chat.v2"));
        assert_eq!(socket.recv().unwrap().unwrap().as_text(), Some("hello"));
        assert_eq!(socket.recv().unwrap(), None);
        assert!(accepting.join().unwrap().clean);
    });
}
