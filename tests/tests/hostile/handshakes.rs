//! Responses that are no handshake: the rules of BEHAVIOUR, section 2.

use std::thread;
use std::time::{Duration, Instant};

use suite::peer::{Server, accept_key, field, response_to};
use suite::watch::bounded;

use crate::testee::{Outcome, Testee, for_every_runtime};

/// The side that ends the attempt, a part of the client's error, and the answer that a server makes of the good response.
type Bad = (&'static str, &'static str, fn(&str) -> Vec<u8>);

/// Replaces a part of the good response, which must be there.
fn with(good: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(good.contains(from));
    good.replacen(from, to, 1).into()
}

/// The client refuses the response.
const US: &str = "us";
/// The server refuses the client, or goes.
const PEER: &str = "peer";

const LAST: &str = "X-Last: 1";

const BAD: &[Bad] = &[
    // It is not HTTP/1.1.
    (US, "not HTTP/1.1", |_| b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
    (US, "the server speaks TLS", |_| vec![0x15, 3, 3, 0, 2, 2, 0x46]),
    (US, "not HTTP/1.1", |_| vec![0; 64]),
    (US, "not HTTP/1.1", |good| with(good, "HTTP/1.1", "HTTP/1.0")),
    (US, "not HTTP/1.1", |good| with(good, "HTTP/1.1", "HTTP/2")),
    (US, "not HTTP/1.1", |good| with(good, "HTTP/1.1", "http/1.1")),
    (US, "not HTTP/1.1", |good| [b" ", good.as_bytes()].concat()),
    // Its status is not 101.
    (PEER, "200", |good| with(good, "101 Switching Protocols", "200 OK")),
    (PEER, "204", |good| with(good, "101 Switching Protocols", "204 No Content")),
    (PEER, "redirect to \"ws://other/\"", |_| {
        b"HTTP/1.1 302 Found\r\nLocation: ws://other/\r\nContent-Length: 0\r\n\r\n".to_vec()
    }),
    (PEER, "401 Unauthorized", |_| b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno!\n".to_vec()),
    (PEER, "instead of 101: no such room", |_| b"HTTP/1.1 404 Not Found\r\n\r\nno such room".to_vec()),
    (PEER, "503", |_| b"HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()),
    (US, "malformed", |good| with(good, "101", "1O1")),
    (US, "malformed", |good| with(good, " 101", "  101")),
    // Upgrade and Connection.
    (US, "Upgrade is \"\"", |good| with(good, "Upgrade: websocket\r\n", "")),
    (US, "Upgrade is \"h2c\"", |good| with(good, "Upgrade: websocket", "Upgrade: h2c")),
    (US, "Upgrade is", |good| with(good, "Upgrade: websocket", "Upgrade: websocket, h2c")),
    (US, "Upgrade is", |good| with(good, LAST, "Upgrade: websocket")),
    (US, "Connection is \"\"", |good| with(good, "Connection: Upgrade\r\n", "")),
    (US, "Connection is \"close\"", |good| with(good, "Connection: Upgrade", "Connection: close")),
    (US, "Connection is", |good| with(good, "Connection: Upgrade", "Connection: upgraded")),
    // Sec-WebSocket-Accept.
    (US, "Sec-WebSocket-Accept is \"\"", |good| with(good, "Sec-WebSocket-Accept", "X-Accept")),
    (US, "does not answer the key", |good| {
        with(good, field(good, "Sec-WebSocket-Accept").unwrap(), &accept_key("another"))
    }),
    (US, "does not answer the key", |good| {
        let accept = field(good, "Sec-WebSocket-Accept").unwrap();
        with(good, accept, &accept.to_lowercase())
    }),
    (US, "does not answer the key", |good| {
        let twice = format!("Sec-WebSocket-Accept: {}", field(good, "Sec-WebSocket-Accept").unwrap());
        with(good, LAST, &twice)
    }),
    // What was not offered.
    (US, "subprotocol \"chat\"", |good| with(good, LAST, "Sec-WebSocket-Protocol: chat")),
    (US, "subprotocol", |good| with(good, LAST, "Sec-WebSocket-Protocol: offered, offered")),
    (US, "subprotocol", |good| with(good, LAST, "Sec-WebSocket-Protocol: OFFERED")),
    (US, "subprotocol", |good| with(good, LAST, "Sec-WebSocket-Protocol: ")),
    (US, "extension", |good| with(good, LAST, "Sec-WebSocket-Extensions: x-made-up")),
    // What HTTP forbids.
    (US, "malformed", |good| with(good, LAST, "X Last: 1")),
    (US, "malformed", |good| with(good, LAST, "X-Last : 1")),
    (US, "malformed", |good| with(good, LAST, "no colon")),
    (US, "malformed", |good| with(good, LAST, "X-Last: \0")),
    // Limits.
    (US, "over 100 headers", |good| with(good, LAST, &["X: 1"; 200].join("\r\n"))),
    (US, "16 KiB", |good| with(good, LAST, &format!("X: {}", "1".repeat(20_000)))),
    (US, "16 KiB", |good| with(good, "Switching Protocols", &"S".repeat(20_000))),
    // An end where none should be.
    (PEER, "without an answer", |_| Vec::new()),
    (PEER, "without an answer", |good| with(good, "101 Switching Protocols", "100 Continue")),
    (PEER, "after 1 bytes", |_| b"H".to_vec()),
    (PEER, "within the handshake", |good| good.as_bytes()[..good.len() - 1].to_vec()),
];

/// A response to the client, however it is made, and what the client says.
fn answered(runtime: &str, answer: impl FnOnce(&str) -> Vec<u8>) -> Outcome {
    let server = Server::new();
    let testee = Testee::connect(runtime, &server.url(), &["--subprotocol", "offered"]);
    let mut peer = server.accept();
    let good = response_to(&peer.read_head(), &format!("{LAST}\r\n"));
    peer.send(answer(&good));
    peer.end();
    testee.outcome()
}

#[test]
fn a_response_that_is_no_handshake_is_an_error_that_says_why() {
    bounded(|| {
        for_every_runtime(|runtime| {
            for (number, (by, says, answer)) in BAD.iter().enumerate() {
                let outcome = answered(runtime, answer);
                let said = outcome.failure("handshake");
                assert!(said.contains(says), "{number}: {said}, not {says}");
                assert_eq!(outcome.events.len(), 2, "{number}: {outcome:?}");
                let closed = outcome.closed();
                assert_eq!((&closed["code"], closed["by"].as_str()), (&1006.into(), Some(*by)), "{number}");
            }
        });
    });
}

/// A proxy that refuses the client has ended the attempt, and so has a peer that sends an alert of TLS.
#[test]
fn the_side_that_ends_an_attempt_is_told() {
    const ATTEMPTS: &[(&str, &str, &str, &[&[u8]])] = &[
        (PEER, "proxy", "http", &[b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"]),
        (PEER, "proxy", "http", &[b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]),
        (US, "proxy", "http", &[b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]),
        // The proxy takes no method, speaks SOCKS4, and refuses the connection.
        (PEER, "proxy", "socks5h", &[&[5, 0xff]]),
        (US, "proxy", "socks5h", &[&[4, 0]]),
        (PEER, "proxy", "socks5h", &[&[5, 0], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]]),
        // The server sends the alert handshake_failure, sends no TLS, and ends the stream.
        (PEER, "tls", "wss", &[&[0x15, 3, 3, 0, 2, 2, 40]]),
        (US, "tls", "wss", &[b"SSH-2.0-OpenSSH_9.6\r\n"]),
        (PEER, "tls", "wss", &[b""]),
    ];
    bounded(|| {
        for_every_runtime(|runtime| {
            for (by, phase, scheme, answers) in ATTEMPTS {
                let server = Server::new();
                let url = format!("{scheme}://{}/", server.address());
                let testee = match *scheme {
                    "wss" => Testee::connect(runtime, &url, &["--insecure"]),
                    _ => Testee::connect(runtime, "ws://hidden.test/", &["--proxy", &url]),
                };
                let mut peer = server.accept();
                for answer in *answers {
                    peer.skip(1024);
                    peer.send(answer);
                }
                peer.end();
                let outcome = testee.outcome();
                outcome.failure(phase);
                assert_eq!(outcome.closed()["by"], *by, "{phase} {scheme}: {outcome:?}");
            }
        });
    });
}

#[test]
fn what_http_leaves_to_the_server_is_accepted() {
    const GOOD: &[fn(&str) -> Vec<u8>] = &[
        |good| good.into(),
        |good| with(good, "Upgrade: websocket", "upgrade: WebSocket"),
        |good| with(good, "Connection: Upgrade", "CONNECTION: keep-alive, UPGRADE"),
        |good| with(good, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: ,upgrade"),
        |good| with(good, "Switching Protocols", ""),
        |good| with(good, "Switching Protocols", "Веб-сокет"),
        |good| with(good, LAST, "Sec-WebSocket-Protocol: offered"),
        |good| with(good, "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept:\t "),
        |good| with(good, LAST, &["X: 1"; 90].join("\r\n")),
        |good| [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", good.as_bytes()].concat(),
    ];
    bounded(|| {
        for_every_runtime(|runtime| {
            for (number, answer) in GOOD.iter().enumerate() {
                let server = Server::new();
                let testee = Testee::connect(runtime, &server.url(), &["--subprotocol", "offered"]);
                let mut peer = server.accept();
                let good = response_to(&peer.read_head(), &format!("{LAST}\r\n"));
                peer.send(answer(&good));
                peer.close(1000, "");
                assert_eq!(peer.receive_close().0, 1000);
                peer.end();
                let outcome = testee.outcome();
                assert_eq!(outcome.events[0]["event"], "open", "{number}: {outcome:?}");
                assert_eq!(outcome.status, Some(0), "{number}: {outcome:?}");
            }
        });
    });
}

#[test]
fn an_endless_head_ends_at_the_limit() {
    const ENDLESS: &[(&str, &str)] = &[
        ("HTTP/1.1 101 ", "Switching "),
        ("HTTP/1.1 101 Switching Protocols\r\nX: ", "endless "),
        ("HTTP/1.1 101 Switching Protocols\r\n", "X: 1\r\n"),
        ("HTTP/1.1 101 Switching Protocols\r\nX: 1", "\r\r\r\r"),
    ];
    bounded(|| {
        for_every_runtime(|runtime| {
            for (begin, part) in ENDLESS {
                let server = Server::new();
                let testee = Testee::connect(runtime, &server.url(), &[]);
                let mut peer = server.accept();
                peer.read_head();
                peer.send(begin);
                let chunk = part.repeat(1000);
                // To the limit, and on until nobody takes it any more.
                let sent = peer.send_while_taken(chunk.as_bytes(), 64 << 20);
                assert!(sent < 64 << 20, "all of it was taken");
                let outcome = testee.outcome();
                let said = outcome.failure("handshake");
                assert!(said.contains("16 KiB"), "{said}");
            }
        });
    });
}

#[test]
fn a_head_that_comes_byte_by_byte_is_a_head() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let testee = Testee::connect(runtime, &server.url(), &["--open-timeout", "60"]);
            let mut peer = server.accept();
            let mut bytes = response_to(&peer.read_head(), "X: slow\r\n").into_bytes();
            bytes.extend(peer.encode(0x81, "hello"));
            for byte in bytes {
                peer.send([byte]);
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(peer.receive_text(), "hello");
            peer.close(1000, "done");
            peer.receive_close();
            peer.end();
            let outcome = testee.outcome();
            let events: Vec<_> =
                outcome.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
            assert_eq!(events, ["open", "message", "closing", "closed"]);
            assert_eq!(outcome.events[1]["text"], "hello");
        });
    });
}

#[test]
fn a_head_that_never_ends_costs_open_timeout_however_it_trickles() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let begin = Instant::now();
            let testee = Testee::connect(runtime, &server.url(), &[]);
            let mut peer = server.accept();
            peer.read_head();
            peer.send("HTTP/1.1 101 Switching Protocols\r\nX: ");
            let mut trickle = peer.another();
            let trickling = thread::spawn(move || {
                while trickle.send_while_taken(b"x", 1) == 1 {
                    thread::sleep(Duration::from_millis(50));
                }
            });
            let outcome = testee.outcome();
            let said = outcome.failure("handshake");
            assert!(said.contains("in 10s (open_timeout)"), "{said}");
            let taken = begin.elapsed();
            assert!(taken >= Duration::from_secs(10) && taken < Duration::from_secs(60), "{taken:?}");
            trickling.join().unwrap();
        });
    });
}
