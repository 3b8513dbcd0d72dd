//! SOCKS5, as a trace (RFC 1928, RFC 1929).

use proptest::prelude::*;
use ws_common::{
    Host,
    proxy::{Credentials, ProxyError, ProxyStep, ProxyUrlError, Socks5, Socks5Reply},
};

use crate::support::{DEADLINE, Outcome, Then, address, check_text, credentials, cuts, name, run};

/// What it says without and with credentials.
const GREETING: &[u8] = b"\x05\x01\x00";
const GREETING_WITH_CREDENTIALS: &[u8] = b"\x05\x02\x00\x02";
const CREDENTIALS: &[u8] = b"\x01\x04user\x06secret";
const REQUEST: &[u8] = b"\x05\x01\x00\x03\x01h\x01\xbb";
/// Succeeded, bound to 0.0.0.0:0.
const REPLY: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";

type Make = fn() -> Socks5;
/// Messages in order.
type Trace = &'static [&'static [u8]];

fn new(credentials: Option<&Credentials>) -> Socks5 {
    Socks5::new(credentials, &name("h"), 443, DEADLINE).unwrap()
}

fn open() -> Socks5 {
    new(None)
}

fn authenticated() -> Socks5 {
    new(Some(&credentials()))
}

/// The error that these bytes make, however they are cut, and what was written before if they came one by one.
fn fail(make: impl Fn() -> Socks5, bytes: &[u8], then: Then) -> (Vec<u8>, ProxyError) {
    let mut failures = Vec::new();
    for chunks in [vec![bytes]].into_iter().chain(cuts(bytes)) {
        match run(make(), &chunks, then) {
            (written, Outcome::Failed(error)) => {
                check_text(&error);
                failures.push((written, error));
            }
            (_, other) => panic!("{other:?} after {chunks:?}"),
        }
    }
    let last = failures.pop().unwrap();
    assert!(failures.iter().all(|(_, error)| error.to_string() == last.1.to_string()), "{failures:?}");
    last
}

#[test]
fn the_request_has_the_target_as_a_name_or_an_address() {
    let longest = "n".repeat(255);
    let cases: [(Host, u16, Vec<u8>); 5] = [
        (name("example.com"), 443, b"\x03\x0bexample.com\x01\xbb".to_vec()),
        (address("192.0.2.1"), 80, b"\x01\xc0\x00\x02\x01\x00\x50".to_vec()),
        (address("2001:db8::1"), 65535, b"\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xff".to_vec()),
        (address("::ffff:1.2.3.4"), 1, b"\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04\0\x01".to_vec()),
        (name(&longest), 1, [b"\x03\xff", longest.as_bytes(), b"\0\x01"].concat()),
    ];
    for (host, port, expected) in cases {
        let machine = Socks5::new(None, &host, port, DEADLINE).unwrap();
        let (written, outcome) = run(machine, &[b"\x05\x00", REPLY], Then::Silence);
        assert!(matches!(outcome, Outcome::Connected(_)), "{outcome:?}");
        assert_eq!(written, [GREETING, b"\x05\x01\x00", &expected].concat(), "{host}");
    }
}

