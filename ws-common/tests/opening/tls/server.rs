//! The server's side: what it waits for, and how that fails.

use ws_common::{AcceptError, AcceptOptions, OpenPhase, ServerUpgrade, tls::TlsError};
use ws_core::{Accept, HandshakeError, Machine, Random, Reject, TransportError};

use super::ways::{DIRECT, Place};
use crate::far::Far;
use crate::support::{DEADLINE, WHOLE, at, check_text, feed, opening, quiet, write_some};

fn accepting(options: AcceptOptions) -> ServerUpgrade {
    ServerUpgrade::new(&options.config(quiet()), Random::from_seed([5; 32]), at(0)).unwrap()
}

/// A client and a server with TLS, not met yet.
fn pair(place: &Place) -> (ws_common::ClientUpgrade, ServerUpgrade) {
    let server = accepting(AcceptOptions::default().tls(place.acceptor.clone()));
    (opening(&place.options(DIRECT)), server)
}

/// What a client says until it is answered by a 101, each time as much as it can.
fn spoken(place: &Place) -> Vec<usize> {
    let (mut client, mut server) = pair(place);
    let mut lengths = Vec::new();
    loop {
        let bytes = write_some(&mut client, usize::MAX, at(1));
        lengths.push(bytes.len());
        feed(&mut server, &bytes, at(1));
        if server.poll_event().unwrap().is_some() {
            return lengths;
        }
        let bytes = write_some(&mut server, usize::MAX, at(1));
        feed(&mut client, &bytes, at(1));
        assert!(client.poll_event().unwrap().is_none());
    }
}

/// Lets a client say so many bytes and no more.
fn said(place: &Place, n: usize) -> ServerUpgrade {
    let (mut client, mut server) = pair(place);
    let mut left = n;
    while left > 0 {
        let bytes = write_some(&mut client, left, at(1));
        assert!(!bytes.is_empty());
        left -= bytes.len();
        feed(&mut server, &bytes, at(1));
        assert!(server.poll_event().unwrap().is_none());
        let bytes = write_some(&mut server, usize::MAX, at(1));
        feed(&mut client, &bytes, at(1));
        assert!(client.poll_event().unwrap().is_none());
    }
    server
}

#[test]
fn a_client_that_stalls_or_leaves_is_said_in_its_phase() {
    let place = Place::new();
    let lengths = spoken(&place);
    let total: usize = lengths.iter().sum();
    let mut seen = Vec::new();
    for n in (0..total - 4).step_by(29) {
        let mut server = said(&place, n);
        assert_eq!(server.poll_timeout(), Some(DEADLINE));
        server.handle_timeout(at(9));
        assert!(server.poll_event().unwrap().is_none());
        server.handle_timeout(DEADLINE);
        let error = server.poll_event().unwrap_err();
        check_text(&error);
        seen.push(matches!(error, AcceptError::Timeout { phase: OpenPhase::Tls, .. }));
        assert!(
            seen[seen.len() - 1] || matches!(error, AcceptError::Timeout { phase: OpenPhase::Handshake, .. })
        );
        write_some(&mut server, usize::MAX, DEADLINE);
        assert!(server.outbound().is_finished());
        over(&mut server);

        let mut server = said(&place, n);
        server.handle_read(0, at(2));
        let error = server.poll_event().unwrap_err();
        check_text(&error);
        match error {
            AcceptError::Tls(TlsError::UnexpectedEof) => {}
            AcceptError::Handshake(HandshakeError::Transport(broken)) => {
                assert!(matches!(TlsError::find(&broken), Some(TlsError::Truncated)), "{broken:?}");
            }
            other => panic!("{other:?}"),
        }
        over(&mut server);
    }
    seen.dedup();
    assert_eq!(seen, [true, false], "first TLS, then the request");
}

fn over(server: &mut ServerUpgrade) {
    feed(server, b"anything\r\n\r\n", at(20));
    server.handle_error(TransportError::write("late"), at(20));
    server.handle_write(100, at(20));
    server.handle_timeout(at(30));
    server.handle_read(0, at(30));
    assert!(matches!(server.poll_event(), Ok(None)), "it fails once");
    assert_eq!(server.poll_timeout(), None);
    assert!(server.inbound().is_empty());
}

#[test]
fn a_connection_is_there_after_the_request_and_not_before() {
    let place = Place::new();
    let (_, server) = pair(&place);
    assert!(matches!(server.accept(&Accept::new(), at(1)), Err(AcceptError::Timeout { .. })));
}

#[test]
fn a_refusal_leaves_with_a_close_notify() {
    let place = Place::new();
    let (mut client, mut server) = pair(&place);
    loop {
        let bytes = write_some(&mut client, 100, at(1));
        feed(&mut server, &bytes, at(1));
        if server.poll_event().unwrap().is_some() {
            break;
        }
        let bytes = write_some(&mut server, 100, at(1));
        feed(&mut client, &bytes, at(1));
        assert!(client.poll_event().unwrap().is_none());
    }
    server.reject(&Reject::new(503).unwrap());
    loop {
        let bytes = write_some(&mut server, 7, at(1));
        if bytes.is_empty() {
            break;
        }
        feed(&mut client, &bytes, at(1));
    }
    assert!(server.outbound().is_finished());
    let error = client.poll_event().unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn a_server_without_tls_and_one_with_it_see_the_same_request() {
    let place = Place::new();
    let mut requests = Vec::new();
    for (mut far, url) in
        [(place.far(DIRECT), "wss://server.test/feed"), (Far::plain(), "ws://server.test/feed")]
    {
        let options = crate::support::options(url).tls(place.authority.options().build().unwrap());
        crate::support::opened(&options, &mut far, WHOLE);
        requests.push(far.server.request.unwrap());
    }
    assert_eq!(requests[0], requests[1]);
}
