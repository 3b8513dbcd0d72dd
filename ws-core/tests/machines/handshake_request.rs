//! The client's opening handshake (RFC 6455 §4.1): what it sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ws_core::{ClientHandshake, ClientRequest, Random};

use crate::support::*;

pub(crate) fn request() -> ClientRequest {
    ClientRequest::new("example.com:8080", "/chat?room=1").unwrap()
}

pub(crate) fn handshake(request: &ClientRequest) -> ClientHandshake {
    ClientHandshake::new(request, quiet(), Random::from_seed([3; 32]), at(10))
}

pub(crate) fn sent(handshake: &mut ClientHandshake) -> String {
    String::from_utf8(write(handshake, at(0))).unwrap()
}

pub(crate) fn field<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn the_request_is_that_of_rfc_6455_with_the_users_fields_after_it() {
    let request = request()
        .header("Cookie", "a=1")
        .and_then(|request| request.origin("https://example.com"))
        .and_then(|request| request.header("cookie", "b=2; é"))
        .and_then(|request| request.subprotocol("v2.chat"))
        .and_then(|request| request.subprotocol("v1.chat"))
        .unwrap();
    let head = sent(&mut handshake(&request));
    let key = field(&head, "Sec-WebSocket-Key")[0];
    assert_eq!(BASE64.decode(key).unwrap().len(), 16);
    let expected = format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v2.chat, v1.chat\r\n\
         Cookie: a=1\r\nOrigin: https://example.com\r\ncookie: b=2; é\r\n\r\n"
    );
    assert_eq!(head, expected);
}

#[test]
fn a_host_that_is_set_replaces_the_one_of_the_target() {
    let head = sent(&mut handshake(&request().header("Host", "other.example").unwrap()));
    assert_eq!(field(&head, "Host"), ["other.example"]);
}

#[test]
fn a_redirected_request_keeps_what_it_is_told_to() {
    let request =
        request().header("Cookie", "a=1").unwrap().header("X", "y").unwrap().subprotocol("v1").unwrap();
    let moved = request.redirected("other", "/there", |name| name != "Cookie").unwrap();
    let head = sent(&mut handshake(&moved));
    assert!(head.starts_with("GET /there HTTP/1.1\r\nHost: other\r\n"));
    assert_eq!(
        ["Cookie", "X", "Sec-WebSocket-Protocol"].map(|name| field(&head, name)),
        [vec![], vec!["y"], vec!["v1"]]
    );
    assert!(request.redirected("a b", "/", |_| true).is_err());
    let without = |name: &str| name != "Sec-WebSocket-Protocol";
    let head = sent(&mut handshake(&request.redirected("other", "/", without).unwrap()));
    assert!(field(&head, "Sec-WebSocket-Protocol").is_empty(), "{head}");
    assert_eq!(field(&head, "Cookie"), ["a=1"]);
    // Without an offer, no response could meet the requirement.
    let nothing_offered = self::request().require_subprotocol(true);
    assert_eq!(
        nothing_offered.check().unwrap_err().to_string(),
        "\"Sec-WebSocket-Protocol\" cannot be set: a subprotocol is required, but none is offered"
    );
    assert!(self::request().check().is_ok());
    let strict = request.require_subprotocol(true);
    assert!(strict.check().is_ok());
    assert!(strict.redirected("other", "/", |_| true).is_ok());
    assert_eq!(strict.redirected("other", "/", without).unwrap_err().name, "Sec-WebSocket-Protocol");
}

#[test]
fn the_key_is_fresh_and_no_part_of_the_seed() {
    let key = |seed: u8| {
        let random = Random::from_seed([seed; 32]);
        let head = sent(&mut ClientHandshake::new(&request(), quiet(), random, at(10)));
        BASE64.decode(field(&head, "Sec-WebSocket-Key")[0]).unwrap()
    };
    assert_ne!(key(1), key(2));
    assert!(!key(1).windows(4).any(|bytes| bytes == [1; 4]));
}

#[test]
fn what_cannot_stand_in_the_request_is_refused_when_it_is_set() {
    for (name, value) in [
        ("X\r\nInjected", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("", "x"),
        ("Xé", "x"),
        ("X", "a\r\nInjected: b"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\0b"),
        ("X", "a\x7fb"),
        ("X", " a"),
        ("X", "a\t"),
        ("Upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("Connection", "close"),
        ("CONNECTION", "close"),
        ("Sec-WebSocket-Key", "x"),
        ("Sec-WebSocket-Version", "8"),
        ("sec-websocket-protocol", "x"),
        ("Sec-WebSocket-Extensions", "x"),
        ("Sec-WebSocket-Accept", "x"),
        ("Sec-WebSocket-Anything", "x"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
    ] {
        let refused = request().header(name, value).unwrap_err();
        // A name that is not a token is shown up to the first character that does not belong there: a value may follow.
        let shown = name.split(['\r', ' ', ':', 'é']).next().unwrap();
        assert_eq!(refused.name, shown, "{name:?}: {value:?}");
    }
    for name in ["Host", "Origin", "origin", "Authorization", "authorization"] {
        let once = request().header(&name.to_uppercase(), "a").unwrap();
        assert!(once.header(name, "b").is_err(), "a second {name}");
    }
    for subprotocol in ["", "a b", "a,b", "a\r\nb", "é"] {
        assert!(request().subprotocol(subprotocol).is_err(), "{subprotocol:?}");
    }
    assert!(request().subprotocol("a").unwrap().subprotocol("a").is_err(), "offered twice");
    for host in ["", "a b", "a/b", "a?b", "a#b", "user@host", "a\r\nb", "é", "a\\b"] {
        assert!(ClientRequest::new(host, "/").is_err(), "host {host:?}");
    }
    for target in ["", "x", "/a b", "/#f", "/\r\n", "/é", "/\0", "http://example.com/"] {
        assert!(ClientRequest::new("a", target).is_err(), "target {target:?}");
    }
}
