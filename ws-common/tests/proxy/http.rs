//! CONNECT, as a trace (RFC 9110 §9.3.6).

use std::time::Duration;

use proptest::prelude::*;
use ws_common::{
    Host,
    proxy::{Credentials, HttpProxy, ProxyError, ProxyStep, ProxyUrlError},
};
use ws_core::{Instant, Machine};

use crate::support::{
    DEADLINE, Outcome, Then, address, check_text, credentials, cuts, name, read, run, write,
};

fn proxy() -> HttpProxy {
    HttpProxy::new(None, &name("example.com"), 443, DEADLINE).unwrap()
}

fn head(lines: &str) -> Vec<u8> {
    (lines.replace('\n', "\r\n") + "\r\n\r\n").into_bytes()
}

fn fail(bytes: &[u8], then: Then) -> ProxyError {
    let mut errors: Vec<ProxyError> = Vec::new();
    for chunks in cuts(bytes).into_iter().chain([vec![bytes]]) {
        match run(proxy(), &chunks, then).1 {
            Outcome::Failed(error) => {
                check_text(&error);
                errors.push(error);
            }
            other => panic!("{other:?} after {chunks:?}"),
        }
    }
    errors.pop().unwrap()
}

#[test]
fn the_request_names_the_target_and_nothing_else() {
    let user = credentials();
    let odd = Credentials::new("us\u{e9}r", "p@ss:w\u{2603}");
    let cases: [(_, Host, u16, &str); 6] = [
        (None, name("example.com"), 443, "CONNECT example.com:443 HTTP/1.1\nHost: example.com:443"),
        (None, name("example.com"), 80, "CONNECT example.com:80 HTTP/1.1\nHost: example.com:80"),
        (None, address("192.0.2.1"), 8080, "CONNECT 192.0.2.1:8080 HTTP/1.1\nHost: 192.0.2.1:8080"),
        (None, address("2001:db8::1"), 443, "CONNECT [2001:db8::1]:443 HTTP/1.1\nHost: [2001:db8::1]:443"),
        (
            Some(&user),
            name("h"),
            1,
            "CONNECT h:1 HTTP/1.1\nHost: h:1\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=",
        ),
        (
            Some(&odd),
            name("h"),
            1,
            "CONNECT h:1 HTTP/1.1\nHost: h:1\nProxy-Authorization: Basic dXPDqXI6cEBzczp34piD",
        ),
    ];
    for (credentials, host, port, expected) in cases {
        let mut proxy = HttpProxy::new(credentials, &host, port, DEADLINE).unwrap();
        assert!(!format!("{proxy:?}").contains("Basic"));
        let written = write(&mut proxy, DEADLINE);
        assert_eq!(String::from_utf8(written).unwrap().into_bytes(), head(expected));
    }
}

#[test]
fn what_cannot_stand_in_the_request_is_refused() {
    let new = |credentials: Option<&Credentials>, host: &str| {
        HttpProxy::new(credentials, &name(host), 443, DEADLINE).err().map(|error| check_text(&error))
    };
    let longest = "n".repeat(255);
    for legal in ["example.com", "example.com.", "xn--bcher-kva.example", "a_b", &longest] {
        assert_eq!(new(None, legal), None, "{legal}");
    }
    for illegal in ["", "a b", "a\r\nX: y", "a\0", "a:1", "a/b", "u@h", "[::1]", "b\u{fc}cher", "%41", "a?b"]
    {
        assert!(new(None, illegal).unwrap().contains("not a host name"), "{illegal:?}");
    }
    assert!(new(None, &"n".repeat(256)).unwrap().contains("256"));
    for (user, password) in [("us:er", "secret"), ("user\n", "secret"), ("user", "secret\0")] {
        let error = new(Some(&Credentials::new(user, password)), "h");
        assert!(error.is_some_and(|text| text.contains("user name")), "{user:?} {password:?}");
    }
    let long = Credentials::new("u".repeat(300), "secret".repeat(300));
    assert_eq!(new(Some(&long), "h"), None);
}

