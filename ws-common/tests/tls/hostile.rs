//! Peers that keep the rules of records, and mean no good: what they cost is bounded, and a flood without end is cut off.

use rustls::{ContentType, SupportedProtocolVersion};
use ws_common::{
    rustls,
    tls::{Tls, TlsError, TlsFailure},
};
use ws_core::{Connection, Error, Event, Initiator, Machine, Role, TransportError};

use crate::authority::{Authority, VERSIONS};
use crate::evil::{Evil, ticket};
use crate::support::{at, closed, drain, failure, feed, open, quiet, write_some};

type Seen = Vec<Result<Event, TlsFailure<Error>>>;

fn up(version: &'static SupportedProtocolVersion) -> (Tls<Connection>, Evil) {
    let authority = Authority::new();
    let mut client = authority.connector(version).start("localhost", open(Role::Client, &quiet())).unwrap();
    let evil = Evil::meet(&authority.issue(&["localhost"]), version, &mut client);
    assert!(!client.is_handshaking());
    (client, evil)
}

/// Sends up to `most` records, while the client takes nothing of the transport, until it reports something.
fn flood(client: &mut Tls<Connection>, most: u32, mut next: impl FnMut(u32) -> Vec<u8>) -> Seen {
    for n in 0..most {
        feed(client, &next(n), at(1));
        assert!(client.inbound().is_empty(), "nothing is kept");
        assert!(client.outbound().len() < 1024, "what answers it is bounded");
        let seen = drain(client);
        if !seen.is_empty() {
            return seen;
        }
    }
    Vec::new()
}

/// It was for TLS to end it.
fn assert_cut_off(seen: Seen) {
    assert_eq!(ended_by(&seen), Initiator::Local);
    let error = failure(seen);
    assert!(matches!(error.tls(), Some(TlsError::Protocol(_))), "{error:?}");
}

/// The side that has ended the connection without a Close frame.
fn ended_by(seen: &Seen) -> Initiator {
    assert_eq!(closed(seen), (1006, false));
    match seen.last() {
        Some(Ok(Event::Closed(closed))) => closed.initiator,
        _ => unreachable!("{seen:?}"),
    }
}

fn assert_alive(client: &mut Tls<Connection>, evil: &mut Evil) {
    feed(client, &evil.record(ContentType::ApplicationData, &[0x81, 2, b'h', b'i']), at(2));
    let seen = drain(client);
    assert!(matches!(&seen[..], [Ok(Event::Message(message))] if *message == "hi"), "{seen:?}");
}

#[test]
fn records_of_nothing_without_end_are_cut_off() {
    for version in VERSIONS {
        let (mut client, mut evil) = up(version);
        assert!(flood(&mut client, 10, |_| evil.record(ContentType::ApplicationData, &[])).is_empty());
        assert_alive(&mut client, &mut evil);
        assert_cut_off(flood(&mut client, 1_000, |_| evil.record(ContentType::ApplicationData, &[])));
    }
}

#[test]
fn tickets_without_end_leave_the_connection_as_it_was() {
    let (mut client, mut evil) = up(VERSIONS[1]);
    let seen = flood(&mut client, 5_000, |n| evil.record(ContentType::Handshake, &ticket(n, 1_000)));
    assert!(seen.is_empty(), "{seen:?}");
    assert_alive(&mut client, &mut evil);
}

#[test]
fn a_handshake_message_that_is_too_large_is_cut_off_before_it_is_there() {
    for (len, most) in [(0x00ff_ffff_u32, 8), (0x0002_0000, 8)] {
        let (mut client, mut evil) = up(VERSIONS[1]);
        let seen = flood(&mut client, most, |n| {
            let mut payload = vec![7; 16_000];
            if n == 0 {
                payload[..4].copy_from_slice(&((4 << 24) | len).to_be_bytes());
            }
            evil.record(ContentType::Handshake, &payload)
        });
        assert_cut_off(seen);
    }
}

#[test]
fn a_handshake_message_in_records_of_a_byte_is_one_message_unless_the_records_grow_too_many() {
    for (len, is_message) in [(1_000, true), (60_000, false)] {
        let (mut client, mut evil) = up(VERSIONS[1]);
        let message = ticket(1, len);
        let seen = flood(&mut client, message.len() as u32, |n| {
            evil.record(ContentType::Handshake, &message[n as usize..=n as usize])
        });
        if is_message {
            assert!(seen.is_empty(), "{seen:?}");
            assert_alive(&mut client, &mut evil);
        } else {
            assert_cut_off(seen);
        }
    }
}

