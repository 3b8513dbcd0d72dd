//! The opening handshake of our server, against a client by hand.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ws_common::{AcceptError, AcceptOptions, ConnectOptions, OpenPhase};
use ws_core::{Accept, CloseCode, HandshakeError, Reject, Request};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::peer::{Peer, field, request};
use crate::watch::takes;
use crate::wire::{FIN, TEXT};

type Accepted<A> = Result<(<A as Adapter>::Socket, Request), AcceptError>;

/// Accepts a client that does what `script` says, and gives what came of both.
fn accept_from<A: Adapter, R: Send>(
    script: impl FnOnce(Peer) -> R + Send,
    options: AcceptOptions,
) -> (Accepted<A>, R) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let script = scope.spawn(move || script(Peer::connect(address)));
        let accepted = A::accept(listener.accept().unwrap().0, options);
        (accepted, script.join().unwrap())
    })
}

fn error<A: Adapter>(accepted: Accepted<A>) -> AcceptError {
    accepted.err().expect("an error, not a connection")
}

/// Sends a request and reads the answer to its end.
fn answer_to(request: impl AsRef<[u8]> + Send) -> impl FnOnce(Peer) -> String + Send {
    move |mut peer| {
        peer.send(request);
        String::from_utf8(peer.read_to_end()).unwrap()
    }
}

pub fn the_request_comes_as_it_was_sent<A: Adapter>() {
    let fields = "Origin: https://example.com\r\nX-A: 1\r\nX-A: 2\r\nSec-WebSocket-Protocol: b, a\r\n";
    let script = |mut peer: Peer| {
        peer.send(request(fields));
        peer.read_head();
    };
    let (accepted, ()) = accept_from::<A, _>(script, AcceptOptions::default());
    let (_, request) = accepted.unwrap();
    assert_eq!(request.target(), "/chat?room=1");
    assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
    assert_eq!(request.host(), "example.com");
    assert_eq!(request.origin(), Some("https://example.com"));
    assert_eq!(request.headers().all("x-a").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["b", "a"]);
}

pub fn the_response_says_what_was_accepted<A: Adapter>() {
    let script = |mut peer: Peer| {
        peer.send(request("Sec-WebSocket-Protocol: c, b, a\r\n"));
        peer.read_head()
    };
    let options = AcceptOptions::default().subprotocol("a").subprotocol("b");
    let (_, head) = accept_from::<A, _>(script, options);
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    // RFC 6455 §1.3.
    assert_eq!(field(&head, "Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(field(&head, "Upgrade"), Some("websocket"));
    assert_eq!(field(&head, "Connection"), Some("Upgrade"));
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), Some("a"));
    assert_eq!(field(&head, "Sec-WebSocket-Extensions"), None);
}

pub fn a_refusal_reaches_the_client_whole<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = "only friends\n".repeat(2000);
    let reject = |request: &Request| {
        assert_eq!(request.origin(), Some("https://evil.example"));
        Err(Reject::new(403).unwrap().header("X-Why", "origin").unwrap().body(body.clone()))
    };
    let answer = thread::scope(|scope| {
        // Bytes that the server never looks at must not turn the answer into a reset.
        let request = request("Origin: https://evil.example\r\n") + "and some more";
        let client = scope.spawn(move || {
            let mut peer = Peer::connect(address);
            peer.send(request);
            let head = peer.read_head();
            let rest = peer.read_to_end();
            (head, rest)
        });
        let options = AcceptOptions::default().any_origin();
        let accepted = A::accept_with(listener.accept().unwrap().0, options, reject);
        let error = error::<A>(accepted);
        assert!(matches!(error, AcceptError::Rejected(403)), "{error}");
        client.join().unwrap()
    });
    let (head, rest) = answer;
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    assert_eq!(field(&head, "X-Why"), Some("origin"));
    assert_eq!(field(&head, "Content-Length"), Some(&*body.len().to_string()));
    assert!(rest == body.as_bytes(), "the body has {} bytes", rest.len());
}

pub fn a_request_that_is_no_handshake_is_answered_as_fits<A: Adapter>() {
    let good = request("X-Last: 1\r\n");
    let with = |from: &str, to: &str| good.replace(from, to);
    let table = [
        (405, with("GET", "POST"), "Allow: GET"),
        (400, with("HTTP/1.1", "HTTP/1.0"), ""),
        (400, with("Host: example.com\r\n", ""), "Host"),
        (400, with("X-Last: 1", "Host: example.org"), "Host"),
        (400, with("X-Last: 1", "Content-Length: 5"), "body"),
        (400, with("X-Last: 1", "Transfer-Encoding: chunked"), "body"),
        (426, with("Upgrade: websocket\r\n", ""), "Sec-WebSocket-Version: 13"),
        (426, with("Connection: Upgrade\r\n", ""), "Upgrade: websocket"),
        (426, with("Version: 13", "Version: 8"), "Sec-WebSocket-Version: 13"),
        (400, with("dGhlIHNhbXBsZSBub25jZQ==", "short"), "key"),
        (400, with("X-Last: 1", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), "key"),
        (400, with("X-Last: 1", "X Last: 1"), ""),
        (400, "\x16\x03\x01 is no request\r\n\r\n".into(), ""),
        (431, with("X-Last: 1\r\n", &"X: 1\r\n".repeat(101)), ""),
        (431, with("X-Last: 1", &format!("X: {}", "1".repeat(17_000))), ""),
    ];
    for (status, request, says) in table {
        let (accepted, answer) = accept_from::<A, _>(answer_to(&request), AcceptOptions::default());
        let error = error::<A>(accepted);
        assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        assert!(answer.contains(says), "{request}\n{answer}");
    }
}