#[test]
fn what_has_no_place_in_a_message_is_refused() {
    let refused = |credentials: Option<&Credentials>, host: &str| {
        let error = Socks5::new(credentials, &name(host), 443, DEADLINE).err();
        error.inspect(|error| assert!(!check_text(error).is_empty()))
    };
    assert!(matches!(refused(None, &"n".repeat(256)), Some(ProxyError::NameTooLong(256))));
    for illegal in ["", "a\0b", "a b", "b\u{fc}cher", "a:1"] {
        assert!(matches!(refused(None, illegal), Some(ProxyError::Name(_))), "{illegal:?}");
    }
    let long = |user: usize, password: usize| Credentials::new("u".repeat(user), "p".repeat(password));
    for (user, password) in [(1, 0), (1, 1), (255, 255)] {
        assert!(refused(Some(&long(user, password)), "h").is_none(), "{user} {password}");
    }
    for (user, password, what) in [(256, 1, "user name"), (1, 256, "password"), (1, 70_000, "password")] {
        match refused(Some(&long(user, password)), "h") {
            Some(ProxyError::Url(ProxyUrlError::CredentialTooLong { what: seen, len })) => {
                assert_eq!((seen, len), (what, user.max(password)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(refused(Some(&long(0, 1)), "h"), Some(ProxyError::Url(ProxyUrlError::NoUser))));
}

#[test]
fn it_authenticates_only_if_it_can_and_is_asked_to() {
    let cases: [(Make, &[u8], Trace); 3] = [
        (open, b"\x05\x00", &[GREETING, REQUEST]),
        (authenticated, b"\x05\x00", &[GREETING_WITH_CREDENTIALS, REQUEST]),
        (authenticated, b"\x05\x02\x01\x00", &[GREETING_WITH_CREDENTIALS, CREDENTIALS, REQUEST]),
    ];
    for (make, answers, expected) in cases {
        for rest in ["", "\x05\x01", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
            let bytes = [answers, REPLY, rest.as_bytes()].concat();
            for chunks in cuts(&bytes) {
                for then in [Then::Silence, Then::Eof, Then::Deadline] {
                    match run(make(), &chunks, then) {
                        (written, Outcome::Connected(left)) => {
                            assert_eq!((written, &left[..]), (expected.concat(), rest.as_bytes()));
                        }
                        (_, other) => panic!("{other:?} after {chunks:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_bound_address_is_of_any_kind_and_any_length() {
    let mut addresses: Vec<Vec<u8>> =
        vec![b"\x01\xc0\x00\x02\x01".to_vec(), [b"\x04", &[7; 16][..]].concat()];
    addresses.extend((0..=255).map(|n| [&[3, n][..], &vec![b'\x05'; n.into()]].concat()));
    for address in addresses {
        for reserved in [0, 0xff] {
            let reply = [b"\x05\x00", &[reserved][..], &address, b"\x04\x38"].concat();
            let bytes = [b"\x05\x00", &reply[..], b"left"].concat();
            for chunks in cuts(&bytes) {
                match run(open(), &chunks, Then::Silence).1 {
                    Outcome::Connected(left) => assert_eq!(left, b"left"),
                    other => panic!("{other:?} after {reply:?}"),
                }
            }
            for n in 0..reply.len() {
                let outcome = run(open(), &[b"\x05\x00", &reply[..n]], Then::Silence).1;
                assert!(matches!(outcome, Outcome::Waits), "{outcome:?}");
            }
        }
    }
}

#[test]
fn every_reply_is_an_error_of_its_own() {
    let cases = [
        (1, Socks5Reply::GeneralFailure),
        (2, Socks5Reply::NotAllowed),
        (3, Socks5Reply::NetworkUnreachable),
        (4, Socks5Reply::HostUnreachable),
        (5, Socks5Reply::ConnectionRefused),
        (6, Socks5Reply::TtlExpired),
        (7, Socks5Reply::CommandNotSupported),
        (8, Socks5Reply::AddressTypeNotSupported),
        (9, Socks5Reply::Unknown(9)),
        (0xff, Socks5Reply::Unknown(0xff)),
    ];
    for (code, expected) in cases {
        // With and without the rest of the reply.
        for rest in [&b"\x00\x01\0\0\0\0\0\0"[..], b"", b"\x00\x09"] {
            for then in [Then::Silence, Then::Eof] {
                let bytes = [b"\x05\x00\x05", &[code][..], rest].concat();
                let (written, error) = fail(open, &bytes, then);
                assert_eq!(written, [GREETING, REQUEST].concat());
                assert!(matches!(error, ProxyError::Reply(reply) if reply == expected), "{error:?}");
            }
        }
    }
}

#[test]
fn what_a_proxy_must_not_answer_is_told_at_the_byte_that_is_wrong() {
    let wrong = |seen: u8, expected: u8| format!("Version {{ seen: {seen}, expected: {expected} }}");
    let cases: [(Make, &[u8], String); 15] = [
        (open, b"\x04", wrong(4, 5)),
        (open, b"\x00\x5a\0\0\0\0\0\0", wrong(0, 5)),
        (open, b"HTTP/1.1 400 Bad Request\r\n\r\n", wrong(b'H', 5)),
        (open, b"\x05\xff", "NoAcceptableMethod { had_credentials: false }".into()),
        (authenticated, b"\x05\xff", "NoAcceptableMethod { had_credentials: true }".into()),
        (open, b"\x05\x02", "Method(2)".into()),
        (open, b"\x05\x01", "Method(1)".into()),
        (authenticated, b"\x05\x03", "Method(3)".into()),
        (authenticated, b"\x05\x02\x05\x00", wrong(5, 1)),
        (authenticated, b"\x05\x02\x01\x01", "CredentialsRefused(1)".into()),
        (authenticated, b"\x05\x02\x01\xff", "CredentialsRefused(255)".into()),
        (open, b"\x05\x00\x01", wrong(1, 5)),
        (authenticated, b"\x05\x02\x01\x00\x01", wrong(1, 5)),
        (open, b"\x05\x00\x05\x00\x00\x00", "AddressType(0)".into()),
        (open, b"\x05\x00\x05\x00\x00\x02", "AddressType(2)".into()),
    ];
    for (make, bytes, expected) in cases {
        for then in [Then::Silence, Then::Eof, Then::Deadline] {
            let (_, error) = fail(make, bytes, then);
            assert_eq!(format!("{error:?}"), expected, "{bytes:?}");
        }
        // What comes after the wrong byte changes nothing.
        let (_, error) = fail(make, &[bytes, b"\x05\x00\x05\x00"].concat(), Then::Silence);
        assert_eq!(format!("{error:?}"), expected, "{bytes:?}");
    }
}

#[test]
fn before_the_end_of_the_answers_it_waits_for_bytes_the_end_or_the_deadline() {
    let whole = [b"\x05\x02\x01\x00", REPLY].concat();
    for n in 0..whole.len() {
        let cut = &whole[..n];
        let seen = n - [0, 2, 4].into_iter().filter(|&start| start <= n).max().unwrap();
        assert!(matches!(run(authenticated(), &[cut], Then::Silence).1, Outcome::Waits), "{n}");
        let outcome = run(authenticated(), &[cut], Then::Eof).1;
        assert!(
            matches!(outcome, Outcome::Failed(ProxyError::UnexpectedEof(m)) if m == seen),
            "{n}: {outcome:?}"
        );
        let outcome = run(authenticated(), &[cut], Then::Deadline).1;
        let step = match n {
            0..2 => ProxyStep::Method,
            2..4 => ProxyStep::Credentials,
            _ => ProxyStep::Reply,
        };
        assert!(
            matches!(outcome, Outcome::Failed(ProxyError::Timeout { step: late, .. }) if late == step),
            "{n}: {outcome:?}"
        );
    }
}

fn answers() -> impl Strategy<Value = Vec<u8>> {
    let likely = prop_oneof![Just(0), Just(1), Just(2), Just(3), Just(4), Just(5), any::<u8>()];
    let start = prop_oneof![
        Just(&b""[..]),
        Just(&b"\x05\x00"[..]),
        Just(&b"\x05\x02\x01\x00"[..]),
        Just(&b"\x05\x00\x05\x00\x00"[..]),
    ];
    (start, proptest::collection::vec(likely, 0..300)).prop_map(|(start, rest)| [start, &rest].concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_cutting_changes_nothing(
        bytes in answers(),
        has_credentials: bool,
        size in 1..20_usize,
        then in prop_oneof![Just(Then::Silence), Just(Then::Eof), Just(Then::Deadline)],
    ) {
        let make = || if has_credentials { authenticated() } else { open() };
        let (written, outcome) = run(make(), &[&bytes], then);
        if let Outcome::Failed(error) = &outcome {
            check_text(error);
        }
        // The answers have at most 2 + 2 + 262 bytes.
        prop_assert!(bytes.len() < 266 || !matches!(outcome, Outcome::Waits));
        let (same_written, same) = run(make(), &bytes.chunks(size).collect::<Vec<_>>(), then);
        prop_assert_eq!(format!("{outcome:?}"), format!("{same:?}"));
        // A refusal that comes too early saves the rest of the question.
        prop_assert!(same_written.starts_with(&written));
    }
}
