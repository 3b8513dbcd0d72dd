//! The scripted server: each expectation fails when it should, each wait has a limit, and nothing is left behind.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ws_testkit::wire::{self, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};
use ws_testkit::{Arrival, ScriptError, ScriptedPeer, ScriptedServer};

const MOMENT: Duration = Duration::from_millis(150);

const REQUEST: &str = "GET /feed?room=1 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A client of bytes, so that the kit and not the library is under test.
struct RawClient(TcpStream, Vec<u8>);

impl RawClient {
    fn connect(server: &ScriptedServer) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Self(stream, Vec::new());
        client.send(REQUEST);
        client
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(wire::frame(first, true, payload.as_ref()));
    }

    fn take<T>(&mut self, take: impl Fn(&mut Vec<u8>) -> Option<T>) -> T {
        loop {
            if let Some(taken) = take(&mut self.1) {
                return taken;
            }
            let mut chunk = [0; 4096];
            let n = self.0.read(&mut chunk).unwrap();
            assert!(n > 0, "the stream has ended: {:?}", self.1);
            self.1.extend_from_slice(&chunk[..n]);
        }
    }

    /// The kind of error at which the stream ends; `None` for an ordinary end.
    fn end(&mut self) -> Option<ErrorKind> {
        loop {
            match self.0.read(&mut [0; 4096]) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error.kind()),
            }
        }
    }
}

/// An open connection, whose steps have a short limit.
fn open() -> (ScriptedServer, ScriptedPeer, RawClient) {
    let server = ScriptedServer::start().unwrap();
    let mut client = RawClient::connect(&server);
    let mut peer = server.accept().unwrap();
    peer.set_time_limit(MOMENT);
    let head = client.take(wire::take_head);
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the key of RFC 6455 §1.3: {head}");
    (server, peer, client)
}

fn close(code: u16, reason: &str) -> Arrival {
    Arrival::Close { code: Some(code), reason: reason.into() }
}

#[test]
fn all_that_is_received_is_noted_in_order() {
    let (server, mut peer, mut client) = open();
    client.frame(FIN | TEXT, "login");
    client.frame(BINARY, [1]);
    client.frame(FIN | PING, "?");
    client.frame(FIN | CONTINUATION, [2]);
    client.frame(FIN | PONG, "!");
    client.frame(FIN | CLOSE, wire::close_payload(1001, "bye"));
    peer.expect_text("login").unwrap();
    peer.expect_binary([1, 2]).unwrap();
    assert_eq!(peer.expect_close(1001).unwrap(), "bye");
    let all = [
        Arrival::text("login"),
        Arrival::Ping(b"?".into()),
        Arrival::Binary(vec![1, 2]),
        Arrival::Pong(b"!".into()),
        close(1001, "bye"),
    ];
    assert_eq!(server.received(), all);
    assert_eq!(peer.received(), all);
    assert_eq!(server.texts(), ["login"]);
    // The ping was answered, and so was the Close frame.
    let pong = client.take(wire::take_frame);
    assert_eq!((pong.opcode, &*pong.payload), (PONG, &b"?"[..]));
    assert_eq!(client.take(wire::take_frame).close(), (1001, ""));
    assert_eq!(client.end(), None);
}

