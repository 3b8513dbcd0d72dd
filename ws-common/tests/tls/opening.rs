//! The opening handshake within TLS, and what comes after.

use ws_common::tls::TlsFailure;
use ws_core::{
    Accept, ClientHandshake, ClientRequest, Event, HandshakeError, Machine, Random, ServerHandshake,
};

use crate::support::{Authority, VERSIONS, at, drain, feed, pair, quiet, write_some};

fn handshake(deadline: u64) -> ClientHandshake {
    let request = ClientRequest::new("localhost", "/").unwrap();
    ClientHandshake::new(&request, quiet(), Random::from_seed([1; 32]), at(deadline))
}

#[test]
fn the_handshakes_become_connections_in_the_same_session_with_what_came_along() {
    for version in VERSIONS {
        for chunk in [1, usize::MAX] {
            let authority = Authority::new();
            let client = authority.connector(version).start("localhost", handshake(10)).unwrap();
            let server = ServerHandshake::new(quiet(), Random::from_seed([2; 32]), at(10));
            let server = authority.issue(&["localhost"]).acceptor().start(server).unwrap();
            let client = client.try_map(|client| client.open(at(0))).expect_err("too early");
            let mut pair = pair(client, server, chunk);
            pair.settle();
            assert_eq!(pair.server_seen.len(), 1, "the request");

            // The first message comes with the response.
            let server = pair.server.try_map(|server| server.accept(&Accept::new(), at(1)));
            let mut server = server.expect("the request was reported");
            server.inner_mut().send("early").unwrap();
            let bytes = write_some(&mut server, usize::MAX, at(1));
            feed(&mut pair.client, &bytes, at(1));
            let response = pair.client.poll_event().unwrap().unwrap();
            assert_eq!(response.status(), 101);
            let client = pair.client.try_map(|client| client.open(at(1)));
            let mut client = client.expect("the response was reported");
            let seen = drain(&mut client);
            assert!(matches!(&seen[..], [Ok(Event::Message(message))] if *message == "early"));
        }
    }
}

#[test]
fn a_peer_that_stalls_in_tls_costs_the_time_to_open() {
    let mut client = Authority::new().connector(VERSIONS[1]).start("localhost", handshake(10)).unwrap();
    write_some(&mut client, usize::MAX, at(0));
    assert_eq!(client.poll_timeout(), Some(at(10)));
    client.handle_timeout(at(10));
    assert!(client.is_handshaking());
    assert!(matches!(client.poll_event(), Err(TlsFailure::Inner(HandshakeError::Timeout))));
}

#[test]
fn nothing_of_the_machine_leaves_before_tls_is_up() {
    let mut client = Authority::new().connector(VERSIONS[1]).start("localhost", handshake(10)).unwrap();
    let hello = write_some(&mut client, usize::MAX, at(0));
    assert_eq!(hello[0], 22);
    assert!(!hello.windows(4).any(|window| window == b"GET "));
    assert!(!client.inner_mut().outbound().is_empty());
    assert!(client.outbound().is_empty());
}
