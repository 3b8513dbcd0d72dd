//! A server behind a trusted proxy.

use ws_common::{AcceptError, AcceptOptions, OpenPhase, ServerUpgrade, TrustedProxy, TrustedProxyError};
use ws_core::{HandshakeError, Machine, Random, Request, RequestError};

use crate::support::{address, at, check_text, feed, quiet, write_some};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb";
const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

fn upgrade(proxy: Option<TrustedProxy>) -> ServerUpgrade {
    let options = AcceptOptions::default().config(quiet()).trusted_proxy(proxy);
    ServerUpgrade::new(&options, Random::from_seed([5; 32]), at(0)).unwrap()
}

/// The request or the error, and the answer.
fn asked<'a>(
    proxy: Option<TrustedProxy>,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<Option<Request>, AcceptError>, String) {
    let (mut upgrade, mut seen) = (upgrade(proxy), Ok(None));
    for part in parts {
        feed(&mut upgrade, part, at(1));
        if let Ok(None) = seen {
            seen = upgrade.poll_event();
        }
    }
    let answer = String::from_utf8(write_some(&mut upgrade, usize::MAX, at(1))).unwrap();
    if let Err(error) = &seen {
        check_text(error);
        assert!(upgrade.outbound().is_finished());
        feed(&mut upgrade, b"anything\r\n\r\n", at(20));
        upgrade.handle_timeout(at(30));
        assert!(matches!(upgrade.poll_event(), Ok(None)), "it fails once");
        assert_eq!(upgrade.poll_timeout(), None);
        upgrade.discard();
        assert!(upgrade.inbound().is_empty());
    }
    (seen, answer)
}

/// The same wherever the bytes are cut.
fn cut(
    proxy: Option<TrustedProxy>,
    bytes: &[u8],
    check: impl Fn(&Result<Option<Request>, AcceptError>),
) -> String {
    let (seen, answer) = asked(proxy, [bytes]);
    check(&seen);
    for at in 1..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        let (seen, cut_answer) = asked(proxy, [head, tail]);
        check(&seen);
        assert_eq!(cut_answer, answer, "cut at {at}");
    }
    let (seen, cut_answer) = asked(proxy, bytes.chunks(1));
    check(&seen);
    assert_eq!(cut_answer, answer);
    answer
}

#[test]
fn a_header_of_the_proxy_protocol_tells_the_client() {
    let request = format!("{HANDSHAKE}\r\n");
    let unknown = b"PROXY UNKNOWN\r\n";
    for (header, client) in
        [(LINE, Some("192.0.2.1:56324")), (BINARY, Some("192.0.2.1:56324")), (unknown, None)]
    {
        cut(Some(TrustedProxy::ProxyProtocol), &[header, request.as_bytes()].concat(), |seen| {
            let request = seen.as_ref().unwrap().as_ref().unwrap();
            assert_eq!(request.client_addr(), client.map(address));
        });
    }
}

#[test]
fn a_connection_without_the_header_is_refused() {
    for (bytes, expected) in [
        (format!("{HANDSHAKE}\r\n"), TrustedProxyError::NoHeader),
        (
            "PROXY TCP4 192.0.2.1\r\n".into(),
            TrustedProxyError::InvalidHeader(
                "its line is not `PROXY TCP4`, `TCP6` or `UNKNOWN` with two addresses and two ports",
            ),
        ),
    ] {
        let answer = cut(Some(TrustedProxy::ProxyProtocol), bytes.as_bytes(), |seen| {
            assert!(matches!(seen, Err(AcceptError::TrustedProxy(error)) if *error == expected), "{seen:?}");
        });
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("`trusted_proxy`"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    }
}

#[test]
fn a_header_that_is_not_expected_is_400_with_the_name_of_the_setting() {
    for header in [LINE, BINARY] {
        for proxy in [None, Some(TrustedProxy::Forwarded)] {
            let bytes = [header, HANDSHAKE.as_bytes(), b"\r\n"].concat();
            let answer = cut(proxy, &bytes, |seen| {
                let is_expected = matches!(
                    seen,
                    Err(AcceptError::Handshake(HandshakeError::Request(RequestError::Malformed(text))))
                        if text.contains("`trusted_proxy`")
                );
                assert!(is_expected, "{seen:?}");
            });
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("`trusted_proxy`"), "{answer}");
        }
    }
}

#[test]
fn a_field_of_the_request_tells_the_client() {
    use TrustedProxy::{Forwarded, XForwardedFor};
    for (proxy, fields, client) in [
        (
            Forwarded,
            "Forwarded: for=10.0.0.1\r\nForwarded: for=10.0.0.2, for=192.0.2.1\r\n",
            Ok(Some("192.0.2.1:0")),
        ),
        (Forwarded, "Forwarded: for=unknown\r\n", Ok(None)),
        (Forwarded, "X-Forwarded-For: 192.0.2.1\r\n", Err(TrustedProxyError::NoField("Forwarded"))),
        (Forwarded, "Forwarded: for=a.example\r\n", Err(TrustedProxyError::InvalidField("Forwarded"))),
        (XForwardedFor, "x-forwarded-for: 10.0.0.1, 192.0.2.1\r\n", Ok(Some("192.0.2.1:0"))),
        (XForwardedFor, "", Err(TrustedProxyError::NoField("X-Forwarded-For"))),
        (XForwardedFor, "X-Forwarded-For: ,\r\n", Err(TrustedProxyError::InvalidField("X-Forwarded-For"))),
    ] {
        let request = format!("{HANDSHAKE}{fields}\r\n");
        let (seen, answer) = asked(Some(proxy), [request.as_bytes()]);
        match (client, seen) {
            (Ok(client), Ok(Some(request))) => assert_eq!(request.client_addr(), client.map(address)),
            (Err(expected), Err(AcceptError::TrustedProxy(error))) => {
                assert_eq!(error, expected);
                assert!(
                    answer.starts_with("HTTP/1.1 400 ") && answer.contains("`trusted_proxy`"),
                    "{answer}"
                );
            }
            (_, seen) => panic!("{seen:?} for {fields}"),
        }
    }
    // Without the setting, a field is the word of a stranger.
    let request = format!("{HANDSHAKE}Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let (seen, _) = asked(None, [request.as_bytes()]);
    assert_eq!(seen.unwrap().unwrap().client_addr(), None);
}

#[test]
fn a_client_that_sends_no_header_is_waited_for_no_longer_than_open_timeout() {
    let mut upgrade = upgrade(Some(TrustedProxy::ProxyProtocol));
    feed(&mut upgrade, b"PROXY ", at(1));
    assert!(upgrade.poll_event().unwrap().is_none());
    assert_eq!(upgrade.poll_timeout(), Some(at(10)));
    upgrade.handle_timeout(at(10));
    assert!(matches!(upgrade.poll_event(), Err(AcceptError::Timeout { phase: OpenPhase::Handshake, .. })));
    let mut upgrade = self::upgrade(Some(TrustedProxy::ProxyProtocol));
    feed(&mut upgrade, b"PROXY ", at(1));
    upgrade.handle_read(0, at(1));
    assert!(matches!(upgrade.poll_event(), Err(AcceptError::Handshake(HandshakeError::UnexpectedEof(_)))));
}
