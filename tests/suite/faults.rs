//! Faults whose errors are the same on every runtime, to the letter.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use ws_common::{ConnectError, ConnectOptions};

use crate::adapter::Adapter;
use crate::ends::FAR;
use crate::nowhere::{BlackHole, Nobody};
use crate::peer::{Peer, Server};
use crate::relay::terminate;
use crate::tls::{Authority, SITE};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn options(address: SocketAddr) -> ConnectOptions {
    ConnectOptions::new(format!("ws://{address}/")).open_timeout(FAR)
}

/// The program of a server for one connection.
type Script = fn(Peer);

fn refused(nobody: SocketAddr) -> String {
    format!("connecting to {nobody} failed: Connection refused (os error 111)")
}

pub fn the_same_fault_gives_the_same_error<A: Adapter>() {
    const HINT: &str = "is this the right port and scheme (ws or wss)?";
    let nobody = Nobody::default();
    let nobody = nobody.address();
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).unwrap();
    let hole = hole.address();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().unwrap();
    let name = || ConnectOptions::new("ws://example.com/").open_timeout(FAR);
    let mut table: Vec<(ConnectOptions, &str, String)> = vec![
        (options(nobody), "Connect", refused(nobody)),
        (
            options(hole).open_timeout(millis(400)),
            "ConnectTimeout",
            format!("400ms (open_timeout) passed while connecting to {hole}"),
        ),
        (
            name().address(nobody).address(hole).open_timeout(millis(400)),
            "ConnectTimeout",
            format!("400ms (open_timeout) passed while connecting to {hole}; {}", refused(nobody)),
        ),
        (
            options(nobody).bind(([192, 0, 2, 1], 0)),
            "Connect",
            format!(
                "connecting to {nobody} failed: the local address 192.0.2.1:0 cannot be used: \
                 Cannot assign requested address (os error 99)"
            ),
        ),
        (
            options(nobody).bind(taken),
            "Connect",
            format!(
                "connecting to {nobody} failed: the local address {taken} cannot be used: \
                 Address already in use (os error 98)"
            ),
        ),
        (
            options(nobody).on_socket(|_| Err(io::Error::other("no such device"))),
            "Connect",
            format!("connecting to {nobody} failed: no such device"),
        ),
        (
            options(nobody).on_socket(|_| Err(ErrorKind::TimedOut.into())),
            "Connect",
            format!("connecting to {nobody} failed: timed out"),
        ),
        (
            name().address(([0, 0, 0, 0], 80)),
            "Url",
            "0.0.0.0 is not the address of a host, so one cannot connect to it; use 127.0.0.1 or [::1] for \
             this machine, and a Listener to accept connections"
                .into(),
        ),
    ];
    let reset: Script = |mut peer| {
        peer.read_head();
        peer.reset();
    };
    let eof: Script = |mut peer| {
        peer.read_head();
        peer.end();
        peer.read_to_break();
    };
    let silent: Script = |mut peer| {
        peer.read_head();
        peer.read_to_break();
    };
    let forbidden: Script = |mut peer| {
        peer.read_head();
        peer.send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
        peer.read_to_break();
    };
    let scripts: [(Script, Duration, String); 3] = [
        (
            reset,
            FAR,
            format!("reading from the transport failed: Connection reset by peer (os error 104); {HINT}"),
        ),
        (eof, FAR, format!("the peer ended the stream without an answer; {HINT}")),
        (forbidden, FAR, "the server answered 403 No instead of 101".into()),
    ];
    for (script, patience, text) in scripts {
        let server = Server::new();
        let address = server.address();
        thread::spawn(move || script(server.accept()));
        let text = format!("the handshake with {address} failed: {text}");
        table.push((options(address).open_timeout(patience), "Handshake", text));
    }
    let server = Server::new();
    let address = server.address();
    thread::spawn(move || silent(server.accept()));
    table.push((
        options(address).open_timeout(millis(400)),
        "Timeout",
        format!(
            "the connection to {address} was not open in 400ms (open_timeout); it got as far as: handshake"
        ),
    ));
    check::<A>(table);
}