pub fn a_silent_client_is_told_408<A: Adapter>() {
    let timeout = Duration::from_millis(300);
    for sent in [String::new(), "GET / HTTP/1.1\r\nHost:".into()] {
        let (accepted, answer) = takes(timeout, || {
            accept_from::<A, _>(answer_to(&sent), AcceptOptions::default().open_timeout(timeout))
        });
        let error = error::<A>(accepted);
        assert!(matches!(error, AcceptError::Timeout { phase: OpenPhase::Handshake, .. }), "{error}");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

pub fn a_client_that_leaves_is_an_unexpected_end<A: Adapter>() {
    let script = |mut peer: Peer| {
        peer.send("GET / HTTP");
        peer.end();
        peer.read_to_end();
    };
    let (accepted, ()) = accept_from::<A, _>(script, AcceptOptions::default());
    let error = error::<A>(accepted);
    assert!(matches!(error, AcceptError::Handshake(HandshakeError::UnexpectedEof(10))), "{error}");
}

pub fn frames_behind_the_request_belong_to_the_connection<A: Adapter>() {
    let script = |mut peer: Peer| {
        let mut bytes = request("").into_bytes();
        bytes.extend(peer.encode(FIN | TEXT, "could not wait"));
        peer.send(bytes);
        peer.read_head();
        peer.answer_close();
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || script(Peer::connect(address)));
        let (mut socket, _) = A::accept(listener.accept().unwrap().0, AcceptOptions::default()).unwrap();
        assert_eq!(socket.recv().unwrap(), Some("could not wait".into()));
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}

pub fn both_ends_of_one_handshake_agree<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/room?id=7", listener.local_addr().unwrap());
    let options = ConnectOptions::new(&url).subprotocol("one").subprotocol("two");
    thread::scope(|scope| {
        let client = scope.spawn(|| A::connect(options).unwrap());
        let decide = |request: &Request| {
            Ok(Accept::new().subprotocol(request, "two").unwrap().header("X-Room", "7").unwrap())
        };
        let (mut server, request) =
            A::accept_with(listener.accept().unwrap().0, AcceptOptions::default(), decide).unwrap();
        let (mut client, response) = client.join().unwrap();
        assert_eq!(request.target(), "/room?id=7");
        assert_eq!(response.subprotocol(), Some("two"));
        assert_eq!(response.headers().get("x-room"), Some("7"));
        server.send("welcome").unwrap();
        assert_eq!(client.recv().unwrap(), Some("welcome".into()));
    });
}

/// RFC 6455 §10.2. The program sees the request of an accepted page alone.
pub fn a_foreign_page_is_refused_before_the_program_sees_its_request<A: Adapter>() {
    let default = AcceptOptions::default;
    let listed = || default().origins(["https://page.example", "null"]).unwrap();
    let forwarded = "X-Forwarded-Host: page.example\r\nOrigin: https://page.example\r\n";
    let table = [
        (default(), "Origin: https://page.example\r\n", 403),
        (default(), "Origin: https://example.com:8443\r\n", 403),
        (default(), "Origin: null\r\n", 403),
        (default(), forwarded, 403),
        (default(), "Origin: https://example.com\r\n", 101),
        (default(), "", 101),
        (default(), "Origin: https://example.com\r\nOrigin: https://example.com\r\n", 400),
        (default().any_origin().same_origin(), "Origin: https://page.example\r\n", 403),
        (default().trust_forwarded_host(true), forwarded, 101),
        (default().trust_forwarded_host(true), "Origin: https://page.example\r\n", 403),
        (listed(), "Origin: https://page.example\r\n", 101),
        (listed(), "Origin: null\r\n", 101),
        (listed(), "Origin: https://example.com\r\n", 403),
        (default().any_origin(), "Origin: https://page.example\r\n", 101),
        (default().any_origin(), "Origin: no origin\r\n", 400),
    ];
    for (options, fields, status) in table {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut is_seen = false;
        let (accepted, answer) = thread::scope(|scope| {
            let client = scope.spawn(move || {
                let mut peer = Peer::connect(address);
                peer.send(request(&format!("Cookie: session=1\r\n{fields}")));
                let head = peer.read_head();
                let body = if status == 101 { Vec::new() } else { peer.read_to_end() };
                head + &String::from_utf8(body).unwrap()
            });
            let accepted = A::accept_with(listener.accept().unwrap().0, options, |_| {
                is_seen = true;
                Ok(Accept::new())
            });
            (accepted, client.join().unwrap())
        });
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}{answer}");
        assert_eq!((accepted.is_ok(), is_seen), (status == 101, status == 101), "{fields}");
        if status == 403 {
            let error = error::<A>(accepted).to_string();
            for named in ["\"example.com\"", "`origins`", "proxy_set_header Host"] {
                assert!(answer.contains(named) && error.contains(named), "{named} in {answer} and {error}");
            }
        }
    }
}
