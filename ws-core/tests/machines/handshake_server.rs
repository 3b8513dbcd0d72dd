//! The server's opening handshake (RFC 6455 §4.2): which requests it reports, and how it answers the others.

use ws_core::{
    Accept, Config, Event, HandshakeError, Machine, Origins, Random, Reject, Request, RequestError, Role,
    ServerHandshake, TransportError,
};

use crate::support::*;

const RIGHT: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n";

fn handshake() -> ServerHandshake {
    ServerHandshake::new(quiet(), Random::from_seed([4; 32]), at(10)).origins(Origins::any())
}

fn ask<'a>(
    handshake: &mut ServerHandshake,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Request>, HandshakeError> {
    let mut answer = Ok(None);
    for part in parts {
        feed(handshake, part, at(1));
        if let Ok(None) = answer {
            answer = handshake.poll_event();
        }
    }
    answer
}

fn written(machine: &mut impl Machine) -> String {
    String::from_utf8(write(machine, at(1))).unwrap()
}

#[test]
fn a_right_request_is_reported_and_accepted() {
    for chunk in 1..=RIGHT.len() {
        let mut handshake = handshake();
        let request = ask(&mut handshake, RIGHT.as_bytes().chunks(chunk)).unwrap().unwrap();
        assert_eq!(request.target(), "/chat?room=1");
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        assert_eq!(request.host(), "server.example.com");
        assert_eq!(request.origin(), Some("http://example.com"));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
        let accept = Accept::new()
            .first_subprotocol(&request, ["v9", "superchat", "chat"])
            .header("Set-Cookie", "a=1")
            .unwrap();
        let mut connection = handshake.accept(&accept, at(1)).unwrap();
        // RFC 6455 §1.3: the answer to this key.
        let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\n\
            Set-Cookie: a=1\r\n\r\n";
        assert_eq!(written(&mut connection), expected);
    }
}

#[test]
fn what_cannot_stand_in_the_response_is_refused_when_it_is_set() {
    let request = ask(&mut handshake(), [RIGHT.as_bytes()]).unwrap().unwrap();
    assert!(Accept::new().subprotocol(&request, "chat").is_ok());
    assert!(Accept::new().subprotocol(&request, "other").is_err());
    for (name, value) in [("X", "a\r\nb"), ("X\n", "a"), ("Upgrade", "x"), ("Content-Length", "3")] {
        assert!(Accept::new().header(name, value).is_err());
        assert!(Reject::new(403).unwrap().header(name, value).is_err());
    }
    for status in [0, 100, 101, 200, 299, 600] {
        assert!(Reject::new(status).is_err());
    }
    let none = Accept::new().first_subprotocol(&request, ["v9"]);
    assert_eq!(none, Accept::new());
}

