//! The check of `Origin` (RFC 6455 §10.2): which web pages a server accepts.

use ws_core::{Config, HandshakeError, Machine, Origins, Random, RequestError, ServerHandshake};

use crate::support::*;

/// A handshake with further fields.
fn request(target: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "GET {target} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    )
}

/// The error and the answer; 101 if the request is accepted.
fn asked(origins: &Origins, request: &str) -> (u16, String, Option<HandshakeError>) {
    let mut handshake =
        ServerHandshake::new(Config::default(), Random::from_seed([4; 32]), at(10)).origins(origins.clone());
    feed(&mut handshake, request.as_bytes(), at(1));
    match handshake.poll_event() {
        Ok(request) => {
            assert!(request.is_some());
            (101, String::new(), None)
        }
        Err(error) => {
            assert!(handshake.outbound().is_finished());
            let answer = String::from_utf8(write(&mut handshake, at(1))).unwrap();
            let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
            (status, answer, Some(error))
        }
    }
}

fn status(origins: &Origins, host: &str, origin: &str) -> u16 {
    asked(origins, &request("/", &[("Host", host), ("Origin", origin)])).0
}

#[test]
fn a_foreign_page_gets_403_with_both_values_and_both_remedies() {
    let fields = [("Host", "bank.example"), ("Origin", "https://evil.example"), ("Cookie", "session=1")];
    let (status, answer, error) = asked(&Origins::default(), &request("/", &fields));
    assert_eq!(status, 403);
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    let error = error.unwrap();
    assert!(
        matches!(&error, HandshakeError::Request(RequestError::ForeignOrigin { origin, host })
            if origin == "https://evil.example" && host == "bank.example"),
        "{error:?}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    for text in [body, &error.to_string()] {
        for named in ["\"https://evil.example\"", "\"bank.example\"", "`origins`", "proxy_set_header Host"] {
            assert!(text.contains(named), "{named} in {text}");
        }
        assert!(!text.contains("session"));
    }
}

#[test]
fn a_request_without_an_origin_is_accepted() {
    for origins in [Origins::same(), Origins::any(), Origins::only(["https://a"]).unwrap()] {
        assert_eq!(asked(&origins, &request("/", &[("Host", "bank.example")])).0, 101);
    }
}

#[test]
fn the_same_origin_has_the_host_and_the_port_of_the_server() {
    let same = Origins::same();
    for (host, origin, expected) in [
        ("a.example", "http://a.example", 101),
        ("a.example", "https://a.example", 101),
        // The scheme is not compared, because a proxy may end TLS. Case is not compared either.
        ("A.example", "HTTPS://a.EXAMPLE", 101),
        ("a.example", "ws://a.example", 101),
        // A missing port of `Origin` is that of its scheme. A missing port of `Host` matches 80 and 443.
        ("a.example:80", "http://a.example", 101),
        ("a.example:443", "https://a.example", 101),
        ("a.example:443", "wss://a.example", 101),
        ("a.example:80", "https://a.example", 403),
        ("a.example:443", "http://a.example", 403),
        ("a.example", "http://a.example:443", 101),
        ("a.example", "http://a.example:80", 101),
        ("a.example", "http://a.example:8080", 403),
        ("a.example:8080", "http://a.example:8080", 101),
        ("a.example:8080", "https://a.example:8080", 101),
        ("a.example:8080", "http://a.example:8081", 403),
        ("a.example:8080", "http://a.example", 403),
        ("a.example:", "http://a.example", 101),
        ("a.example:08080", "http://a.example:8080", 101),
        // Another host.
        ("a.example", "http://b.example", 403),
        ("a.example", "http://a.example.evil.example", 403),
        ("a.example", "http://evil-a.example", 403),
        ("a.example", "http://x.a.example", 403),
        ("x.a.example", "http://a.example", 403),
        ("a.example", "http://a.example.", 403),
        ("127.0.0.1:81", "http://127.0.0.1:81", 101),
        ("127.0.0.1:81", "http://localhost:81", 403),
        ("[::1]:81", "http://[::1]:81", 101),
        ("[::1]", "https://[::1]", 101),
        ("[::FFFF]:81", "http://[::ffff]:81", 101),
        ("[::1]:81", "http://[::2]:81", 403),
        ("", "http://a.example", 403),
        // No origin of a server.
        ("a.example", "null", 403),
        ("a.example", "file://", 403),
        ("", "file://", 403),
        ("a.example", "app://a.example", 403),
        ("a.example", "chrome-extension://abcdefgh", 403),
    ] {
        assert_eq!(status(&same, host, origin), expected, "{origin} at {host}");
    }
}

#[test]
fn listed_origins_are_compared_with_their_scheme() {
    let listed = Origins::only(["https://a.example", "http://b.example:8080", "null", "file://", "app://x"]);
    let listed = listed.unwrap();
    for (origin, expected) in [
        ("https://a.example", 101),
        ("HTTPS://A.example:443", 101),
        ("http://a.example", 403),
        ("https://a.example:444", 403),
        ("http://b.example:8080", 101),
        ("http://b.example", 403),
        ("null", 101),
        ("file://", 101),
        ("app://x", 101),
        ("app://x:1", 403),
        ("app://y", 403),
        // The page of the server itself is not listed.
        ("https://own.example", 403),
    ] {
        assert_eq!(status(&listed, "own.example", origin), expected, "{origin}");
    }
    assert_eq!(status(&Origins::only([""; 0]).unwrap(), "a.example", "http://a.example"), 403);
}

