//! A client's handshake, with the body of a refusal, gives the same answer wherever the response is cut.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ws_core::{
    Accept, ClientHandshake, ClientRequest, Config, HandshakeError, Machine, Random, ResponseError,
    ServerHandshake,
};
use ws_fuzz::{at, cut, feed, write};

fn handshake() -> ClientHandshake {
    let request = ClientRequest::new("a", "/").and_then(|request| request.subprotocol("v1")).unwrap();
    ClientHandshake::new(&request, Config::default(), Random::from_seed([1; 32]), at(10))
}

/// The response or the error, the body of a refusal, and what was left for the connection.
fn run<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (String, Vec<u8>, Vec<u8>) {
    let mut handshake = handshake();
    let mut told = None;
    for part in parts {
        feed(&mut handshake, part, at(1));
        match handshake.poll_event() {
            Ok(None) => {}
            answer => assert!(told.replace(answer).is_none(), "told twice"),
        }
    }
    if told.is_none() {
        handshake.handle_read(0, at(1));
        told = Some(handshake.poll_event());
    }
    let (told, body) = match told {
        // What shows of another protocol depends on how much of it has come.
        Some(Err(HandshakeError::Response(ResponseError::NotHttp(_)))) => (String::from("not HTTP"), vec![]),
        Some(Err(HandshakeError::Rejected(rejected))) => {
            (rejected.response.reveal().to_string(), rejected.body.to_vec())
        }
        Some(Ok(Some(response))) => (response.reveal().to_string(), vec![]),
        told => (format!("{told:?}"), vec![]),
    };
    assert!(body.len() <= 16 * 1024);
    match handshake.open(at(2)) {
        Ok(mut connection) => (told, body, connection.inbound().to_vec()),
        Err(_) => (told, body, vec![]),
    }
}

/// The right answer to the request above, without its last empty line: a server knows it.
static RIGHT: LazyLock<String> = LazyLock::new(|| {
    let mut server = ServerHandshake::new(Config::default(), Random::from_seed([2; 32]), at(10));
    feed(&mut server, &write(&mut handshake(), usize::MAX, at(0)), at(0));
    assert!(server.poll_event().unwrap().is_some());
    let mut connection = server.accept(&Accept::new(), at(0)).unwrap();
    let head = String::from_utf8(write(&mut connection, usize::MAX, at(0))).unwrap();
    head[..head.len() - 2].to_owned()
});

/// So that the fuzzer need not find everything by itself.
fn head(kind: u8) -> &'static str {
    match kind % 4 {
        0 => "",
        1 => "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n",
        2 => "HTTP/1.1 500 x\r\nContent-Length: 20\r\n",
        _ => &RIGHT,
    }
}

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (kind, lengths, bytes) = input;
    let bytes = [head(kind).as_bytes(), bytes].concat();
    let whole = run(cut(&bytes, &[]));
    assert_eq!(run(cut(&bytes, &lengths)), whole);
});
