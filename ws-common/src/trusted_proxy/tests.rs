use std::net::SocketAddr;

use ws_core::bytes::BytesMut;

use super::forwarded::{last_address, last_for};
use super::{KnownClient, ProxyHeader, TrustedProxyError};

type Outcome = Result<Option<KnownClient>, TrustedProxyError>;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The outcome, and the bytes that are left.
fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Outcome, BytesMut) {
    let (mut header, mut outcome) = (ProxyHeader::default(), Ok(None));
    for part in parts {
        header.buffer.extend_from_slice(part);
        if let Ok(None) = outcome {
            outcome = header.poll();
        }
    }
    (outcome, header.buffer)
}

/// The same wherever the bytes are cut.
fn parsed(bytes: &[u8]) -> Outcome {
    let (outcome, rest) = read([bytes]);
    assert_eq!(read(bytes.chunks(1)), (outcome, rest.clone()), "{}", bytes.escape_ascii());
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        let (cut_outcome, cut_rest) = read([head, tail]);
        assert_eq!(cut_outcome, outcome, "{} cut at {cut}", bytes.escape_ascii());
        if outcome.is_ok() {
            assert_eq!(cut_rest, rest);
        }
    }
    outcome
}

fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = (rest.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, rest].concat()
}

#[test]
fn a_line_of_version_1_tells_the_client() {
    for (line, expected) in [
        ("TCP4 192.0.2.1 192.0.2.2 56324 443", Some("192.0.2.1:56324")),
        ("TCP4 255.255.255.255 255.255.255.255 65535 65535", Some("255.255.255.255:65535")),
        ("TCP6 2001:db8::1 ::1 1 0", Some("[2001:db8::1]:1")),
        ("UNKNOWN", None),
        ("UNKNOWN ffff::1 anything 65535 65535", None),
    ] {
        let bytes = format!("PROXY {line}\r\nGET / HTTP/1.1\r\n\r\n");
        assert_eq!(parsed(bytes.as_bytes()), Ok(Some(expected.map(address))), "{line}");
        assert_eq!(&read([bytes.as_bytes()]).1[..], b"GET / HTTP/1.1\r\n\r\n");
    }
}

#[test]
fn an_illegal_line_is_an_error() {
    for line in [
        "",
        "TCP4",
        "TCP5 192.0.2.1 192.0.2.2 1 2",
        "tcp4 192.0.2.1 192.0.2.2 1 2",
        "TCP4 192.0.2.1 192.0.2.2 1",
        "TCP4 192.0.2.1 192.0.2.2 1 2 3",
        "TCP4 192.0.2.1 192.0.2.2 1 2 ",
        "TCP4  192.0.2.1 192.0.2.2 1 2",
        "TCP4 192.0.2.1 192.0.2.2 01 2",
        "TCP4 192.0.2.1 192.0.2.2 +1 2",
        "TCP4 192.0.2.1 192.0.2.2 65536 2",
        "TCP4 192.0.2.01 192.0.2.2 1 2",
        "TCP4 ::1 ::1 1 2",
        "TCP6 192.0.2.1 192.0.2.2 1 2",
        "UNKNOWN\n",
    ] {
        let bytes = format!("PROXY {line}\r\n");
        let outcome = parsed(bytes.as_bytes());
        assert!(matches!(outcome, Err(TrustedProxyError::InvalidHeader(_))), "{line:?}: {outcome:?}");
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    assert_eq!(longest.len(), 107);
    assert_eq!(parsed(longest.as_bytes()), Ok(Some(None)));
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(108 - 16));
    assert!(matches!(parsed(long.as_bytes()), Err(TrustedProxyError::InvalidHeader(_))));
    assert!(read([&[b"PROXY ", &[b' '; 100][..]].concat()[..]]).0.is_ok());
    assert!(read([&[b"PROXY ", &[b' '; 101][..]].concat()[..]]).0.is_err());
}

#[test]
fn a_header_of_version_2_tells_the_client() {
    let four = [192, 0, 2, 1, 192, 0, 2, 2, 0xDC, 4, 1, 0xBB];
    let mut six = [0; 36];
    (six[0], six[1], six[15], six[33]) = (0x20, 1, 1, 7);
    let extended = [&four[..], &[4, 0, 1, 0]].concat();
    for (command, family, rest, expected) in [
        (0x21, 0x11, &four[..], Some("192.0.2.1:56324")),
        (0x21, 0x11, &extended, Some("192.0.2.1:56324")),
        (0x21, 0x21, &six, Some("[2001::1]:7")),
        (0x20, 0x11, &four, None),
        (0x20, 0x00, &[], None),
        (0x21, 0x00, &[], None),
        (0x21, 0x31, &[0; 216], None),
        (0x21, 0x12, &four, None),
        (0x21, 0x00, &[0; 4096], None),
    ] {
        let bytes = [&binary(command, family, rest)[..], b"\x16\x03\x01"].concat();
        let outcome = if bytes.len() < 400 { parsed(&bytes) } else { read([&bytes[..]]).0 };
        assert_eq!(outcome, Ok(Some(expected.map(address))), "{}", bytes.escape_ascii());
        assert_eq!(&read([&bytes[..]]).1[..], b"\x16\x03\x01");
    }
}

