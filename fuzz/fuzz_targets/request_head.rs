//! A server's handshake gives the same answer wherever the request is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_core::{Accept, Config, Machine, Random, ServerHandshake};
use ws_fuzz::{at, cut, feed, write};

/// The request or the error, the answer on the wire, and what was left for the connection.
fn run<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (String, Vec<u8>, Vec<u8>) {
    let mut handshake = ServerHandshake::new(Config::default(), Random::from_seed([1; 32]), at(10));
    let mut told = None;
    for part in parts {
        feed(&mut handshake, part, at(1));
        match handshake.poll_event() {
            Ok(None) => {}
            Ok(Some(request)) => assert!(told.replace(request.reveal().to_string()).is_none(), "told twice"),
            error => assert!(told.replace(format!("{error:?}")).is_none(), "told twice"),
        }
    }
    if told.is_none() {
        handshake.handle_read(0, at(1));
        told = Some(format!("{:?}", handshake.poll_event()));
    }
    match handshake.accept(&Accept::new(), at(2)) {
        Ok(mut connection) => {
            let answer = write(&mut connection, usize::MAX, at(2));
            (told.unwrap_or_default(), answer, connection.inbound().to_vec())
        }
        Err(mut refused) => {
            assert!(refused.outbound().is_finished());
            (told.unwrap_or_default(), write(&mut refused, usize::MAX, at(2)), vec![])
        }
    }
}

/// So that the fuzzer need not find every field by itself.
const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

fuzz_target!(|input: (bool, Vec<u8>, &[u8])| {
    let (begins_right, lengths, bytes) = input;
    let bytes = if begins_right { [HEAD.as_bytes(), bytes].concat() } else { bytes.to_vec() };
    let whole = run(cut(&bytes, &[]));
    assert_eq!(run(cut(&bytes, &lengths)), whole);
});
