//! A response that is not 101: its status, its headers, and the beginning of its body.

use ws_core::{ClientHandshake, ClientRequest, HandshakeError, Machine, Random, Rejected};

use crate::support::*;

fn handshake() -> ClientHandshake {
    let request = ClientRequest::new("example.com", "/").unwrap();
    ClientHandshake::new(&request, quiet(), Random::from_seed([3; 32]), at(10))
}

fn poll(handshake: &mut ClientHandshake) -> Option<Rejected> {
    match handshake.poll_event() {
        Ok(None) => None,
        Err(HandshakeError::Rejected(rejected)) => Some(*rejected),
        other => panic!("{other:?}"),
    }
}

/// What the response is rejected with, once it is; fed in chunks, the end of the stream last.
fn rejected(response: &[u8], chunk: usize, ends: bool) -> Option<Rejected> {
    let mut handshake = handshake();
    for part in response.chunks(chunk) {
        feed(&mut handshake, part, at(1));
        if let Some(rejected) = poll(&mut handshake) {
            return Some(rejected);
        }
    }
    if ends {
        handshake.handle_read(0, at(1));
    }
    poll(&mut handshake)
}

#[test]
fn the_body_is_read_as_far_as_its_framing_says_wherever_it_is_cut() {
    // Head, what follows it, the body, and whether only the end of the stream ends it.
    let cases: [(&str, &str, &str, bool); 13] = [
        ("404 Not Found\r\nContent-Length: 5", "hello and more", "hello", false),
        ("404 Not Found\r\ncontent-length: 0", "", "", false),
        ("503\r\nContent-Length: 50", "cut short", "cut short", true),
        (
            "403 Forbidden\r\nTransfer-Encoding: chunked",
            "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
            "hello world",
            false,
        ),
        (
            "403 Forbidden\r\nTransfer-Encoding: gzip, Chunked",
            "A\r\n0123456789\r\n0\r\n",
            "0123456789",
            false,
        ),
        (
            "403 Forbidden\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
            "1\r\na\r\n0\r\n\r\n",
            "a",
            false,
        ),
        ("403 Forbidden\r\nTransfer-Encoding: chunked", "5\r\nhello\r\nzz\r\n", "hello", false),
        ("403 Forbidden\r\nTransfer-Encoding: chunked", "5\r\nhelloXX3\r\nabc\r\n", "hello", false),
        ("403 Forbidden\r\nTransfer-Encoding: chunked", "5\r\nhel", "hel", true),
        ("500 Oops\r\nServer: x", "until the end", "until the end", true),
        ("500 Oops\r\nContent-Length: many", "until the end", "until the end", true),
        ("204 No Content", "", "", false),
        ("304 Not Modified\r\nContent-Length: 10", "", "", false),
    ];
    for (head, follows, body, is_open_ended) in cases {
        let response = format!("HTTP/1.1 {head}\r\n\r\n{follows}");
        for chunk in 1..=response.len() {
            if is_open_ended {
                assert_eq!(rejected(response.as_bytes(), chunk, false), None, "{head} needs the end");
            }
            let rejected = rejected(response.as_bytes(), chunk, is_open_ended).unwrap();
            assert_eq!(rejected.body, body, "{head} in chunks of {chunk}");
            assert_eq!(rejected.response.status().to_string(), head[..3]);
        }
    }
}

#[test]
fn the_error_is_one_line_that_shows_what_the_body_says() {
    let long = "x".repeat(100);
    for (body, told) in [
        ("plain text\nand more", ": plain text"),
        ("", ""),
        (" \r\n\t\n", ""),
        ("\n\nIP not allowed", ": IP not allowed"),
        ("{\n  \"error\": \"token expired\"\n}", ": { \"error\": \"token expired\" }"),
        ("\u{FEFF}[1,\n2]", ": [1, 2]"),
        ("<!DOCTYPE html>\n<html><head><TITLE lang=en>\n Sign\nin </TITLE>", ": Sign in"),
        ("<html><body><h1>503 Service Unavailable</h1>\n", ": 503 Service Unavailable"),
        ("<html><title></title><h1>Busy</h1>", ": Busy"),
        ("<html><titles>No</titles>", ": <html><titles>No</titles>"),
        ("<html", ": <html"),
        ("<title", ": <title"),
        ("\x1b[2Jno\rfine\u{9b}31m", ": [2Jno fine 31m"),
        (&long, &format!(": {}", "x".repeat(80))),
        (&"ab ".repeat(100), &format!(": {}ab", "ab ".repeat(26))),
        ("\u{fc}".repeat(90).as_str(), &format!(": {}", "\u{fc}".repeat(80))),
    ] {
        let response = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let rejected = rejected(response.as_bytes(), usize::MAX, false).unwrap();
        assert_eq!(rejected.body, body);
        assert_eq!(
            rejected.to_string(),
            format!("the server answered 401 Unauthorized instead of 101{told}")
        );
        // `Debug` shows its length alone.
        let debug = format!("{rejected:?}");
        assert!(body.len() < 8 || !debug.contains(body.trim_end()), "{debug}");
        assert!(debug.contains(&format!("{} bytes", body.len())), "{debug}");
    }
}

