//! The options of sockets, and the connections that are reset.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use ws_common::{AcceptOptions, ConnectOptions};
use ws_core::{CloseCode, Config, Error, Timeout};

use crate::adapter::{Adapter, Listener, Receiving, Sending, Socket};
use crate::ends::{FAR, quiet};
use crate::nowhere::BlackHole;
use crate::peer::{Peer, Server};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn options(address: SocketAddr) -> ConnectOptions {
    ConnectOptions::new(format!("ws://{address}/")).open_timeout(FAR)
}

/// Less than the system holds for a connection, and much more than fits in the window of the peer.
const OLD: usize = 48 * 1024;

/// A client whose messages lie in the queue of its socket, because the peer does not read.
fn stuck<A: Adapter>(config: Config, length: usize) -> (A::Socket, Peer) {
    let server = Server::with_small_window();
    let options = match A::site() {
        None => options(server.address()),
        Some(site) => {
            let options = ConnectOptions::new(format!("wss://{}/", server.address()));
            options.open_timeout(FAR).tls(site.connector.clone())
        }
    };
    thread::scope(|scope| {
        let peer = scope.spawn(|| match A::site() {
            None => server.open(),
            Some(site) => server.open_secure(site.identity.server_config()),
        });
        let (mut socket, _) = A::connect(options.config(config)).unwrap();
        for _ in 0..length / 1024 {
            socket.feed(vec![b'x'; 1024]).unwrap();
        }
        (socket, peer.join().unwrap())
    })
}

pub fn a_dead_peer_that_reads_late_gets_a_reset_and_no_old_messages<A: Adapter>() {
    let pong = quiet().ping_interval(millis(200)).pong_timeout(millis(400));
    let write = quiet().write_timeout(millis(400));
    for (config, length, timeout) in
        [(pong, OLD, Timeout::Pong(millis(400))), (write, 16 << 20, Timeout::Write(millis(400)))]
    {
        let config = config.max_send_buffer(32 << 20);
        let (mut socket, mut peer) = stuck::<A>(config, length);
        let error = socket.next_event().expect_err("the peer is dead");
        assert!(matches!(error, Error::Timeout(seen) if seen == timeout), "{error}");
        // Nobody looks at the end, and the socket is not dropped.
        let (read, how) = peer.read_to_break();
        assert_eq!(how, Some(ErrorKind::ConnectionReset), "after {read} bytes");
        assert!(read < OLD / 2, "{read} bytes came late");
        drop(socket);
    }
}

pub fn a_peer_that_misses_close_timeout_gets_what_was_sent<A: Adapter>() {
    let (mut socket, mut peer) = stuck::<A>(quiet().close_timeout(millis(500)), OLD);
    let closed = socket.close(CloseCode::NORMAL);
    assert!(!closed.clean);
    drop(socket);
    let (read, how) = peer.read_to_break();
    assert_eq!(how, None, "the stream ends in the ordinary way");
    assert!(read > OLD, "only {read} bytes");
}

pub fn an_attempt_that_fails_is_reset<A: Adapter>() {
    for answer in ["HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n\r\n"] {
        let server = Server::new();
        thread::scope(|scope| {
            let peer = scope.spawn(|| {
                let mut peer = server.accept();
                peer.read_head();
                peer.send(answer);
                peer.read_to_break()
            });
            assert!(A::connect(options(server.address())).is_err());
            assert_eq!(peer.join().unwrap(), (0, Some(ErrorKind::ConnectionReset)), "{answer}");
        });
    }
}

/// A port that no other test is given, as far as the system can tell.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

pub fn a_port_that_is_set_is_had_again<A: Adapter>() {
    let local = free_port();
    let opens = |server: &Server, options: ConnectOptions| {
        thread::scope(|scope| {
            let peer = scope.spawn(|| server.open());
            let (socket, _) = A::connect(options).unwrap_or_else(|error| panic!("{error}"));
            let peer = peer.join().unwrap();
            assert_eq!(peer.remote_address(), local);
            (socket, peer)
        })
    };
    // The client ends first: the system keeps the port for each connection that has ended, for a minute. Each server is another, so that
    // only the port is the same.
    for _ in 0..8 {
        let server = Server::new();
        let (socket, mut peer) = opens(&server, options(server.address()).bind(local));
        drop(socket);
        peer.expect_end();
        peer.end();
    }
    // The second address of a race.
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).unwrap();
    let name = ConnectOptions::new("ws://example.com/").open_timeout(FAR);
    let begin = Instant::now();
    let server = Server::new();
    opens(&server, name.address(hole.address()).address(server.address()).bind(local));
    assert!(begin.elapsed() >= millis(250), "{:?}", begin.elapsed());
}

