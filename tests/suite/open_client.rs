//! The opening handshake of our client, against a server by hand.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ws_common::redirect::{RedirectDecision, RedirectStep};
use ws_common::{ConnectError, ConnectOptions, OpenPhase};
use ws_core::{CloseCode, HandshakeError, Response};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::nowhere::Nobody;
use crate::peer::{Peer, Server, accept_key, field, response_to};
use crate::watch::takes;
use crate::wire::{FIN, TEXT};

/// What a server makes of the response that would be right.
type Distorted = dyn Fn(&str) -> Vec<u8> + Sync;

type Connected<A> = Result<(<A as Adapter>::Socket, Response), ConnectError>;

/// Connects to a server that does what `script` says.
fn connect_to<A: Adapter>(
    script: impl FnOnce(Peer) + Send,
    options: impl FnOnce(ConnectOptions) -> ConnectOptions,
) -> Connected<A> {
    let server = Server::new();
    let options = options(ConnectOptions::new(server.url()));
    thread::scope(|scope| {
        scope.spawn(|| script(server.accept()));
        A::connect(options)
    })
}

pub fn the_request_and_the_response_come_as_they_were_sent<A: Adapter>() {
    let server = Server::new();
    let url = format!("ws://user:pass%20word@{}/feed%20me?x=1&y=%20", server.address());
    let options = ConnectOptions::new(&url)
        .header("X-First", "1")
        .header("X-Second", "two words")
        .origin("https://example.com")
        .subprotocol("chat.v2")
        .subprotocol("chat.v1");
    thread::scope(|scope| {
        let script = scope.spawn(|| {
            let mut peer = server.accept();
            let request = peer.read_head();
            let response =
                response_to(&request, "Sec-WebSocket-Protocol: chat.v1\r\nX-Server: a\r\nx-server: b\r\n");
            peer.send(&response);
            peer.receive_close();
            (request, response)
        });
        let (mut socket, seen) = A::connect(options).unwrap();
        socket.start_close(CloseCode::NORMAL);
        socket.flush().unwrap();
        let (request, response) = script.join().unwrap();

        let (line, _) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "GET /feed%20me?x=1&y=%20 HTTP/1.1");
        assert_eq!(field(&request, "Host"), Some(&*server.address().to_string()));
        assert_eq!(field(&request, "Upgrade"), Some("websocket"));
        assert_eq!(field(&request, "Connection"), Some("Upgrade"));
        assert_eq!(field(&request, "Sec-WebSocket-Version"), Some("13"));
        assert_eq!(field(&request, "Sec-WebSocket-Protocol"), Some("chat.v2, chat.v1"));
        assert_eq!(field(&request, "Origin"), Some("https://example.com"));
        assert_eq!(field(&request, "Authorization"), Some("Basic dXNlcjpwYXNzIHdvcmQ="));
        let own: Vec<&str> = request.lines().filter(|line| line.starts_with("X-")).collect();
        assert_eq!(own, ["X-First: 1", "X-Second: two words"]);

        assert_eq!(seen.status(), 101);
        assert_eq!(seen.reason(), "Switching Protocols");
        assert_eq!(seen.subprotocol(), Some("chat.v1"));
        assert_eq!(seen.headers().all("X-Server").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(seen.reveal().to_string(), response);
        // A value may be a secret.
        assert!(seen.to_string().contains("\r\nX-Server: 1 byte\r\n"), "{seen}");
    });
}

pub fn every_connection_has_a_key_of_its_own<A: Adapter>() {
    let server = Server::new();
    let keys: Vec<String> = (0..3)
        .map(|_| {
            thread::scope(|scope| {
                let key = scope
                    .spawn(|| field(&server.accept().read_head(), "Sec-WebSocket-Key").unwrap().to_owned());
                let _ = A::connect(ConnectOptions::new(server.url()));
                key.join().unwrap()
            })
        })
        .collect();
    assert!(keys.iter().all(|key| key.len() == 24 && key.ends_with("==")), "{keys:?}");
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
}

