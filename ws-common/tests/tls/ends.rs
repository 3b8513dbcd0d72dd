//! How a stream may end.

use ws_common::tls::{TlsError, TlsFailure};
use ws_core::{CloseCode, Error, Event, Machine, TransportError};

use crate::support::{TlsPair, VERSIONS, at, closed, drain, failure, feed, quiet, secured, write_some};

fn up(version: usize) -> TlsPair {
    let mut pair = secured(VERSIONS[version], &quiet(), usize::MAX);
    pair.settle();
    pair
}

#[test]
fn a_stream_cut_before_tls_is_up_says_so_at_whatever_byte() {
    for version in VERSIONS {
        for cut in (0..10_000).step_by(17) {
            let mut pair = secured(version, &quiet(), 17);
            let mut moved = 0;
            while moved < cut && pair.server.is_handshaking() && pair.client.is_handshaking() {
                pair.turn();
                moved += 17;
            }
            if !pair.client.is_handshaking() || !pair.server.is_handshaking() {
                break;
            }
            for end in [&mut pair.client, &mut pair.server] {
                end.handle_read(0, at(1));
                let error = failure(drain(end));
                assert!(matches!(error, TlsFailure::Tls(TlsError::UnexpectedEof)), "{error:?}");
                assert!(error.tls().unwrap().is_passing());
                end.outbound().clear();
                assert!(end.outbound().is_finished());
            }
        }
    }
}

#[test]
fn an_end_without_close_notify_is_a_truncation_while_the_websocket_is_open() {
    for version in 0..2 {
        for partial in [0, 10] {
            let mut pair = up(version);
            pair.server.inner_mut().send("cut off").unwrap();
            let bytes = write_some(&mut pair.server, partial.max(1), at(1));
            feed(&mut pair.client, &bytes[..partial], at(1));
            pair.client.handle_read(0, at(1));
            let seen = drain(&mut pair.client);
            assert_eq!(closed(&seen), (1006, false));
            let error = failure(seen);
            assert!(matches!(error.tls(), Some(TlsError::Truncated)), "{error:?}");
            assert!(matches!(error, TlsFailure::Inner(Error::Transport(_))));
        }
    }
}

#[test]
fn a_close_notify_without_a_close_frame_is_the_end_of_the_stream() {
    for version in 0..2 {
        let mut pair = up(version);
        pair.server.inner_mut().abort();
        pair.settle();
        assert_eq!(closed(&pair.client_seen), (1006, false));
        assert!(matches!(failure(pair.client_seen), TlsFailure::Inner(Error::UnexpectedEof)));
    }
}

#[test]
fn a_truncation_is_ordinary_once_both_closes_are_done() {
    for version in 0..2 {
        let mut pair = up(version);
        pair.client.inner_mut().close(CloseCode::NORMAL, at(1));
        let close = write_some(&mut pair.client, usize::MAX, at(1));
        feed(&mut pair.server, &close, at(1));
        pair.server_seen.extend(drain(&mut pair.server));
        let mut answer = write_some(&mut pair.server, usize::MAX, at(1));
        // Without the close_notify behind it.
        let notify = answer.len() - [31, 24][version];
        answer.truncate(notify);
        feed(&mut pair.client, &answer, at(1));
        pair.client.handle_read(0, at(1));
        assert_eq!(closed(&drain(&mut pair.client)), (1000, true));
    }
}

#[test]
fn a_truncation_while_the_answer_to_our_close_is_missing_is_one() {
    let mut pair = up(1);
    pair.client.inner_mut().close(CloseCode::NORMAL, at(1));
    write_some(&mut pair.client, usize::MAX, at(1));
    pair.client.handle_read(0, at(1));
    let seen = drain(&mut pair.client);
    assert_eq!(closed(&seen), (1006, false));
    assert!(matches!(failure(seen).tls(), Some(TlsError::Truncated)));
}

#[test]
fn after_a_broken_pipe_the_close_of_the_peer_is_still_read() {
    let mut pair = up(1);
    pair.server.inner_mut().close(CloseCode::POLICY, at(1));
    let close = write_some(&mut pair.server, usize::MAX, at(1));
    pair.client.inner_mut().send("too late").unwrap();
    assert!(!pair.client.outbound().is_empty());
    pair.client.handle_error(TransportError::write("broken pipe"), at(1));
    assert!(pair.client.outbound().is_empty());
    feed(&mut pair.client, &close, at(2));
    pair.client.handle_read(0, at(2));
    let seen = drain(&mut pair.client);
    assert_eq!(closed(&seen).0, 1008, "{seen:?}");
}

#[test]
fn a_broken_transport_before_tls_is_up_is_explained_by_what_the_peer_said_last() {
    let mut pair = secured(VERSIONS[1], &quiet(), usize::MAX);
    pair.client.handle_error(TransportError::write("broken pipe"), at(1));
    assert!(drain(&mut pair.client).is_empty());
    // handshake_failure
    feed(&mut pair.client, &[21, 3, 3, 0, 2, 2, 40], at(1));
    let error = failure(drain(&mut pair.client));
    assert!(matches!(error, TlsFailure::Tls(TlsError::Alert(_))), "{error:?}");

    pair.server.handle_error(TransportError::read("reset"), at(1));
    let error = failure(drain(&mut pair.server));
    assert!(matches!(&error, TlsFailure::Tls(TlsError::Transport(_))), "{error:?}");
    assert!(error.tls().unwrap().is_passing());
}

#[test]
fn what_follows_a_close_notify_is_ignored() {
    let mut pair = up(1);
    pair.server.inner_mut().abort();
    let mut bytes = write_some(&mut pair.server, usize::MAX, at(1));
    bytes.extend_from_slice(b"anything");
    feed(&mut pair.client, &bytes, at(1));
    feed(&mut pair.client, b"at all", at(1));
    pair.client.handle_read(0, at(1));
    assert!(matches!(failure(drain(&mut pair.client)), TlsFailure::Inner(Error::UnexpectedEof)));
}

#[test]
fn what_comes_after_our_own_close_notify_is_nobodys_matter() {
    for version in 0..2 {
        let mut pair = up(version);
        pair.server.inner_mut().abort();
        assert!(!write_some(&mut pair.server, usize::MAX, at(1)).is_empty());
        // A record that is none, to which an alert would be the answer, were it not too late for one.
        feed(
            &mut pair.server,
            &[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            at(1),
        );
        feed(&mut pair.server, b"and nothing of the kind", at(1));
        assert!(pair.server.inbound().is_empty() && pair.server.outbound().is_empty());
        pair.server.handle_read(0, at(2));
        assert_eq!(closed(&drain(&mut pair.server)), (1006, false));
    }
}

#[test]
fn after_a_broken_pipe_nothing_is_missing_before_the_close_of_the_peer() {
    let mut pair = up(1);
    pair.client.handle_error(TransportError::write("broken pipe"), at(1));
    pair.server.inner_mut().send(vec![7; 200_000]).unwrap();
    pair.server.inner_mut().close(CloseCode::POLICY, at(1));
    loop {
        let bytes = write_some(&mut pair.server, 5_000, at(1));
        if bytes.is_empty() {
            break;
        }
        feed(&mut pair.client, &bytes, at(1));
    }
    pair.client.handle_read(0, at(2));
    let seen = drain(&mut pair.client);
    assert!(matches!(&seen[0], Ok(Event::Message(message)) if message.len() == 200_000), "{seen:?}");
    assert_eq!(closed(&seen).0, 1008, "{seen:?}");
}