#[test]
fn requests_that_other_clients_send_are_right_too() {
    let instead = |of: &str, new: &str| RIGHT.replacen(of, new, 1);
    for right in [
        instead("Upgrade: websocket", "upgrade: WebSocket"),
        instead("Upgrade: websocket", "Upgrade: h2c, websocket"),
        instead("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        instead("Connection: Upgrade", "Connection: keep-alive\r\nconnection: upgrade"),
        instead("Origin: ", "Content-Length: 0\r\nOrigin: "),
        // The last two bits of a byte that base64 fills up with.
        instead("25jZQ==", "25jZR=="),
        // RFC 9110 §2.5: a higher minor version is understood as the highest one that is known.
        instead("HTTP/1.1", "HTTP/1.2"),
        instead("HTTP/1.1", "HTTP/1.9"),
        instead("Origin: ", "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: "),
        format!("\r\n{RIGHT}"),
    ] {
        let request = ask(&mut handshake(), [right.as_bytes()]);
        assert!(matches!(request, Ok(Some(_))), "{request:?} for {right}");
        assert!(matches!(ask(&mut handshake(), right.as_bytes().chunks(1)), Ok(Some(_))));
    }
}

/// RFC 6455 §4.2.1 and RFC 9112 §3.2.2: the target may be a whole URI, whose authority stands in for `Host`.
#[test]
fn a_target_that_is_a_whole_uri_has_the_path_and_the_host_of_that() {
    for (target, path, query, host) in [
        ("http://other:81/chat?room=1", "/chat", Some("room=1"), "other:81"),
        ("HTTPS://other/chat", "/chat", None, "other"),
        ("ws://[::1]:81/?a=b/c?d", "/", Some("a=b/c?d"), "[::1]:81"),
        ("http://other", "/", None, "other"),
        ("http://other?room=1", "/", Some("room=1"), "other"),
        ("/http://other/chat", "/http://other/chat", None, "server.example.com"),
        ("/chat?to=http://other/", "/chat", Some("to=http://other/"), "server.example.com"),
    ] {
        let request = RIGHT.replacen("/chat?room=1", target, 1);
        let request = ask(&mut handshake(), [request.as_bytes()]).unwrap().unwrap();
        assert_eq!(request.target(), target);
        assert_eq!((request.path(), request.query(), request.host()), (path, query, host), "{target}");
    }
}

type IsExpected = fn(&HandshakeError) -> bool;

fn wrong_requests() -> Vec<(String, u16, IsExpected)> {
    use HandshakeError::Request;
    let method: IsExpected = |error| matches!(error, Request(RequestError::Method(_)));
    let host: IsExpected = |error| matches!(error, Request(RequestError::Host));
    let body: IsExpected = |error| matches!(error, Request(RequestError::Body));
    let upgrade: IsExpected = |error| matches!(error, Request(RequestError::NoUpgrade));
    let key: IsExpected = |error| matches!(error, Request(RequestError::Key(_)));
    let version: IsExpected = |error| matches!(error, Request(RequestError::Version(_)));
    let malformed: IsExpected = |error| matches!(error, Request(RequestError::Malformed(_)));
    let not_http: IsExpected = |error| matches!(error, Request(RequestError::NotHttp));
    let http_1_0: IsExpected = |error| matches!(error, Request(RequestError::Http10));
    let target: IsExpected = |error| matches!(error, Request(RequestError::Target(_)));
    let instead = |of: &str, new: &str| RIGHT.replacen(of, new, 1);
    let also = |line: &str| instead("Origin: ", &format!("{line}\r\nOrigin: "));
    vec![
        (instead("GET", "POST"), 405, method),
        (instead("GET", "HEAD"), 405, method),
        (instead("GET", "get"), 405, method),
        ("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n".into(), 400, http_1_0),
        // RFC 9112 §2.2: an empty line before the request is ignored.
        ("\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 405, method),
        (format!("HEAD {RIGHT}"), 400, not_http),
        // Bytes that are no text, and a head that is over before it has begun, are refused before a method comes.
        ("\u{c}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400, malformed),
        ("\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400, malformed),
        (instead("HTTP/1.1", "HTTP/1.0"), 400, http_1_0),
        (instead("HTTP/1.1", "HTTP/2.0"), 400, not_http),
        (instead("/chat?room=1", "*"), 400, target),
        (instead("/chat?room=1", "chat"), 400, target),
        (instead("/chat?room=1", "server.example.com:80"), 400, target),
        (instead("/chat?room=1", "/chat#room"), 400, target),
        (instead("/chat?room=1", "http://other/chat#room"), 400, target),
        (instead("/chat?room=1", "ftp://other/chat"), 400, target),
        (instead("/chat?room=1", "http:///chat"), 400, target),
        (instead("/chat?room=1", "://other/"), 400, target),
        (instead("Host: server.example.com\r\n", ""), 400, host),
        (also("Host: other.example.com"), 400, host),
        (also("Content-Length: 5"), 400, body),
        (also("Content-Length: 0\r\nContent-Length: 5"), 400, body),
        (also("Transfer-Encoding: chunked"), 400, body),
        (instead("Upgrade: websocket\r\n", ""), 426, upgrade),
        (instead("Upgrade: websocket", "Upgrade: h2c"), 426, upgrade),
        (instead("Upgrade: websocket", "Upgrade: \u{a0}websocket"), 426, upgrade),
        (instead("Connection: Upgrade\r\n", ""), 426, upgrade),
        (instead("Connection: Upgrade", "Connection: keep-alive"), 426, upgrade),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 426, upgrade),
        (instead("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 426, version),
        (instead("Sec-WebSocket-Version: 13\r\n", ""), 426, version),
        (also("Sec-WebSocket-Version: 8"), 426, version),
        (instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, key),
        (instead("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400, key),
        (instead("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"), 400, key),
        (instead("dGhlIHNhbXBsZSBub25jZQ==", "!!!!IHNhbXBsZSBub25jZQ=="), 400, key),
        (also("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, key),
        (instead("Upgrade: websocket", "Upgrade websocket"), 400, malformed),
        (instead("Upgrade: websocket", " folded"), 400, malformed),
        (instead("GET ", "GET"), 400, malformed),
        ("\x16\x03\x01\x02\0\r\n\r\n".into(), 400, malformed),
        ("\r\n\r\n".into(), 400, malformed),
        (also("X: y\r\n".repeat(94).trim_end()), 431, |error| {
            matches!(error, HandshakeError::TooManyHeaders)
        }),
        (also(&format!("X: {}", "y".repeat(17_000))), 431, |error| {
            matches!(error, HandshakeError::HeadTooLong)
        }),
        ("x".repeat(17_000), 431, |error| matches!(error, HandshakeError::HeadTooLong)),
    ]
}

/// What a request is refused with: the answer, and the error as text.
fn refused<'a>(parts: impl IntoIterator<Item = &'a [u8]>, is_expected: IsExpected) -> (String, String) {
    let mut handshake = handshake();
    let error = ask(&mut handshake, parts).unwrap_err();
    assert!(is_expected(&error), "{error:?}");
    assert!(matches!(handshake.poll_event(), Ok(None)), "reported once");
    assert!(handshake.outbound().is_finished());
    assert_eq!(handshake.poll_timeout(), None);
    let answer = written(&mut handshake);
    feed(&mut handshake, RIGHT.as_bytes(), at(1));
    assert!(handshake.inbound().is_empty(), "what follows is not kept");
    assert!(handshake.accept(&Accept::new(), at(1)).is_err());
    (answer, error.to_string())
}

#[test]
fn a_request_that_is_no_handshake_is_answered_and_the_stream_ended_wherever_it_is_cut() {
    for (request, status, is_expected) in wrong_requests() {
        let bytes = request.as_bytes();
        let (answer, error) = refused([bytes], is_expected);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head} for {error}");
        let lines: Vec<&str> = head.lines().collect();
        // RFC 9110 §7.8: who sends Upgrade must name it in Connection.
        let connection = if status == 426 { "Connection: close, Upgrade" } else { "Connection: close" };
        assert!(lines.contains(&connection), "{head}");
        let fault = error.trim_start_matches("the client's request is not a WebSocket handshake: ");
        let said = format!("This is a WebSocket server, and {fault}.\n");
        // RFC 9110 §9.3.2: an answer to HEAD has the fields of an answer to GET, and no body.
        let is_head = request.strip_prefix("\r\n").unwrap_or(&request).starts_with("HEAD");
        assert_eq!(body, if is_head { "" } else { &*said });
        assert!(lines.contains(&&*format!("Content-Length: {}", said.len())), "{head} for {said}");
        assert_eq!(lines.contains(&"Allow: GET"), status == 405);
        assert_eq!(lines.contains(&"Sec-WebSocket-Version: 13"), status == 426);
        assert_eq!(lines.contains(&"Upgrade: websocket"), status == 426);
        let expected = (answer.clone(), error);
        assert_eq!(refused(bytes.chunks(1), is_expected), expected);
        for cut in (1..bytes.len().min(500)).chain([bytes.len() - 1]) {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(refused([head, tail], is_expected), expected, "cut at {cut}");
        }
    }
}

#[test]
fn the_answer_quotes_nothing_that_could_end_a_line() {
    let request = RIGHT.replacen("dGhlIHNhbXBsZSBub25jZQ==", "<script>\u{85}", 1);
    let (answer, _) = refused([request.as_bytes()], |_| true);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.split(|c: char| c.is_control()).count(), 2, "{body:?}");
}

#[test]
fn a_client_that_sends_no_request_is_answered_with_408() {
    let mut silent = handshake();
    feed(&mut silent, b"GET / HT", at(5));
    assert!(matches!(silent.poll_event(), Ok(None)));
    assert_eq!(silent.poll_timeout(), Some(at(10)));
    silent.handle_timeout(at(10));
    assert!(matches!(silent.poll_event(), Err(HandshakeError::Timeout)));
    assert!(matches!(silent.poll_event(), Ok(None)));
    assert!(silent.outbound().is_finished());
    let answer = written(&mut silent);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"), "{answer}");
    assert!(answer.contains("\r\n\r\nThis is a WebSocket server, and the peer did not finish"), "{answer}");
}

#[test]
fn a_client_that_goes_away_is_not_answered() {
    for came in [&b""[..], b"GET / HT"] {
        let mut gone = handshake();
        feed(&mut gone, came, at(0));
        gone.handle_read(0, at(0));
        let error = gone.poll_event().unwrap_err();
        assert!(matches!(error, HandshakeError::UnexpectedEof(n) if n == came.len()), "{error:?}");
        assert!(gone.outbound().is_finished() && gone.outbound().is_empty());
    }
    let mut broken = handshake();
    broken.handle_error(TransportError::read("reset"), at(0));
    assert!(matches!(broken.poll_event(), Err(HandshakeError::Transport(_))));
    assert!(broken.outbound().is_finished() && broken.outbound().is_empty());
}

#[test]
fn what_comes_after_the_request_belongs_to_the_connection_wherever_it_is_cut() {
    let client = Role::Client;
    let frames = [frame(client, TEXT, b"first"), frame(client, BINARY, &[7; 600]), frame(client, PING, b"")];
    let whole = [RIGHT.as_bytes(), &frames.concat()].concat();
    let expected = [message("first"), message(vec![7; 600]), Seen::Event(Event::Ping("".into()))];
    for cut in 1..=whole.len() {
        let mut handshake = handshake();
        let (head, tail) = whole.split_at(cut);
        let mut rest = tail;
        if ask(&mut handshake, [head]).unwrap().is_none() {
            assert!(ask(&mut handshake, [tail]).unwrap().is_some());
            rest = &[];
        }
        let mut connection = handshake.accept(&Accept::new(), at(1)).unwrap();
        let mut seen = drain(&mut connection);
        if !rest.is_empty() {
            seen.extend(read(&mut connection, rest, at(1)));
        }
        assert_eq!(seen, expected, "cut at {cut}");
    }
}

#[test]
fn the_response_goes_out_before_anything_else_and_is_not_cut_when_the_peer_closes() {
    let mut handshake = handshake();
    let bytes = [RIGHT.as_bytes(), &close(Role::Client, 1000, b"")].concat();
    ask(&mut handshake, [&bytes[..]]).unwrap();
    let mut connection = handshake.accept(&Accept::new(), at(1)).unwrap();
    connection.withhold_from_a_closing_peer();
    connection.send("dropped").unwrap();
    drain(&mut connection);
    connection.answer_closing_peer(true);
    let sent = write(&mut connection, at(1));
    let head = sent.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(frames(Role::Server, &sent[head..]), [(CLOSE, vec![0x03, 0xE8])]);
}

#[test]
fn a_reported_request_may_be_rejected_with_a_status_headers_and_a_body() {
    let mut handshake = handshake();
    let reject = Reject::new(401).unwrap().header("WWW-Authenticate", "Basic").unwrap().body("who are you?");
    handshake.reject(&reject);
    assert!(handshake.outbound().is_empty(), "there is no request yet");
    ask(&mut handshake, [RIGHT.as_bytes()]).unwrap();
    handshake.reject(&reject);
    handshake.reject(&reject);
    assert!(handshake.outbound().is_finished());
    let expected = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 12\r\n\
        Content-Type: text/plain; charset=utf-8\r\nWWW-Authenticate: Basic\r\n\r\nwho are you?";
    assert_eq!(written(&mut handshake), expected);
    assert!(handshake.accept(&Accept::new(), at(1)).is_err());
}

#[test]
fn the_machines_of_both_roles_open_each_other() {
    let request = ws_core::ClientRequest::new("[::1]:9", "/").unwrap().subprotocol("v1").unwrap();
    for chunk in [1, 7, 10_000] {
        let random = Random::from_seed([1; 32]);
        let mut client = ws_core::ClientHandshake::new(&request, Config::default(), random, at(10));
        let mut server = handshake();
        let head = write(&mut client, at(0));
        let request = ask(&mut server, head.chunks(chunk)).unwrap().unwrap();
        assert_eq!(request.host(), "[::1]:9");
        let accept = Accept::new().subprotocol(&request, "v1").unwrap();
        let mut server = server.accept(&accept, at(0)).unwrap();
        server.send("in the same segment").unwrap();
        let answer = write(&mut server, at(0));
        feed(&mut client, &answer, at(0));
        assert_eq!(client.poll_event().unwrap().unwrap().subprotocol(), Some("v1"));
        let mut client = client.open(at(0)).unwrap();
        assert_eq!(drain(&mut client), [message("in the same segment")]);
    }
}

#[test]
fn a_client_that_speaks_tls_is_told_so_at_its_first_byte() {
    for first in [&[22][..], &[22, 3, 1, 2, 0, 1, 0], &[0x80, 0x2e, 1]] {
        let mut handshake = handshake();
        let error = ask(&mut handshake, [first]).unwrap_err();
        assert!(matches!(error, HandshakeError::Request(RequestError::Malformed(_))), "{error:?}");
        assert!(error.to_string().contains("TLS"), "{error}");
        assert!(written(&mut handshake).starts_with("HTTP/1.1 400 "));
    }
}
