//! Messages through TLS, whatever the cut.

use ws_common::tls::Tls;
use ws_core::{CloseCode, Connection, Event, Machine, Message, Role};

use crate::support::{
    Authority, VERSIONS, closed, drain, feed, open, pair, quiet, secured, take_messages, write_some,
};

const SIZES: [usize; 8] = [0, 1, 125, 126, 16_000, 16_384, 70_000, 300_000];

fn payload(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn messages_arrive_whole_and_in_order_in_both_directions_whatever_the_chunks() {
    for version in VERSIONS {
        for chunk in [1, 7, 100, 16_384, 65_536, usize::MAX] {
            let mut pair = secured(version, &quiet(), chunk);
            let sizes = if chunk < 100 { &SIZES[..4] } else { &SIZES[..] };
            let messages: Vec<Message> = sizes.iter().map(|n| payload(*n).into()).collect();
            for message in &messages {
                pair.client.inner_mut().send(message.clone()).unwrap();
                pair.server.inner_mut().send(message.clone()).unwrap();
            }
            pair.settle();
            assert_eq!(
                take_messages(&mut pair),
                [messages.clone(), messages],
                "{version:?}, chunks of {chunk}"
            );
        }
    }
}

#[test]
fn the_closing_handshake_ends_clean_on_both_sides_with_a_close_notify() {
    for version in VERSIONS {
        for chunk in [1, usize::MAX] {
            for server_begins in [false, true] {
                let mut pair = secured(version, &quiet(), chunk);
                pair.settle();
                let end = if server_begins { &mut pair.server } else { &mut pair.client };
                end.inner_mut().close(CloseCode::NORMAL, pair.now);
                pair.settle();
                assert_eq!(closed(&pair.client_seen), (1000, true));
                assert_eq!(closed(&pair.server_seen), (1000, true));
                assert!(pair.client.outbound().is_finished() && pair.server.outbound().is_finished());
            }
        }
    }
}

/// A client and a server with TLS up, and what the server has encrypted of two messages.
fn two_records(version: usize) -> (Tls<Connection>, Vec<u8>) {
    let mut pair = secured(VERSIONS[version], &quiet(), usize::MAX);
    pair.settle();
    pair.server.inner_mut().send("first").unwrap();
    let mut bytes = write_some(&mut pair.server, usize::MAX, pair.now);
    pair.server.inner_mut().send("second").unwrap();
    bytes.extend(write_some(&mut pair.server, usize::MAX, pair.now));
    (pair.client, bytes)
}

#[test]
fn a_record_cut_at_any_byte_is_one_record() {
    for version in 0..2 {
        let (_, bytes) = two_records(version);
        for cut in 1..bytes.len() {
            let (mut client, bytes) = two_records(version);
            feed(&mut client, &bytes[..cut], crate::support::at(1));
            let mut seen = drain(&mut client);
            feed(&mut client, &bytes[cut..], crate::support::at(1));
            seen.extend(drain(&mut client));
            let texts: Vec<_> = seen
                .into_iter()
                .map(|event| match event.unwrap() {
                    Event::Message(message) => message.as_text().unwrap().to_owned(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(texts, ["first", "second"], "cut at {cut}");
        }
    }
}

#[test]
fn messages_are_borrowed_through_tls() {
    let mut pair = secured(VERSIONS[1], &quiet(), usize::MAX);
    pair.settle();
    for text in ["a", "b"] {
        pair.server.inner_mut().send(text).unwrap();
    }
    let bytes = write_some(&mut pair.server, usize::MAX, pair.now);
    feed(&mut pair.client, &bytes, pair.now);
    let end = pair.client.inner_mut().for_each_borrowed(|message, reply| {
        reply.send(message).unwrap();
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(end.unwrap(), ws_core::ForEachEnd::Drained);
    pair.settle();
    assert_eq!(take_messages(&mut pair)[1], [Message::from("a"), "b".into()]);
}

#[test]
fn small_messages_share_a_record() {
    let mut pair = secured(VERSIONS[1], &quiet(), usize::MAX);
    pair.settle();
    (0..100).for_each(|_| pair.server.inner_mut().send("0123456789").unwrap());
    // 2 bytes of header each, and 22 of TLS in all.
    assert_eq!(write_some(&mut pair.server, usize::MAX, pair.now).len(), 100 * 12 + 22);
}

#[test]
fn a_corrupt_record_ends_the_connection_and_its_alert_leaves() {
    for version in 0..2 {
        let (mut client, mut bytes) = two_records(version);
        *bytes.last_mut().unwrap() ^= 1;
        feed(&mut client, &bytes, crate::support::at(1));
        let seen = drain(&mut client);
        assert!(matches!(&seen[0], Ok(Event::Message(message)) if message.as_text() == Some("first")));
        assert!(matches!(seen[1].as_ref().unwrap_err().tls(), Some(ws_common::tls::TlsError::Protocol(_))));
        assert_eq!(closed(&seen), (1006, false));
        assert!(!write_some(&mut client, usize::MAX, crate::support::at(1)).is_empty(), "the alert");
        assert!(client.outbound().is_finished());
    }
}

/// As to a target with TLS behind a proxy with TLS.
#[test]
fn tls_goes_through_tls() {
    let [proxy, target] = [Authority::new(), Authority::new()];
    for chunk in [1, usize::MAX] {
        let client = target.connector(VERSIONS[1]).start("target", open(Role::Client, &quiet())).unwrap();
        let client = proxy.connector(VERSIONS[0]).start("proxy", client).unwrap();
        let server = target.issue(&["target"]).acceptor().start(open(Role::Server, &quiet())).unwrap();
        let server = proxy.issue(&["proxy"]).acceptor().start(server).unwrap();
        let mut pair = pair(client, server, chunk);
        pair.client.inner_mut().inner_mut().send(payload(100_000)).unwrap();
        pair.client.inner_mut().inner_mut().close(CloseCode::NORMAL, pair.now);
        pair.settle();
        let server: Vec<Event> = pair.server_seen.into_iter().map(Result::unwrap).collect();
        assert!(matches!(&server[0], Event::Message(message) if *message == payload(100_000)));
        assert!(matches!(server.last(), Some(Event::Closed(closed)) if closed.clean));
        assert!(matches!(pair.client_seen.last(), Some(Ok(Event::Closed(closed))) if closed.clean));
    }
}