#[test]
fn requests_for_another_handshake_are_declined_and_then_cut_off() {
    let (mut client, mut evil) = up(VERSIONS[0]);
    // RFC 5246 §7.4.1.1: HelloRequest
    let seen = flood(&mut client, 100, |_| evil.record(ContentType::Handshake, &[0, 0, 0, 0]));
    assert_cut_off(seen);
}

#[test]
fn warnings_without_end_are_cut_off() {
    for version in VERSIONS {
        let (mut client, mut evil) = up(version);
        // user_canceled, the one that TLS 1.3 has kept.
        let seen = flood(&mut client, 100, |_| evil.record(ContentType::Alert, &[1, 90]));
        assert_cut_off(seen);
    }
}

#[test]
fn new_keys_between_messages_are_answered_once_and_the_answer_does_not_pile_up() {
    let authority = Authority::new();
    let mut client =
        authority.connector(VERSIONS[1]).start("localhost", open(Role::Client, &quiet())).unwrap();
    let mut peer = authority.issue(&["localhost"]).rustls_server();
    while client.is_handshaking() || peer.is_handshaking() {
        let bytes = write_some(&mut client, usize::MAX, at(0));
        peer.read_tls(&mut &bytes[..]).unwrap();
        peer.process_new_packets().unwrap();
        feed(&mut client, &said(&mut peer), at(0));
    }
    for _ in 0..5_000 {
        use std::io::Write as _;
        peer.refresh_traffic_keys().unwrap();
        peer.writer().write_all(&[0x81, 0]).unwrap();
        feed(&mut client, &said(&mut peer), at(1));
        assert!(client.outbound().len() < 1024, "{}", client.outbound().len());
        assert!(matches!(&drain(&mut client)[..], [Ok(Event::Message(_))]));
    }
}

fn said(peer: &mut rustls::ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn pings_in_records_of_their_own_are_answered_in_bounds() {
    let (mut client, mut evil) = up(VERSIONS[1]);
    for _ in 0..5_000 {
        feed(
            &mut client,
            &evil.record(
                ContentType::ApplicationData,
                &[0x89, 125].iter().copied().chain([7; 125]).collect::<Vec<_>>(),
            ),
            at(1),
        );
        while let Some(Ok(_)) = client.poll_event().transpose() {}
        assert!(client.outbound().len() < 64 * 1024 + 17_000, "{}", client.outbound().len());
    }
}

/// A record whose bytes were changed on the way.
fn spoiled(evil: &mut Evil) -> Vec<u8> {
    let mut record = evil.record(ContentType::ApplicationData, &[0x81, 2, b'h', b'i']);
    *record.last_mut().unwrap() ^= 1;
    record
}

#[test]
fn a_record_that_we_refuse_ends_the_connection_by_us() {
    for version in VERSIONS {
        for has_failed_to_write in [false, true] {
            let (mut client, mut evil) = up(version);
            if has_failed_to_write {
                client.handle_error(TransportError::write("broken pipe"), at(1));
            }
            feed(&mut client, &spoiled(&mut evil), at(1));
            let seen = drain(&mut client);
            assert_eq!(ended_by(&seen), Initiator::Local);
            let error = failure(seen);
            assert!(matches!(error.tls(), Some(TlsError::Protocol(_))), "{error:?}");
        }
    }
}

#[test]
fn an_alert_and_an_end_without_close_notify_end_the_connection_by_the_peer() {
    type Act = fn(&mut Tls<Connection>, &mut Evil);
    type Check = fn(&TlsError) -> bool;
    let ends: [(Act, Check); 2] = [
        // internal_error
        (
            |client, evil| feed(client, &evil.record(ContentType::Alert, &[2, 80]), at(1)),
            |error| matches!(error, TlsError::Alert(_)),
        ),
        (|client, _| client.handle_read(0, at(1)), |error| matches!(error, TlsError::Truncated)),
    ];
    for version in VERSIONS {
        for (act, is_expected) in ends {
            let (mut client, mut evil) = up(version);
            act(&mut client, &mut evil);
            let seen = drain(&mut client);
            assert_eq!(ended_by(&seen), Initiator::Remote);
            let error = failure(seen);
            assert!(error.tls().is_some_and(is_expected), "{error:?}");
        }
    }
    for broken in ["reset", "broken pipe"] {
        let (mut client, _) = up(VERSIONS[1]);
        if broken == "broken pipe" {
            client.handle_error(TransportError::write(broken), at(1));
        }
        client.handle_error(TransportError::read(broken), at(1));
        let seen = drain(&mut client);
        assert_eq!(ended_by(&seen), Initiator::Remote);
        assert!(matches!(failure(seen), TlsFailure::Inner(Error::Transport(_))));
    }
}