#[test]
fn any_2xx_opens_and_all_after_its_head_is_left_over() {
    let heads = [
        "HTTP/1.1 200 Connection established",
        "HTTP/1.0 200 Connection established\nProxy-agent: tinyproxy/1.11.1",
        "HTTP/1.1 200",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 299 Odd",
        // RFC 9110 §9.3.6: a client MUST ignore any Content-Length or Transfer-Encoding of a successful answer.
        "HTTP/1.1 200 OK\nContent-Length: 5",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 0",
        "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK",
        "HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK",
    ];
    for lines in heads {
        for rest in ["", "\0first\r\n\r\n bytes", "HTTP/1.1 407 No\r\n\r\n"] {
            let bytes = [&head(lines)[..], rest.as_bytes()].concat();
            for chunks in cuts(&bytes) {
                for then in [Then::Silence, Then::Eof, Then::Deadline] {
                    match run(proxy(), &chunks, then) {
                        (_, Outcome::Connected(left)) => assert_eq!(left, rest.as_bytes(), "{lines}"),
                        (_, other) => panic!("{lines}: {other:?}"),
                    }
                }
            }
        }
    }
    // Lines may end in LF alone (RFC 9112 §2.2).
    let outcome = run(proxy(), &[b"HTTP/1.1 200 OK\nA: b\n\nx"], Then::Silence).1;
    assert!(matches!(outcome, Outcome::Connected(left) if left == b"x"));
}

#[test]
fn before_the_end_of_the_head_it_waits_for_bytes_the_end_or_the_deadline() {
    let whole = head("HTTP/1.1 200 Connection established\nVia: 1.1 proxy");
    for n in 0..whole.len() {
        let cut = &whole[..n];
        assert!(matches!(run(proxy(), &[cut], Then::Silence).1, Outcome::Waits), "{n}");
        let error = run(proxy(), &[cut], Then::Eof).1;
        assert!(
            matches!(error, Outcome::Failed(ProxyError::UnexpectedEof(seen)) if seen == n),
            "{n}: {error:?}"
        );
        let error = run(proxy(), &[cut], Then::Deadline).1;
        assert!(
            matches!(error, Outcome::Failed(ProxyError::Timeout { step: ProxyStep::Response, .. })),
            "{n}: {error:?}"
        );
    }
}

#[test]
fn a_status_that_is_not_2xx_is_an_error_with_all_that_it_says() {
    let cases = [
        ("HTTP/1.1 401 Unauthorized\nX-Why: x", 401, "401 Unauthorized; check user name and password"),
        ("HTTP/1.1 403 Forbidden\nX-Why: rules", 403, "answered 403 Forbidden; does it allow CONNECT"),
        (
            "HTTP/1.0 503 Unavailable\nX-Why: dns\nContent-Length: 4",
            503,
            "503 Unavailable; it could not reach",
        ),
        ("HTTP/1.1 400\nX-Why: x", 400, "400; is it a proxy?"),
        ("HTTP/1.1 301 Moved\nLocation: http://a/\nX-Why: x", 301, "answered 301 Moved"),
        ("HTTP/1.1 101 Switching Protocols\nX-Why: x", 101, "answered 101"),
        ("HTTP/1.1 999 ?\nX-Why: x", 999, "answered 999 ?"),
    ];
    for (lines, status, text) in cases {
        for rest in ["", "body"] {
            let error = fail(&[&head(lines)[..], rest.as_bytes()].concat(), Then::Silence);
            assert!(error.to_string().contains(text), "{error}");
            let ProxyError::Refused(refusal) = error else { panic!("{error:?}") };
            let response = &refusal.response;
            assert_eq!(response.status(), status);
            assert!(response.headers().get("x-why").is_some() && !response.to_string().contains("body"));
            assert_eq!(refusal.body, if status == 101 { "" } else { rest });
        }
    }
    let long = format!("HTTP/1.1 500 {}", "r".repeat(10_000));
    assert!(check_text(&run_to_error(proxy(), &head(&long))).len() < 200);
}