pub fn bytes_behind_the_response_belong_to_the_connection<A: Adapter>() {
    let script = |mut peer: Peer| {
        let mut bytes = response_to(&peer.read_head(), "").into_bytes();
        bytes.extend(peer.encode(FIN | TEXT, "in one segment"));
        let split = peer.encode(FIN | TEXT, "in two");
        bytes.extend(&split[..5]);
        peer.send(&bytes);
        assert_eq!(peer.receive_text(), "go on");
        peer.send(&split[5..]);
        peer.answer_close();
    };
    thread::scope(|scope| {
        let server = Server::new();
        let options = ConnectOptions::new(server.url());
        scope.spawn(move || script(server.accept()));
        let (mut socket, _) = A::connect(options).unwrap();
        assert_eq!(socket.recv().unwrap(), Some("in one segment".into()));
        socket.send("go on").unwrap();
        assert_eq!(socket.recv().unwrap(), Some("in two".into()));
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}

pub fn redirects_are_followed_as_the_hook_decides<A: Adapter>() {
    let decide = |is_allowed: bool| {
        move |step: &RedirectStep<'_>| match is_allowed {
            true => RedirectDecision::Follow,
            false => RedirectDecision::Refuse(format!("{} is not allowed", step.to.host_field())),
        }
    };
    for (steps, is_allowed) in [(0, true), (1, true), (2, false), (2, true)] {
        let servers = [Server::new(), Server::new(), Server::new()];
        thread::scope(|scope| {
            let urls = servers.each_ref().map(Server::url);
            let options = ConnectOptions::new(&urls[0]).header("Cookie", "secret");
            let options = options.max_redirects(steps).on_redirect(decide(is_allowed));
            let is_followed = steps == 2 && is_allowed;
            let servers = &servers;
            let reached = if is_allowed { steps } else { 0 };
            for n in 0..=reached as usize {
                let location = urls.get(n + 1).cloned().unwrap_or_default();
                scope.spawn(move || {
                    if n == 2 {
                        servers[2].open().answer_close();
                        return;
                    }
                    let mut peer = servers[n].accept();
                    let head = peer.read_head();
                    assert_eq!(field(&head, "Cookie").is_some(), n == 0, "another origin gets no cookie");
                    peer.send(format!(
                        "HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
                    ));
                    peer.read_to_end();
                });
            }
            match A::connect(options) {
                Ok((mut socket, _)) => {
                    assert!(is_followed);
                    assert!(socket.close(CloseCode::NORMAL).clean);
                }
                Err(ConnectError::Redirect(refused)) => {
                    assert!(!is_allowed);
                    assert_eq!((refused.status, refused.from.reveal().to_string()), (307, urls[0].clone()));
                    let host = refused.to.host_field();
                    assert!(refused.to_string().ends_with(&format!("{host} is not allowed")), "{refused}");
                }
                Err(error) => {
                    assert!(is_allowed && !is_followed, "{error}");
                    let error = error.to_string();
                    assert!(error.contains("answered 307 Go instead of 101"), "{error}");
                    assert!(error.ends_with(&format!("; max_redirects ({steps}) is reached")), "{error}");
                }
            }
        });
    }
}

pub fn a_refusal_hands_over_status_headers_and_body<A: Adapter>() {
    let long = "x".repeat(100_000);
    let table = [
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 6\r\n\r\nlog in!!".into(),
            (401, "WWW-Authenticate", "Basic", "log in"),
        ),
        ("HTTP/1.1 404 Not Found\r\nX: 1\r\n\r\nno such page".into(), (404, "X", "1", "no such page")),
        (
            "HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n4\r\nlate\r\n2\r\nr.\r\n0\r\n\r\n".into(),
            (503, "Retry-After", "7", "later."),
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: ws://example.com/\r\nContent-Length: 0\r\n\r\n".into(),
            (301, "Location", "ws://example.com/", ""),
        ),
        ("HTTP/1.1 200 OK\r\nX: 2\r\nContent-Length: 2\r\n\r\nok".into(), (200, "X", "2", "ok")),
        (format!("HTTP/1.1 500 Oh\r\nX: 3\r\n\r\n{long}"), (500, "X", "3", &long[..16 * 1024])),
    ];
    for (response, (status, name, value, body)) in table {
        let script = |mut peer: Peer| {
            peer.read_head();
            peer.send(&response);
            peer.read_to_end();
        };
        let rejected = match connect_to::<A>(script, |options| options) {
            Err(ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. }) => rejected,
            other => panic!("{status}: {:?}", other.err()),
        };
        assert_eq!(rejected.response.status(), status);
        assert_eq!(rejected.response.headers().get(name), Some(value));
        assert_eq!(rejected.body, body, "{status}");
        assert!(rejected.to_string().contains(&status.to_string()), "{rejected}");
    }
}