#[test]
fn the_line_with_the_size_of_a_chunk_has_at_most_1_kib_wherever_it_is_cut() {
    for (extension, body) in [(";".repeat(1021), "abc"), (";".repeat(1022), ""), (";\n".into(), "")] {
        let head = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n";
        let response = format!("{head}3{extension}\r\nabc\r\n0\r\n\r\n");
        for chunk in 1..=response.len() {
            assert_eq!(
                rejected(response.as_bytes(), chunk, false).unwrap().body,
                body,
                "in chunks of {chunk}"
            );
        }
    }
}

#[test]
fn at_most_16_kib_of_a_body_are_kept() {
    const LIMIT: usize = 16 * 1024;
    let chunk = format!("{:x}\r\n{}\r\n", LIMIT - 1, "x".repeat(LIMIT - 1));
    for (head, follows) in [
        ("Content-Length: 1000000", "x".repeat(LIMIT + 1)),
        ("Content-Length: 18446744073709551615", "x".repeat(LIMIT + 1)),
        ("Transfer-Encoding: chunked", chunk.repeat(2)),
        ("Server: x", "x".repeat(LIMIT + 1)),
    ] {
        let response = format!("HTTP/1.1 500 Oops\r\n{head}\r\n\r\n{follows}");
        for chunk in [1, 1000, response.len()] {
            let rejected = rejected(response.as_bytes(), chunk, false).unwrap();
            assert_eq!(rejected.body.len(), LIMIT, "{head}");
            assert!(rejected.body.iter().all(|byte| *byte == b'x'));
        }
    }
}

#[test]
fn a_body_is_waited_for_one_second() {
    let mut handshake = handshake();
    feed(&mut handshake, b"HTTP/1.1 500 Oops\r\n\r\nsome", at(3));
    assert_eq!(poll(&mut handshake), None);
    assert_eq!(handshake.poll_timeout(), Some(at(4)));
    feed(&mut handshake, b" more", at(3));
    assert_eq!(poll(&mut handshake), None);
    assert_eq!(handshake.poll_timeout(), Some(at(4)));
    handshake.handle_timeout(at(4));
    assert_eq!(poll(&mut handshake).unwrap().body, "some more");
    assert_eq!(handshake.poll_timeout(), None);
}

#[test]
fn a_body_with_a_length_is_waited_for_no_longer() {
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut handshake = handshake();
        let head = format!("HTTP/1.1 500 Oops\r\n{framing}\r\n\r\n5\r\n");
        feed(&mut handshake, head.as_bytes(), at(3));
        assert_eq!(poll(&mut handshake), None);
        assert_eq!(handshake.poll_timeout(), Some(at(4)), "{framing}");
        handshake.handle_timeout(at(4));
        assert!(poll(&mut handshake).is_some());
    }
}

/// As proxies before a server send it, such as HAProxy's error file. A body in HTTP/1.0 has no chunks (RFC 9112 §6.1).
#[test]
fn a_refusal_in_http_1_0_is_a_refusal_like_any_other() {
    for (head, follows, body, is_open_ended) in [
        ("503 Service Unavailable\r\nConnection: close", "<h1>503</h1>", "<h1>503</h1>", true),
        ("404 Not Found\r\nContent-Length: 2", "no", "no", false),
        ("429\r\nRetry-After: 7\r\nContent-Length: 0", "", "", false),
        ("302 Found\r\nLocation: /login\r\nContent-Length: 0", "", "", false),
        ("500 Oops\r\nTransfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", true),
    ] {
        let response = format!("HTTP/1.0 {head}\r\n\r\n{follows}");
        for chunk in 1..=response.len() {
            let rejected = rejected(response.as_bytes(), chunk, is_open_ended).unwrap();
            assert_eq!(rejected.response.status().to_string(), head[..3], "in chunks of {chunk}");
            assert_eq!(rejected.body, body, "{head} in chunks of {chunk}");
        }
    }
}

#[test]
fn near_the_deadline_of_the_handshake_no_body_postpones_it() {
    let mut handshake = handshake();
    let late = at(9) + std::time::Duration::from_millis(500);
    feed(&mut handshake, b"HTTP/1.1 500 Oops\r\n\r\n", late);
    assert_eq!(poll(&mut handshake), None);
    assert_eq!(handshake.poll_timeout(), Some(at(10)));
}

#[test]
fn a_redirect_is_an_error_that_tells_where_to() {
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} Moved\r\nLocation: wss://b/\r\nContent-Length: 2\r\n\r\nhi");
        let rejected = rejected(head.as_bytes(), 9, false).unwrap();
        let expected =
            format!("the server answered {status} Moved instead of 101, with a redirect to \"wss://b/\": hi");
        assert_eq!(rejected.to_string(), expected);
        assert_eq!(rejected.response.headers().get("location"), Some("wss://b/"));
    }
}