#[test]
fn any_origin_accepts_each_legal_one() {
    for origin in ["null", "https://evil.example", "file://", "app://x", "http://[::1]:9"] {
        assert_eq!(status(&Origins::any(), "a.example", origin), 101, "{origin}");
    }
}

#[test]
fn an_origin_that_is_not_legal_cannot_be_listed() {
    for origin in ILLEGAL {
        let error = Origins::only(["https://a.example", origin]).unwrap_err();
        assert_eq!(error.name, "Origin", "{origin}");
    }
}

const ILLEGAL: [&str; 20] = [
    "",
    "a.example",
    "//a.example",
    "https:a.example",
    "https://",
    "https://:443",
    "https://a.example/",
    "https://a.example/page",
    "https://a.example?x",
    "https://a.example#x",
    "https://user@a.example",
    "https://a.example:65536",
    "https://a.example:x",
    "https://a.example:+1",
    "https://[::1",
    "https://[::1]x",
    "https://[a.example]",
    "1https://a.example",
    "https://a.example https://b.example",
    "NULL",
];

#[test]
fn illegal_and_repeated_origins_get_400() {
    let each = [Origins::same(), Origins::any(), Origins::only(["https://a.example"]).unwrap()];
    for origins in &each {
        for origin in ILLEGAL {
            let (status, answer, error) =
                asked(origins, &request("/", &[("Host", "a.example"), ("Origin", origin)]));
            assert_eq!(status, 400, "{origin}: {answer}");
            let is_expected = matches!(&error, Some(HandshakeError::Request(RequestError::InvalidOrigin(seen))) if seen == origin);
            assert!(is_expected, "{error:?}");
        }
        let two = [("Host", "a.example"), ("Origin", "https://a.example"), ("Origin", "https://a.example")];
        assert_eq!(asked(origins, &request("/", &two)).0, 400);
    }
}

#[test]
fn an_illegal_host_gets_400_with_an_origin_or_without() {
    for host in [
        "user@a.example",
        "a.example/",
        "a.example b.example",
        "a.example:x",
        "a.example:65536",
        "a.example:80:80",
        "::1",
        "[::1",
        "[::1]x",
        "[]",
        "[a.example]",
        "ä.example",
        "a.example?",
        "a.example#",
        "\"a.example\"",
    ] {
        let (status, _, error) = asked(&Origins::same(), &request("/", &[("Host", host)]));
        assert_eq!(status, 400, "{host}");
        assert!(matches!(error, Some(HandshakeError::Request(RequestError::InvalidHost(_)))), "{error:?}");
        assert_eq!(self::status(&Origins::any(), host, "http://a.example"), 400, "{host}");
    }
    for host in ["a_b.example", "xn--bcher-kva.example.", "a%2fb", "[fe80::1%25eth0]:80", "a.example:", ""] {
        assert_eq!(asked(&Origins::same(), &request("/", &[("Host", host)])).0, 101, "{host}");
    }
}

/// RFC 9112 §3.2.2: the host of a target that is a whole URI stands for `Host`.
#[test]
fn the_host_of_the_target_is_that_of_the_server() {
    for (target, origin, expected) in [
        ("http://a.example:81/chat", "http://a.example:81", 101),
        ("http://a.example:81/chat", "http://b.example", 403),
        // RFC 9110 §4.2.4: a user name is an error.
        ("http://user@a.example/", "http://a.example", 400),
        ("http://b.example:b@a.example/", "http://b.example", 400),
        ("http://a.example:x/", "http://a.example", 400),
    ] {
        let request = request(target, &[("Host", "b.example"), ("Origin", origin)]);
        assert_eq!(asked(&Origins::same(), &request).0, expected, "{target} from {origin}");
    }
}

#[test]
fn a_forwarded_host_counts_only_if_it_is_trusted() {
    let same = Origins::same();
    let trusting = Origins::same().trust_forwarded_host(true);
    let fields = |forwarded| {
        [("Host", "inner:9000"), ("X-Forwarded-Host", forwarded), ("Origin", "https://a.example")]
    };
    for (forwarded, trusted, untrusted) in [
        ("a.example", 101, 403),
        ("a.example:443", 101, 403),
        ("a.example, b.example", 101, 403),
        ("b.example, a.example", 403, 403),
        ("b.example", 403, 403),
        ("", 403, 403),
        ("user@a.example", 400, 403),
    ] {
        let request = request("/", &fields(forwarded));
        assert_eq!(asked(&trusting, &request).0, trusted, "{forwarded}");
        assert_eq!(asked(&same, &request).0, untrusted, "{forwarded}");
    }
    let (_, answer, _) = asked(&trusting, &request("/", &fields("b.example")));
    assert!(answer.contains("\"b.example\""), "{answer}");
    // Without the field, `Host` counts.
    assert_eq!(status(&trusting, "a.example", "https://a.example"), 101);
}