#[test]
fn a_failed_expectation_tells_both_sides_in_plain_words() {
    type Step = fn(&mut ScriptedPeer) -> Result<(), ScriptError>;
    let text: Step = |peer| peer.expect_text("login");
    let binary: Step = |peer| peer.expect_binary([0, b'a']);
    let next: Step = |peer| peer.next_text().map(drop);
    let ping: Step = |peer| peer.expect_ping().map(drop);
    let pong: Step = |peer| peer.expect_pong("x");
    let normal: Step = |peer| peer.expect_close(1000).map(drop);
    let no_code: Step = |peer| peer.expect_close(1005).map(drop);
    let end: Step = |peer| peer.expect_end();
    let silence: Step = |peer| peer.expect_silence(MOMENT);
    let frames: [(Step, u8, &[u8], &str); 12] = [
        (text, TEXT, b"hello", r#"expected the text "login", received the text "hello""#),
        (
            text,
            BINARY,
            b"login",
            r#"expected the text "login", received the binary message b"login" (5 bytes)"#,
        ),
        (text, CLOSE, b"\x03\xe8bye", r#"expected the text "login", received Close 1000 "bye""#),
        (
            binary,
            TEXT,
            b"hello",
            r#"expected the binary message b"\x00a" (2 bytes), received the text "hello""#,
        ),
        (next, BINARY, b"a", r#"expected a text, received the binary message b"a" (1 bytes)"#),
        (ping, TEXT, b"hello", r#"expected a ping, received the text "hello""#),
        (pong, PONG, b"y", r#"expected a pong with b"x" (1 bytes), received a pong with b"y" (1 bytes)"#),
        (normal, CLOSE, b"\x03\xe9", r#"expected Close 1000, received Close 1001 """#),
        (normal, CLOSE, b"", "expected Close 1000, received Close without a code"),
        (no_code, CLOSE, b"\x03\xe8", r#"expected Close without a code, received Close 1000 """#),
        (end, TEXT, b"hello", r#"expected the end of the stream, received the text "hello""#),
        (silence, PING, b"", r#"expected silence for 150ms, received a ping with b"" (0 bytes)"#),
    ];
    for (step, opcode, payload, message) in frames {
        let (_server, mut peer, mut client) = open();
        client.frame(FIN | opcode, payload);
        let error = step(&mut peer).expect_err(message);
        assert_eq!(error.to_string(), format!("connection 1: {message}"));
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

#[test]
fn each_wait_ends_at_its_limit() {
    type Step = fn(&mut ScriptedPeer) -> Result<(), ScriptError>;
    let steps: [(Step, &str); 8] = [
        (|peer| peer.expect_text("a"), r#"the text "a""#),
        (|peer| peer.expect_binary("a"), r#"the binary message b"a" (1 bytes)"#),
        (|peer| peer.next_text().map(drop), "a text"),
        (|peer| peer.expect_ping().map(drop), "a ping"),
        (|peer| peer.expect_pong("a"), r#"a pong with b"a" (1 bytes)"#),
        (|peer| peer.expect_close(1000).map(drop), "Close 1000"),
        (|peer| peer.expect_end(), "the end of the stream"),
        (|peer| peer.next_arrival().map(drop), "a message, a control frame or the end of the stream"),
    ];
    for (step, expected) in steps {
        let (_server, mut peer, mut client) = open();
        // A part of a frame is no arrival.
        client.send([0x81]);
        let begin = Instant::now();
        let error = step(&mut peer).expect_err(expected);
        assert_eq!(
            error.to_string(),
            format!("connection 1: expected {expected}, received nothing for 150ms")
        );
        let took = begin.elapsed();
        assert!(took >= MOMENT && took < MOMENT * 10, "{took:?}");
    }
    let (_server, peer, _client) = open();
    assert!(matches!(peer.close(1000, ""), Err(ScriptError::TimedOut { .. })));
    let (_server, mut peer, _client) = open();
    peer.expect_silence(MOMENT).unwrap();
}

#[test]
fn a_client_that_trickles_or_takes_nothing_is_within_the_limit_too() {
    let (_server, mut peer, mut client) = open();
    let trickling = std::thread::spawn(move || {
        for _ in 0..30 {
            std::thread::sleep(Duration::from_millis(20));
            if client.0.write_all(&wire::frame(FIN | PING, true, b"")).is_err() {
                return;
            }
        }
    });
    let begin = Instant::now();
    assert!(matches!(peer.expect_text("a"), Err(ScriptError::TimedOut { .. })));
    assert!(begin.elapsed() < MOMENT * 3);
    drop(peer);
    trickling.join().unwrap();

    let (_server, mut peer, _client) = open();
    let error = (0..1000).find_map(|_| peer.send_binary(vec![0; 1 << 20]).err()).expect("a limit");
    assert_eq!(format!("{error:?}"), "connection 1: sending failed: the client takes nothing");
}

#[test]
fn without_a_client_accepting_fails() {
    let server = ScriptedServer::start().unwrap();
    server.set_time_limit(MOMENT);
    assert_eq!(server.accept().unwrap_err().to_string(), "expected a connection, and none came for 150ms");
    let mut client = RawClient(TcpStream::connect(server.address()).unwrap(), Vec::new());
    client.send(&REQUEST[..20]);
    let error = server.accept().unwrap_err().to_string();
    assert_eq!(error, "connection 1: expected a request, received nothing for 150ms");
    drop(client);
    drop(TcpStream::connect(server.address()).unwrap());
    let error = server.accept().unwrap_err().to_string();
    assert_eq!(error, "connection 2: expected a request, received the end of the stream");
    let mut client = RawClient(TcpStream::connect(server.address()).unwrap(), Vec::new());
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let error = server.accept().unwrap_err().to_string();
    assert_eq!(error, "connection 3: the client broke the protocol: the request has no Sec-WebSocket-Key");
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_by_its_fault() {
    let frames: [(Vec<u8>, &str); 8] = [
        (wire::frame(FIN | TEXT, false, b"a"), "a frame is not masked"),
        (wire::frame(FIN | 0x40 | TEXT, true, b"a"), "a reserved bit"),
        (wire::frame(FIN | 0x20 | TEXT, true, b"a"), "a reserved bit"),
        (wire::frame(PING, true, b""), "a control frame is fragmented"),
        (wire::frame(FIN | CONTINUATION, true, b""), "a fragment continues no message"),
        (wire::frame(FIN | TEXT, true, b"\xff"), "a text is not UTF-8"),
        (wire::frame(FIN | CLOSE, true, b"a"), "a Close frame has half a code"),
        (wire::frame(FIN | 0x3, true, b""), "a frame has a reserved opcode"),
    ];
    for (bytes, fault) in frames {
        let (_server, mut peer, mut client) = open();
        client.send(bytes);
        let error = peer.next_arrival().expect_err(fault).to_string();
        assert!(
            error.starts_with(&format!("connection 1: the client broke the protocol: {fault}")),
            "{error}"
        );
    }
}

#[test]
fn a_refusal_has_its_status_fields_and_body() {
    let server = ScriptedServer::start().unwrap();
    let mut client = RawClient::connect(&server);
    let request = server.next_request().unwrap();
    assert_eq!((request.path(), request.field("host")), ("/feed?room=1", Some("test")));
    request.refuse_with(503, &[("Retry-After", "30")], "later").unwrap();
    let head = client.take(wire::take_head);
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(
        (wire::field(&head, "Retry-After"), wire::field(&head, "Content-Length")),
        (Some("30"), Some("5"))
    );
    assert_eq!(client.1, b"later");
    assert_eq!(client.end(), None);
    // The next one is accepted, with a subprotocol.
    let mut client = RawClient::connect(&server);
    let peer = server.next_request().unwrap().accept_with(&[("Sec-WebSocket-Protocol", "chat")]).unwrap();
    assert_eq!(peer.number(), 2);
    assert_eq!(wire::field(&client.take(wire::take_head), "Sec-WebSocket-Protocol"), Some("chat"));
}

#[test]
fn a_connection_ends_as_the_script_says() {
    let (_server, peer, mut client) = open();
    client.frame(FIN | TEXT, "unread");
    std::thread::sleep(MOMENT);
    peer.hang_up();
    assert_eq!(client.end(), None);
    let (_server, peer, mut client) = open();
    peer.reset().unwrap();
    assert_eq!(client.end(), Some(ErrorKind::ConnectionReset));
    let (_server, peer, mut client) = open();
    client.frame(FIN | TEXT, "before");
    client.frame(FIN | CLOSE, wire::close_payload(4000, ""));
    peer.close(4000, "over").unwrap();
    assert_eq!(client.take(wire::take_frame).close(), (4000, "over"));
    assert_eq!(client.end(), None);
    let server = ScriptedServer::start().unwrap();
    for resets in [false, true] {
        let mut client = RawClient::connect(&server);
        let mut request = server.next_request().unwrap();
        request.send_raw("HTTP/1.1 101 Swi").unwrap();
        if resets {
            request.reset().unwrap();
        } else {
            request.hang_up();
        }
        assert_eq!(client.end(), resets.then_some(ErrorKind::ConnectionReset));
    }
}

#[test]
fn the_end_of_a_client_is_an_arrival_and_stays_one() {
    let (server, mut peer, mut client) = open();
    client.frame(FIN | TEXT, "last");
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.read_to_close().unwrap(), [Arrival::text("last")]);
    peer.expect_end().unwrap();
    assert_eq!(peer.next_arrival().unwrap(), Arrival::End);
    let error = peer.expect_text("more").unwrap_err().to_string();
    assert_eq!(error, r#"connection 1: expected the text "more", received the end of the stream"#);
    assert_eq!(server.received(), [Arrival::text("last"), Arrival::End], "noted once");
}

#[test]
fn frames_are_sent_as_they_are() {
    let (_server, mut peer, mut client) = open();
    peer.send_fragments(&["a", "b", "c"]).unwrap();
    peer.send_ping("p").unwrap();
    peer.send_pong("q").unwrap();
    peer.send_raw([0x81, 1]).unwrap();
    peer.send_raw("x").unwrap();
    peer.send_close(1012, "").unwrap();
    let frames: Vec<_> = (0..7).map(|_| client.take(wire::take_frame)).map(|f| (f.fin, f.opcode)).collect();
    let expected = [
        (false, TEXT),
        (false, CONTINUATION),
        (true, CONTINUATION),
        (true, PING),
        (true, PONG),
        (true, TEXT),
        (true, CLOSE),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn a_peer_that_does_not_answer_pings_is_silent() {
    let (_server, mut peer, mut client) = open();
    peer.answer_pings(false);
    client.frame(FIN | PING, "1");
    assert_eq!(peer.expect_ping().unwrap(), b"1");
    peer.send_text("next").unwrap();
    assert_eq!(client.take(wire::take_frame).opcode, TEXT);
}

#[test]
fn dropping_the_server_ends_its_thread_and_its_connections() {
    let (server, mut peer, mut client) = open();
    let address = server.address();
    peer.set_time_limit(Duration::from_secs(60));
    let waiting = std::thread::spawn(move || peer.expect_text("never"));
    std::thread::sleep(MOMENT);
    let begin = Instant::now();
    drop(server);
    assert!(matches!(waiting.join().unwrap(), Err(ScriptError::Stopped)));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(client.end(), None);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn the_result_of_a_script_is_not_lost() {
    let script = |server: &ScriptedServer| {
        server.set_time_limit(MOMENT);
        server.accept().map(drop)
    };
    let failed = ScriptedServer::run(script).unwrap();
    let error = failed.finish().unwrap_err().to_string();
    assert_eq!(error, "expected a connection, and none came for 150ms");
    // A script that failed before it is dropped fails the test.
    let failed = ScriptedServer::run(script).unwrap();
    std::thread::sleep(MOMENT * 4);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(failed))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("the script of a server has failed: expected a connection"), "{message}");
    // One that is under way is stopped.
    let begin = Instant::now();
    drop(ScriptedServer::run(|server| server.accept().map(drop)).unwrap());
    assert!(begin.elapsed() < Duration::from_secs(3), "the limit is 5 s");
    let panicking = ScriptedServer::run(|_| panic!("a wrong count")).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| panicking.finish())).is_err());
}
