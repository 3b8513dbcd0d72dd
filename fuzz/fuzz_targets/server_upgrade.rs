//! A server that opens a connection, with TLS or without, behind a trusted proxy or not: the same result wherever the bytes are cut, a small
//! answer, and an end within the time to open, for clients that are accepted, refused or turned away.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ws_common::{AcceptError, AcceptOptions, ServerUpgrade, TrustedProxy, tls::TlsError};
use ws_core::{Accept, Machine, Random, Reject};
use ws_fuzz::{Seen, at, cut, drain, feed, tls::IDENTITY, write};

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
/// A header of the PROXY protocol.
const PROXIED: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
/// The greatest length of an answer: a head of the handshake, or a refusal.
const MAX_ANSWER: usize = 1024;
/// The greatest length of the handshake of TLS on the server's side, with one certificate.
const MAX_TLS: usize = 4096;

/// The first message of a client that speaks TLS.
static CLIENT_HELLO: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let name = "localhost".try_into().expect("a name");
    let mut client =
        ws_common::rustls::ClientConnection::new(IDENTITY.client.clone(), name).expect("a configuration");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("it is written to memory");
    hello
});

#[derive(Clone, Copy)]
struct Case {
    has_tls: bool,
    decision: u8,
    trusted_proxy: Option<TrustedProxy>,
}

/// The request or the error, the answer, and the events of the connection.
fn run(case: Case, bytes: &[u8], lengths: &[u8]) -> (String, Vec<u8>, Seen) {
    let mut options = AcceptOptions::default().trusted_proxy(case.trusted_proxy);
    if case.has_tls {
        options = options.tls(IDENTITY.acceptor.clone());
    }
    let mut upgrade = ServerUpgrade::new(&options, Random::from_seed([1; 32]), at(0)).expect("settings");
    let mut parts = cut(bytes, lengths);
    let mut answer = Vec::new();
    let told = loop {
        match upgrade.poll_event() {
            Ok(None) => {}
            Ok(Some(request)) => break Ok(format!("{:?} {}", request.client_addr(), request.reveal())),
            Err(error) => break Err(describe(&error)),
        }
        answer.extend(write(&mut upgrade, usize::MAX, at(1)));
        assert_eq!(upgrade.poll_timeout(), Some(at(10)));
        match parts.next() {
            Some(part) => feed(&mut upgrade, part, at(1)),
            None => upgrade.handle_timeout(at(10)),
        }
    };
    assert!(upgrade.poll_event().expect("told twice").is_none());
    let text = match told {
        Err(error) => error,
        Ok(request) if case.decision % 3 == 0 => {
            let connection = upgrade.accept(&Accept::new(), at(1)).expect("the request was reported");
            let mut connection = connection.into_inner();
            answer.extend(write(&mut connection, usize::MAX, at(1)));
            let mut seen = drain(&mut connection);
            for part in parts {
                feed(&mut connection, part, at(1));
                seen.extend(drain(&mut connection));
            }
            write(&mut connection, usize::MAX, at(2));
            connection.handle_read(0, at(2));
            seen.extend(drain(&mut connection));
            assert!(connection.closed().is_some());
            return (request, answer, seen);
        }
        Ok(request) if case.decision % 3 == 1 => {
            let reject = Reject::new(401).and_then(|reject| reject.header("WWW-Authenticate", "Basic"));
            upgrade.reject(&reject.expect("a refusal").body("no\n"));
            request
        }
        Ok(request) => {
            let decided = upgrade.decide(Ok(Accept::new()), Duration::ZERO, Duration::MAX, true);
            assert!(matches!(decided, Err(AcceptError::Shutdown)));
            request
        }
    };
    // A client that is refused has all its further bytes dropped.
    answer.extend(write(&mut upgrade, usize::MAX, at(1)));
    for part in parts {
        feed(&mut upgrade, part, at(1));
        upgrade.discard();
        assert!(upgrade.poll_event().expect("it was refused").is_none());
    }
    assert!(write(&mut upgrade, usize::MAX, at(2)).is_empty(), "one answer");
    let refused = upgrade.accept(&Accept::new(), at(2));
    assert!(refused.is_err(), "it was refused");
    (text, answer, Seen::new())
}

fn describe(error: &AcceptError) -> String {
    assert!(error.to_string().len() < 1000);
    match error {
        // The error has the bytes that have come.
        AcceptError::Tls(TlsError::NotTls(_)) => String::from("not TLS"),
        error => format!("{error:?}"),
    }
}

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (kind, lengths, bytes) = input;
    let trusted_proxy = match kind >> 6 {
        0 => None,
        1 => Some(TrustedProxy::ProxyProtocol),
        2 => Some(TrustedProxy::Forwarded),
        _ => Some(TrustedProxy::XForwardedFor),
    };
    let case = Case { has_tls: kind & 1 == 1, decision: kind >> 2 & 15, trusted_proxy };
    let begins_right = kind & 2 == 2;
    let begin: &[u8] = match (begins_right, case.has_tls) {
        (false, _) => b"",
        (true, false) => HEAD,
        (true, true) => &CLIENT_HELLO,
    };
    let proxied = begins_right && trusted_proxy == Some(TrustedProxy::ProxyProtocol);
    let bytes = [if proxied { PROXIED } else { b"" }, begin, bytes].concat();
    let (told, answer, seen) = run(case, &bytes, &[]);
    assert!(answer.len() <= if case.has_tls { MAX_TLS } else { MAX_ANSWER }, "{} bytes", answer.len());
    for lengths in [&lengths[..], &[1]] {
        let cut = run(case, &bytes, lengths);
        assert_eq!((&cut.0, &cut.2), (&told, &seen));
        // Keys of TLS are random.
        assert!(case.has_tls || cut.1 == answer);
    }
});