/// A socket is bound to a port that another one has, because only the pair of both addresses must be unique. So connecting fails.
pub fn a_port_that_a_connection_to_the_same_server_has_is_named_by_the_error<A: Adapter>() {
    let (local, server) = (free_port(), Server::new());
    let connect = || A::connect(options(server.address()).bind(local));
    thread::scope(|scope| {
        let peer = scope.spawn(|| server.open());
        let first = connect().unwrap_or_else(|error| panic!("{error}"));
        let peer = peer.join().unwrap();
        let Err(error) = connect() else { panic!("two connections between the same addresses") };
        assert_eq!(
            error.to_string(),
            format!(
                "connecting to {} failed: the local address {local} cannot be used: \
                 Cannot assign requested address (os error 99)",
                server.address()
            )
        );
        drop((first, peer));
    });
}

/// Number of unsent bytes that the system holds.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn lowat(socket: &SockRef<'_>) -> Option<u32> {
    Some(socket.tcp_notsent_lowat().unwrap())
}

/// Not every system has this option.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn lowat(_: &SockRef<'_>) -> Option<u32> {
    None
}

/// Time without traffic before the system asks whether the peer is there, and between two such questions.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keepalive(socket: &SockRef<'_>) -> Option<[Duration; 2]> {
    Some([socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap()])
}

/// Not every system tells both.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keepalive(_: &SockRef<'_>) -> Option<[Duration; 2]> {
    None
}

pub fn each_accepted_socket_has_its_options<A: Adapter>() {
    let default = AcceptOptions::default;
    for (accept, bytes) in [
        (default(), Some(64 * 1024)),
        (default().notsent_lowat(4096), Some(4096)),
        (default().notsent_lowat(None), None),
    ] {
        let listener = A::listen(accept);
        thread::scope(|scope| {
            let client = scope.spawn(|| A::connect(options(listener.address())).unwrap());
            let (socket, _) = listener.accept().unwrap();
            let (client, _) = client.join().unwrap();
            socket.look_at_socket(|accepted| {
                assert!(accepted.tcp_nodelay().unwrap() && !accepted.keepalive().unwrap());
                match bytes {
                    Some(bytes) => assert!(lowat(accepted).is_none_or(|seen| seen == bytes)),
                    None => assert_ne!(lowat(accepted), Some(64 * 1024)),
                }
                assert_eq!(accepted.linger().unwrap(), None);
            });
            // The attempt was used: closing the socket resets the connection no more.
            client.look_at_socket(|connected| assert_eq!(connected.linger().unwrap(), None));
        });
    }
}

pub fn each_socket_has_its_options_and_goes_through_the_hook<A: Adapter>() {
    let server = Arc::new(Server::new());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = |check: fn(&TcpStream)| {
        let calls = calls.clone();
        move |socket: &TcpStream| {
            calls.fetch_add(1, Ordering::Relaxed);
            assert!(socket.peer_addr().is_err(), "it has not connected");
            check(socket);
            socket.set_ttl(77)
        }
    };
    let defaults = options(server.address()).on_socket(counted(|socket| {
        let options = SockRef::from(socket);
        assert!(socket.nodelay().unwrap() && options.keepalive().unwrap());
        assert!(keepalive(&options).is_none_or(|times| times == [Duration::from_secs(60); 2]));
        assert!(lowat(&options).is_none_or(|bytes| bytes == 64 * 1024));
    }));
    let off = options(server.address()).nodelay(false).tcp_keepalive(None).notsent_lowat(None);
    let off = off.on_socket(counted(|socket| {
        let options = SockRef::from(socket);
        assert!(!socket.nodelay().unwrap() && !options.keepalive().unwrap());
        assert_ne!(lowat(&options), Some(64 * 1024));
    }));
    let other = options(server.address()).notsent_lowat(4096).tcp_keepalive(Duration::from_secs(7));
    let other = other.on_socket(counted(|socket| {
        let options = SockRef::from(socket);
        assert!(lowat(&options).is_none_or(|bytes| bytes == 4096));
        assert!(keepalive(&options).is_none_or(|times| times == [Duration::from_secs(7); 2]));
    }));
    for options in [defaults, off, other] {
        let server = server.clone();
        // In no scope, which would wait for it where the hook panics.
        let peer = thread::spawn(move || server.open());
        let _socket = A::connect(options).unwrap();
        peer.join().unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