#[test]
fn an_illegal_header_of_version_2_is_an_error() {
    for (command, family, rest) in [
        (0x11, 0x11, &[0; 12][..]),
        (0x31, 0x11, &[0; 12]),
        (0x22, 0x11, &[0; 12]),
        (0x21, 0x11, &[0; 11]),
        (0x21, 0x21, &[0; 35]),
        (0x21, 0x00, &[0; 4097]),
    ] {
        let bytes = binary(command, family, rest);
        let outcome = if bytes.len() < 400 { parsed(&bytes) } else { read([&bytes[..]]).0 };
        assert!(matches!(outcome, Err(TrustedProxyError::InvalidHeader(_))), "{command:x} {family:x}");
    }
}

#[test]
fn a_connection_that_begins_otherwise_is_known_at_its_first_wrong_byte() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", b"PROXX", b"\r\n\r\nG", b"\r\n\r\n\0\r\nQUIX\n"]
    {
        assert_eq!(parsed(bytes), Err(TrustedProxyError::NoHeader), "{}", bytes.escape_ascii());
    }
}

#[test]
fn the_last_element_of_forwarded_counts() {
    for (value, expected) in [
        ("for=192.0.2.43", Some(Some("192.0.2.43:0"))),
        ("For=\"192.0.2.43:47011\"", Some(Some("192.0.2.43:47011"))),
        ("for=\"[2001:db8:cafe::17]:4711\"", Some(Some("[2001:db8:cafe::17]:4711"))),
        ("for=\"[2001:db8:cafe::17]\"", Some(Some("[2001:db8:cafe::17]:0"))),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", Some(Some("192.0.2.60:0"))),
        ("proto=http; host=\"a,b;for=9.9.9.9\" ; for = 192.0.2.60", Some(Some("192.0.2.60:0"))),
        ("for=10.0.0.1, for=192.0.2.43", Some(Some("192.0.2.43:0"))),
        ("for=\"a\\\", for=10.0.0.1\", for=192.0.2.43", Some(Some("192.0.2.43:0"))),
        ("for=\"\\1\\9\\2.0.2.43\"", Some(Some("192.0.2.43:0"))),
        ("for=unknown", Some(None)),
        ("for=_hidden", Some(None)),
        ("for=\"_hidden:1\"", Some(None)),
        ("for=\"192.0.2.43:_port\"", Some(Some("192.0.2.43:0"))),
        ("for=192.0.2.43, proto=http", None),
        ("for=192.0.2.43,", None),
        ("for=\"10.0.0.1, for=192.0.2.43", None),
        ("for=192.0.2.43;for=192.0.2.44", None),
        ("for=2001:db8::1", None),
        ("for=\"2001:db8::1\"", None),
        ("for=example.com", None),
        ("for=\"192.0.2.43:99999\"", None),
        ("for=\"[::1]x\"", None),
        ("for=\"[::1\"", None),
        ("for=", None),
        ("for", None),
        ("", None),
    ] {
        assert_eq!(last_for(value), expected.map(|known| known.map(address)), "{value}");
    }
}

#[test]
fn the_last_address_of_x_forwarded_for_counts() {
    for (value, expected) in [
        ("192.0.2.43", Some(Some("192.0.2.43:0"))),
        ("10.0.0.1, 192.0.2.43", Some(Some("192.0.2.43:0"))),
        ("spoofed\", 192.0.2.43 ", Some(Some("192.0.2.43:0"))),
        ("192.0.2.43:8080", Some(Some("192.0.2.43:8080"))),
        ("2001:db8::1", Some(Some("[2001:db8::1]:0"))),
        ("[2001:db8::1]", Some(Some("[2001:db8::1]:0"))),
        ("[2001:db8::1]:80", Some(Some("[2001:db8::1]:80"))),
        ("unknown", Some(None)),
        ("192.0.2.43,", None),
        ("example.com", None),
        ("", None),
    ] {
        assert_eq!(last_address(value), expected.map(|known| known.map(address)), "{value}");
    }
}