/// Connects with each of these options, and compares the error.
fn check<A: Adapter>(table: Vec<(ConnectOptions, &str, String)>) {
    for (options, variant, text) in table {
        let Err(error) = A::connect(options) else { panic!("{text}: connected") };
        assert_eq!(error.to_string(), text);
        let seen = match error {
            ConnectError::Connect(_) => "Connect",
            ConnectError::ConnectTimeout(_) => "ConnectTimeout",
            ConnectError::Handshake { .. } => "Handshake",
            ConnectError::Proxy { .. } => "Proxy",
            ConnectError::Resolve { .. } => "Resolve",
            ConnectError::Timeout { .. } => "Timeout",
            ConnectError::Tls { .. } => "Tls",
            ConnectError::Url(_) => "Url",
            _ => "another",
        };
        assert_eq!(seen, variant, "{text}");
    }
}

/// A server that answers the first bytes of its client so, and ends the stream.
fn answering(answer: &'static [u8]) -> SocketAddr {
    let server = Server::new();
    let address = server.address();
    thread::spawn(move || {
        let mut peer = server.accept();
        peer.skip(4096);
        peer.send(answer);
        peer.end();
        peer.read_to_break();
    });
    address
}

pub fn the_same_fault_of_a_name_of_tls_or_of_a_proxy_gives_the_same_error<A: Adapter>() {
    // A label has 63 characters at most, so that no resolver asks another.
    let unknown = format!("{}.invalid", "x".repeat(64));
    let unresolved = (&*unknown, 80).to_socket_addrs().unwrap_err();
    let url = |scheme: &str, host: &dyn Display| {
        ConnectOptions::new(format!("{scheme}://{host}/")).tls(SITE.connector.clone()).open_timeout(FAR)
    };
    let through =
        |scheme: &str, proxy: &dyn Display| url("ws", &"hidden.test").proxy(format!("{scheme}://{proxy}"));
    let nobody = Nobody::default();
    let nobody = nobody.address();
    let mut table = vec![
        (url("ws", &unknown), "Resolve", format!("the name {unknown:?} was not resolved: {unresolved}")),
        (
            through("http", &unknown),
            "Proxy",
            format!("through http://{unknown}:80: the proxy's name was not resolved: {unresolved}"),
        ),
        (
            through("http", &nobody),
            "Proxy",
            format!(
                "through http://{nobody}: connecting to the proxy at {nobody} failed: Connection refused (os error 111)"
            ),
        ),
    ];
    let tls: [(&[u8], &str); 3] = [
        (
            b"SSH-2.0-OpenSSH_9.9\r\n",
            "the peer does not speak TLS, but began with \"SSH-2.0-\"…; is it meant to be ws, not wss?",
        ),
        (
            &[0x15, 3, 3, 0, 2, 2, 40],
            "the peer ended TLS with an alert: handshake_failure (40); the peer and this side share no cipher \
             suite, key exchange or kind of certificate",
        ),
        (b"", "the peer ended the stream before TLS was up; does it speak TLS at this port?"),
    ];
    for (answer, text) in tls {
        let address = answering(answer);
        table.push((url("wss", &address), "Tls", format!("TLS with {address} failed: {text}")));
    }
    let behind = Server::new();
    let strange = terminate(&Authority::new().issue(&["127.0.0.1"]), behind.address(), 1);
    table.push((url("wss", &strange), "Tls", format!(
            "TLS with {strange} failed: the peer's certificate is of no authority that is trusted; its authority, or a \
             self-signed certificate itself, can be given as `ca` (to a server: by `with_client_ca`)"
        )));
    let proxies: [(&str, &[u8], &str); 4] = [
        (
            "http",
            b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            "the proxy asks for authentication (407); write user name and password in its URL, as in \
             http://user:password@host",
        ),
        (
            "http",
            b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n",
            "the proxy did not connect, but answered 502 Bad; it could not reach the target",
        ),
        (
            "socks5h",
            &[5, 0xff],
            "the proxy asks for authentication; write user name and password in its URL, as in \
             socks5://user:password@host",
        ),
        ("http", b"", "the proxy ended the stream without an answer"),
    ];
    for (scheme, answer, text) in proxies {
        let proxy = answering(answer);
        table.push((through(scheme, &proxy), "Proxy", format!("through {scheme}://{proxy}: {text}")));
    }
    check::<A>(table);
}