pub fn a_response_that_is_no_handshake_says_what_is_wrong<A: Adapter>() {
    let table: &[(&str, &Distorted)] = &[
        ("HTTP/1.1", &|_| b"220 mail.example.com ESMTP\r\n".to_vec()),
        ("the server speaks TLS", &|_| vec![0x15, 3, 3, 0, 2, 2, 0x46]),
        ("HTTP/1.1", &|good| good.replace("HTTP/1.1", "HTTP/1.0").into()),
        ("HTTP/1.1", &|_| b"HTTP/2 101 X\r\n\r\n".to_vec()),
        ("Sec-WebSocket-Accept", &|good| {
            let accept = field(good, "Sec-WebSocket-Accept").unwrap();
            good.replace(accept, &accept_key("another key")).into()
        }),
        ("Sec-WebSocket-Accept", &|good| good.replace("Sec-WebSocket-Accept", "X").into()),
        ("Sec-WebSocket-Accept", &|good| {
            let at = good.find("Sec-WebSocket-Accept").unwrap();
            format!("{}{}", &good[..good.len() - 2], &good[at..]).into()
        }),
        ("Upgrade", &|good| good.replace("Upgrade: websocket", "Upgrade: h2c").into()),
        ("Upgrade", &|good| good.replace("Upgrade: websocket", "Upgrade: websocket, h2c").into()),
        ("Connection", &|good| good.replace("Connection: Upgrade", "Connection: close").into()),
        ("subprotocol", &|good| good.replace("X-Last: 1", "Sec-WebSocket-Protocol: chat").into()),
        ("extension", &|good| good.replace("X-Last: 1", "Sec-WebSocket-Extensions: x-unheard-of").into()),
        ("malformed", &|good| good.replace("X-Last: 1", "X Last: 1").into()),
        ("malformed", &|good| good.replace("101 Switching", "1O1 Switching").into()),
        ("100 headers", &|good| good.replace("X-Last: 1\r\n", &"X: 1\r\n".repeat(101)).into()),
        ("16 KiB", &|good| good.replace("X-Last: 1", &format!("X: {}", "1".repeat(17_000))).into()),
        ("without an answer; is this the right port and scheme", &|_| Vec::new()),
        ("after 40 bytes", &|good| good.as_bytes()[..40].to_vec()),
    ];
    for (expected, response) in table {
        let script = |mut peer: Peer| {
            let good = response_to(&peer.read_head(), "X-Last: 1\r\n");
            peer.send(response(&good));
            peer.end();
            peer.read_to_end();
        };
        let error = match connect_to::<A>(script, |options| options) {
            Err(error) => error,
            Ok(_) => panic!("{expected}: connected"),
        };
        assert_eq!(error.phase(), OpenPhase::Handshake, "{expected}: {error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

pub fn a_silent_server_costs_open_timeout<A: Adapter>() {
    let script = |mut peer: Peer| {
        peer.read_head();
        peer.expect_end();
    };
    let timeout = Duration::from_millis(300);
    let error =
        takes(timeout, || connect_to::<A>(script, |options| options.open_timeout(timeout)).err().unwrap());
    assert!(
        matches!(error, ConnectError::Timeout { phase: OpenPhase::Handshake, open_timeout, peer: Some(_) } if open_timeout == timeout),
        "{error}"
    );
}

pub fn a_refused_connection_says_to_which_address<A: Adapter>() {
    let nobody = Nobody::default();
    let unused = nobody.address();
    let error = A::connect(ConnectOptions::new(format!("ws://{unused}/"))).err().unwrap();
    assert_eq!(error.phase(), OpenPhase::Connect, "{error}");
    let said = error.to_string();
    assert!(said.contains(&unused.to_string()) && said.contains("refused"), "{said}");
}

pub fn a_name_that_does_not_resolve_fails_while_resolving<A: Adapter>() {
    // RFC 2606 §2: never a name. A resolver that does not answer at all is the other way in which this may fail.
    let options = ConnectOptions::new("ws://no-such-host.invalid/").open_timeout(Duration::from_secs(3));
    let error = takes(Duration::ZERO, || A::connect(options).err().unwrap());
    assert_eq!(error.phase(), OpenPhase::Resolve, "{error}");
}

pub fn the_local_address_is_the_one_that_was_asked_for<A: Adapter>() {
    let server = Server::new();
    let options = ConnectOptions::new(server.url()).bind(([127, 0, 0, 2], 0));
    thread::scope(|scope| {
        let peer = scope.spawn(|| server.open());
        let _socket = A::connect(options).unwrap();
        assert_eq!(peer.join().unwrap().remote_address().ip().to_string(), "127.0.0.2");
    });
}

pub fn a_given_address_stands_in_for_the_name<A: Adapter>() {
    let server = Server::new();
    let options = ConnectOptions::new("ws://no-such-host.invalid:8080/").address(server.address());
    thread::scope(|scope| {
        let host = scope.spawn(|| {
            let mut peer = server.accept();
            let head = peer.read_head();
            peer.send(response_to(&head, ""));
            field(&head, "Host").unwrap().to_owned()
        });
        let _socket = A::connect(options).unwrap();
        assert_eq!(host.join().unwrap(), "no-such-host.invalid:8080");
    });
}

pub fn an_invalid_value_of_a_setter_is_an_error_of_connect<A: Adapter>() {
    type Set = fn(ConnectOptions) -> ConnectOptions;
    const CASES: [(Set, &str); 6] = [
        (|o| o.header("X-Bad", "one\r\nX-Two: 2"), "X-Bad"),
        (|o| o.origin("\n").header("X-Bad", "\n"), "Origin"),
        (|o| o.subprotocol("two words").proxy("ftp://proxy.test"), "Sec-WebSocket-Protocol"),
        (|o| o.proxy("ftp://proxy.test").subprotocol("two words"), "ftp"),
        (|_| ConnectOptions::new("ftp://server.test").header("X-Bad", "\n"), "ftp"),
        (|_| "ws://server.test/#there".into(), "fragment"),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    for (set, words) in CASES {
        let options = set(ConnectOptions::new(format!("ws://{}/", listener.local_addr().unwrap())));
        let expected = options.clone().build().err().unwrap().to_string();
        assert!(expected.contains(words), "{expected}");
        // Options are sent elsewhere and set further, and the error stays.
        let error = A::connect(options.header("X-Good", "1").nodelay(true)).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
    assert!(listener.accept().is_err(), "nothing was sent");
}