#[test]
fn a_refusal_is_told_with_the_proxys_words_and_its_redirect() {
    let cases: [(&str, &str, &str); 6] = [
        (
            "HTTP/1.1 403 Forbidden\nContent-Length: 44",
            "<html><title>Blocked by policy 7</title></ht",
            "answered 403 Forbidden; does it allow CONNECT to this host and port?; it says: Blocked by policy 7",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\nTransfer-Encoding: chunked",
            "8\r\nno route\r\n0\r\n\r\n",
            "it could not reach the target; it says: no route",
        ),
        ("HTTP/1.1 500 No\nContent-Length: 2", "a\n", "answered 500 No; it says: a"),
        ("HTTP/1.1 500 No\nContent-Length: 0", "", "answered 500 No"),
        (
            "HTTP/1.1 302 Found\nLocation: http://user:secret@portal.test/login?secret\nContent-Length: 0",
            "",
            "answered 302 Found, with a redirect to \"http://…@portal.test/login?…\"",
        ),
        // Nothing says where it ends.
        ("HTTP/1.0 503 No", "line one\nsecret", "it could not reach the target; it says: line one"),
    ];
    for (lines, body, expected) in cases {
        let error = fail(&[&head(lines)[..], body.as_bytes()].concat(), Then::Silence);
        let text = check_text(&error);
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn the_body_of_a_refusal_is_waited_for_and_bounded() {
    let mut proxy = proxy();
    write(&mut proxy, at(1));
    let refusal = head("HTTP/1.1 403 No\nContent-Length: 100");
    read(&mut proxy, &refusal, at(2));
    assert!(matches!(proxy.poll_event(), Ok(None)));
    assert_eq!(proxy.poll_timeout(), Some(at(3)));
    read(&mut proxy, b"half", at(2));
    assert!(matches!(proxy.poll_event(), Ok(None)));
    assert_eq!(proxy.poll_timeout(), Some(at(3)), "more bytes bring no more time");
    proxy.handle_timeout(at(3));
    let Err(ProxyError::Refused(refused)) = proxy.poll_event() else { panic!("it waits") };
    assert_eq!(refused.body, "half");
    assert_eq!(proxy.poll_timeout(), None);

    let endless = [head("HTTP/1.1 403 No"), vec![b'x'; 100_000]].concat();
    let ProxyError::Refused(refused) = run_to_error(self::proxy(), &endless) else { panic!("not refused") };
    assert_eq!(refused.body.len(), 16 * 1024);
}

fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

fn run_to_error(proxy: HttpProxy, bytes: &[u8]) -> ProxyError {
    match run(proxy, &[bytes], Then::Silence).1 {
        Outcome::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn status_407_says_what_to_do_about_it() {
    let cases = [
        (None, "HTTP/1.1 407 Auth\nProxy-Authenticate: Basic realm=\"x\"", "write user name and password"),
        (None, "HTTP/1.1 407 Auth", "write user name and password"),
        (Some(credentials()), "HTTP/1.1 407 Auth\nProxy-Authenticate: Basic realm=\"x\"", "check them"),
        (
            Some(credentials()),
            "HTTP/1.1 407 Auth\nProxy-Authenticate: Negotiate\nProxy-Authenticate: NTLM",
            "authentication by \"Negotiat\"…, \"NTLM\" (407), and there is only Basic",
        ),
        (
            None,
            "HTTP/1.0 407 Auth\nProxy-Authenticate: NTLM\nProxy-Authenticate: basic realm=a",
            "write user",
        ),
    ];
    for (credentials, lines, text) in cases {
        let proxy = HttpProxy::new(credentials.as_ref(), &name("h"), 443, DEADLINE).unwrap();
        let error = run_to_error(proxy, &head(lines));
        assert!(check_text(&error).contains(text), "{error}");
        let ProxyError::AuthenticationRequired { refusal, had_credentials } = error else {
            panic!("{error:?}")
        };
        assert_eq!((refusal.response.status(), refusal.response.reason()), (407, "Auth"));
        assert_eq!(had_credentials, credentials.is_some());
    }
}

#[test]
fn status_407_shows_the_words_of_the_proxy() {
    let answer = b"HTTP/1.1 407 Auth\r\nContent-Length: 16\r\n\r\nAsk the IT desk\n";
    let error = run_to_error(HttpProxy::new(None, &name("h"), 443, DEADLINE).unwrap(), answer);
    assert!(
        check_text(&error).ends_with("as in http://user:password@host; it says: Ask the IT desk"),
        "{error}"
    );
    let ProxyError::AuthenticationRequired { refusal, .. } = error else { panic!("{error:?}") };
    assert_eq!(refusal.body.len(), 16);
}

#[test]
fn what_is_not_http_is_told_at_its_first_wrong_byte() {
    let cases: [&[u8]; 6] = [
        b"\x05\xff",
        b"SSH-2.0-x\r\n",
        b"\x15\x03\x03\0\x02\x02\x28",
        b"HTTPS",
        b"http/1.1 200 OK\r\n\r\n",
        b"\r\n",
    ];
    for bytes in cases {
        let error = fail(bytes, Then::Silence);
        assert!(matches!(error, ProxyError::NotHttp(_)), "{error:?}");
    }
    let cases = [
        ("HTTP/2.0 200 OK", "begins with \"HTTP/2.0\"…"),
        ("HTTP/1.x 200 OK", "begins with"),
        ("HTTP/1.1 2x0 OK", "malformed (the status line)"),
        ("HTTP/1.1 200 OK\nBad Name: x", "malformed (a header name)"),
        ("HTTP/1.1 200 OK\nA: \0", "malformed (a header value, of A)"),
    ];
    for (lines, text) in cases {
        assert!(fail(&head(lines), Then::Silence).to_string().contains(text), "{lines}");
    }
}

#[test]
fn a_head_is_at_most_16_kib_and_100_headers() {
    let padded = |n: usize| head(&format!("HTTP/1.1 200 OK\nA: {}", "a".repeat(n - 24)));
    assert_eq!(padded(100).len(), 100);
    let outcome = |bytes: &[u8]| run(proxy(), &bytes.chunks(1000).collect::<Vec<_>>(), Then::Silence).1;
    assert!(matches!(outcome(&padded(16 * 1024)), Outcome::Connected(_)));
    assert!(matches!(outcome(&padded(16 * 1024 + 1)), Outcome::Failed(ProxyError::HeadTooLong)));
    let fields = |n| head(&format!("HTTP/1.1 200 OK{}", "\nA: b".repeat(n)));
    assert!(matches!(outcome(&fields(100)), Outcome::Connected(_)));
    assert!(matches!(outcome(&fields(101)), Outcome::Failed(ProxyError::TooManyHeaders)));
}

#[test]
fn credentials_are_checked_before_anything_is_sent() {
    let error =
        HttpProxy::new(Some(&Credentials::new("a:b", "secret")), &name("h"), 1, DEADLINE).unwrap_err();
    assert!(matches!(error, ProxyError::Url(ProxyUrlError::UserHasColon)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        start in prop_oneof![Just(""), Just("HTTP/"), Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.0 407 \r\nA:")],
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        then in prop_oneof![Just(Then::Silence), Just(Then::Eof), Just(Then::Deadline)],
    ) {
        let mut all: Vec<&[u8]> = vec![start.as_bytes()];
        all.extend(chunks.iter().map(Vec::as_slice));
        let (_, outcome) = run(proxy(), &all, then);
        if let Outcome::Failed(error) = &outcome {
            check_text(error);
        }
        prop_assert!(then == Then::Silence || !matches!(outcome, Outcome::Waits));
    }

    #[test]
    fn cutting_changes_nothing(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b'a'), Just(b' '), any::<u8>()], 0..40)
    ) {
        let bytes = [b"HTTP/1.1 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat();
        let whole = format!("{:?}", run(proxy(), &[&bytes], Then::Eof).1);
        for chunks in cuts(&bytes) {
            prop_assert_eq!(&format!("{:?}", run(proxy(), &chunks, Then::Eof).1), &whole);
        }
    }
}

#[test]
fn a_machine_that_has_settled_asks_for_no_time() {
    let mut proxy = proxy();
    assert_eq!(proxy.poll_timeout(), Some(DEADLINE));
    proxy.handle_timeout(DEADLINE);
    assert!(matches!(proxy.poll_event(), Err(ProxyError::Timeout { step: ProxyStep::Response, .. })));
    assert_eq!(proxy.poll_timeout(), None);
}
