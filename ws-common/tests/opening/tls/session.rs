//! The client that stays connected, over TLS and through proxies.

use std::time::Duration;

use ws_common::{
    AcceptError, AcceptOptions,
    session::{ClientBuilder, ClientStatus, Delivery, Session},
    tls::TlsError,
};
use ws_core::{CloseCode, Machine};

use super::authority::{Authority, VERSIONS};
use super::ways::{DIRECT, NESTED, Place, WAYS, Way};
use crate::far::{Far, Limit, Server};
use crate::life::{Life, client};
use crate::proxy::{Proxy, http, socks};
use crate::support::{CUTS, feed, write_some};

const MINUTE: Duration = Duration::from_secs(60);

fn builder(place: &Place, way: Way) -> ClientBuilder<Session> {
    let url = if way.is_secure { "wss://server.test/feed" } else { "ws://server.test/feed" };
    let builder = client(url)
        .tls(place.authority.options().build().unwrap())
        .proxy_tls(place.proxys.options().build().unwrap());
    match way.proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

/// A client that meets these, one after the other.
fn meets(builder: ClientBuilder<Session>, fars: Vec<Far>) -> Life {
    let mut fars = fars.into_iter();
    Life::new(builder, move |_| fars.next())
}

#[test]
fn events_come_in_their_order_and_every_byte_of_the_transport_is_counted() {
    let place = Place::new();
    for way in WAYS {
        for cut in CUTS {
            let mut life = meets(builder(&place, way), vec![place.far(way).greeting("early")]);
            life.cut = cut;
            life.session.send("queued").unwrap();
            life.settle();
            assert_eq!(life.trace(), ["connected", "open", "message early"], "{way:?} {cut:?}");
            assert_eq!(life.far().server.received, ["queued"]);
            life.session.close(CloseCode::NORMAL.into(), life.now);
            life.settle();
            assert_eq!(life.trace(), ["closing 1000", "closed 1000 clean us"], "{way:?} {cut:?}");
            assert_eq!(life.session.status(), ClientStatus::Closed);
            let (stats, far) = (life.session.stats(), life.far());
            assert_eq!(stats.bytes_read, far.said.len() as u64, "{way:?} {cut:?}");
            assert_eq!((stats.messages_sent, stats.messages_received, stats.connections), (1, 1, 1));
            // All but the close_notify, which leaves when the transport is given up.
            let last = far.heard.len() as u64 - stats.bytes_written;
            assert!(last < 100, "{last}");
        }
    }
}

#[test]
fn a_session_ends_with_a_close_notify_although_the_connection_is_gone() {
    let place = Place::new();
    for version in VERSIONS {
        let builder = client("wss://server.test/feed").tls(place.authority.connector(version));
        let mut life = meets(builder, vec![place.far(DIRECT)]);
        life.settle();
        life.session.close(CloseCode::NORMAL.into(), life.now);
        life.settle();
        // In TLS 1.2 the type of a record can be seen; in TLS 1.3 its length: an alert of two bytes, its type, and 16 more.
        let heard = &life.far().heard;
        let last = records(heard, 0).into_iter().rev().nth(1).unwrap_or(0);
        let header = &heard[last..last + 5];
        assert!(header[0] == 21 || header == [23, 3, 3, 0, 19], "{header:?}");
    }
}

/// Where the records end that begin at `from`.
fn records(heard: &[u8], from: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = from;
    while let Some(header) = heard.get(at..at + 5) {
        at += 5 + usize::from(u16::from_be_bytes([header[3], header[4]]));
        ends.push(at);
    }
    ends
}

#[test]
fn before_a_connection_was_open_only_transient_ends_are_retried() {
    let place = Place::new();
    let strange = Place::new();
    let named = |name| place.authority.issue(&[name]).acceptor();
    let via = |url| Way { is_secure: true, proxy: Some(url) };
    let (plain, socks_way) = (via("http://proxy.test"), via("socks5h://proxy.test"));
    let asked = |way, script| place.far(way).behind(Proxy::new(script));
    const OURS: &str = "closed 1006 broken us";
    const PEERS: &str = "closed 1006 broken peer";
    let mut cases = vec![
        ("tls", DIRECT, place.far(DIRECT).limit(Limit::Ends(0)), PEERS, true),
        ("tls", DIRECT, place.far(DIRECT).limit(Limit::Ends(100)), PEERS, true),
        ("tls", DIRECT, place.far(DIRECT).limit(Limit::Stalls(100)), OURS, true),
        ("tls", NESTED, place.far_with(NESTED, strange.acceptor.clone()), OURS, false),
        ("tls", DIRECT, strange.far(DIRECT), OURS, false),
        ("tls", DIRECT, place.far_with(DIRECT, named("other.test")), OURS, false),
        ("tls", DIRECT, Far::new(Server::raw("SSH-2.0-x\r\n", true)), OURS, false),
        // internal_error, which has nothing to do with us, and handshake_failure
        ("tls", DIRECT, Far::new(Server::raw([21, 3, 3, 0, 2, 2, 80], true)), PEERS, true),
        ("tls", DIRECT, Far::new(Server::raw([21, 3, 3, 0, 2, 2, 40], true)), PEERS, false),
        ("proxy", NESTED, strange.far_with(NESTED, place.acceptor.clone()), OURS, false),
        ("proxy", NESTED, place.far(NESTED).limit(Limit::Ends(100)), PEERS, true),
        ("proxy", NESTED, place.far(NESTED).limit(Limit::Stalls(100)), OURS, true),
        ("proxy", plain, asked(plain, http(200)).limit(Limit::Ends(9)), PEERS, true),
    ];
    for status in [403, 407, 502, 503, 504] {
        cases.push(("proxy", plain, asked(plain, http(status)), PEERS, status > 500));
    }
    for reply in [1, 2, 3, 4, 5, 6, 7, 8] {
        cases.push(("proxy", socks_way, asked(socks_way, socks(reply)), PEERS, matches!(reply, 1 | 3..=6)));
    }
    for (phase, way, far, closed, is_retried) in cases {
        let shown = format!("{phase} {way:?}");
        let mut life = meets(builder(&place, way), vec![far, place.far(way)]);
        life.session.send("kept").unwrap();
        life.advance(Duration::from_secs(10));
        let trace = life.trace();
        assert_eq!(trace[..3], ["connected", &format!("error {phase}"), closed], "{shown}");
        life.advance(MINUTE);
        if is_retried {
            assert_eq!(trace[3], "reconnecting 1", "{shown}");
            assert_eq!(life.fars[1].server.received, ["kept"], "{shown}");
        } else {
            assert_eq!(trace.len(), 3, "{shown}");
            assert!(life.session.is_over());
            assert_eq!(life.session.take_unsent().len(), 1);
        }
    }
}

#[test]
fn the_alert_leaves_although_the_attempt_is_over() {
    let place = Place::new();
    for way in WAYS.into_iter().filter(|way| way.is_secure) {
        let mut life = meets(builder(&place, way), vec![place.far_with(way, Place::new().acceptor)]);
        life.settle();
        let error = &life.far().server.error;
        assert!(matches!(error, Some(AcceptError::Tls(TlsError::Alert(_)))), "{way:?} {error:?}");
    }
}

#[test]
fn the_second_connection_resumes_the_session_of_the_first_through_both_layers() {
    let place = Place::new();
    for way in WAYS {
        let mut life = meets(builder(&place, way), (0..3).map(|_| place.far(way)).collect());
        for _ in 0..2 {
            life.settle();
            life.cut();
            life.advance(MINUTE);
        }
        let lengths: Vec<_> = life.fars.iter().map(|far| far.said.len()).collect();
        // A certificate and a signature less for each layer.
        let layers =
            usize::from(way.is_secure) + usize::from(way.proxy.is_some_and(|url| url.starts_with("https")));
        assert!(lengths[1] + layers * 300 < lengths[0], "{way:?} {lengths:?}");
        assert!(lengths[2] + layers * 300 < lengths[0], "{way:?} {lengths:?}");
    }
}

#[test]
fn another_authority_is_not_believed_because_the_session_before_was() {
    let (place, strange) = (Place::new(), Place::new());
    let mut life = meets(builder(&place, DIRECT), vec![place.far(DIRECT), strange.far(DIRECT)]);
    life.settle();
    life.cut();
    life.settle();
    life.trace();
    life.advance(MINUTE);
    // The first client was served, so that this may pass; but it is not believed.
    assert_eq!(life.trace()[..4], ["connected", "error tls", "closed 1006 broken us", "reconnecting 2"]);
}

const MESSAGES: [&str; 4] = ["one", "two", "three", "four"];

/// Sends messages, of which the transport takes so many bytes; then comes back. Gives where records ended, counted from the
/// first of them.
fn break_after(
    place: &Place,
    way: Way,
    delivery: Delivery,
    taken: usize,
    at_once: bool,
) -> (Life, Vec<usize>) {
    let mut life = meets(builder(place, way).delivery(delivery), vec![place.far(way), place.far(way)]);
    life.settle();
    let base = life.far().heard.len();
    life.takes = Some(taken);
    for message in MESSAGES {
        life.session.send(message).unwrap();
        if !at_once {
            life.settle();
        }
    }
    life.settle();
    let ends = records(&life.fars[0].heard, base).into_iter().map(|end| end - base).collect();
    life.takes = None;
    life.advance(MINUTE);
    (life, ends)
}

#[test]
fn at_most_once_a_message_is_taken_when_the_record_that_holds_its_end_is_written() {
    let place = Place::new();
    for way in [DIRECT, NESTED, Way { is_secure: false, ..NESTED }, WAYS[1]] {
        let (_, ends) = break_after(&place, way, Delivery::AtMostOnce, usize::MAX, false);
        assert_eq!(ends.len(), 4, "one record for each that is sent alone");
        for taken in
            (1..ends[3]).filter(|taken| taken % 11 == 0 || ends.iter().any(|end| end.abs_diff(*taken) < 2))
        {
            let (mut life, _) = break_after(&place, way, Delivery::AtMostOnce, taken, false);
            let whole = ends.iter().filter(|end| **end <= taken).count();
            assert_eq!(life.fars[0].server.received, MESSAGES[..whole], "{way:?} {taken}");
            assert_eq!(life.fars[1].server.received, MESSAGES[whole..], "{way:?} {taken}");
            assert_eq!(life.session.stats().messages_sent, 4);
            assert_eq!(life.trace()[2..4], ["error transport", "closed 1006 broken peer"]);
        }
    }
}

#[test]
fn messages_that_share_a_record_are_taken_together() {
    let place = Place::new();
    let (_, ends) = break_after(&place, DIRECT, Delivery::AtMostOnce, usize::MAX, true);
    assert_eq!(ends.len(), 1);
    for taken in [1, ends[0] / 2, ends[0] - 1] {
        let (life, _) = break_after(&place, DIRECT, Delivery::AtMostOnce, taken, true);
        assert!(life.fars[0].server.received.is_empty());
        assert_eq!(life.fars[1].server.received, MESSAGES);
    }
}

#[test]
fn confirmed_what_is_not_proven_is_sent_again_however_much_was_taken() {
    let place = Place::new();
    for way in [DIRECT, NESTED] {
        for taken in [1, 30, 60, 100, 150, 200] {
            for at_once in [false, true] {
                let (mut life, ends) = break_after(&place, way, Delivery::Confirmed, taken, at_once);
                if ends.last().is_some_and(|end| *end < taken) {
                    // It never broke.
                    continue;
                }
                let received = &life.fars[1].server.received;
                let first = life.fars[0].server.received.len();
                assert!(MESSAGES.ends_with(&received.iter().map(|text| &**text).collect::<Vec<_>>()));
                assert!(first + received.len() >= 4, "{way:?} {taken} {received:?}");
                // The pong of the second connection has proven them.
                assert!(life.session.take_unsent().is_empty());
                assert!(life.session.flushed(None).is_some_and(|flushed| flushed.is_ok()));
            }
        }
    }
}

#[test]
fn an_end_by_our_own_tls_is_a_failure_of_the_message_and_no_close_of_the_user() {
    let place = Place::new();
    let builder = builder(&place, DIRECT).delivery(Delivery::Confirmed).max_deliveries(1);
    let mut life = meets(builder, vec![place.far(DIRECT), place.far(DIRECT)]);
    life.settle();
    life.trace();
    life.session.send("one").unwrap();
    assert!(!write_some(&mut life.session, usize::MAX, life.now).is_empty());
    // A record that cannot be decrypted is the answer.
    feed(&mut life.session, &[&[23, 3, 3, 0, 30][..], &[7; 30]].concat(), life.now);
    life.settle();
    let trace = life.trace();
    assert_eq!(trace[..2], ["error transport", "closed 1006 broken us"]);
    assert!(trace[2].starts_with("Stuck"), "{trace:?}");
}

#[test]
fn a_large_message_that_was_cut_comes_whole_the_next_time() {
    let place = Place::new();
    let large = "x".repeat(300_000);
    for taken in [1, 16_000, 100_000, 299_000] {
        let mut life = meets(builder(&place, NESTED), vec![place.far(NESTED), place.far(NESTED)]);
        life.settle();
        life.takes = Some(taken);
        life.session.send(large.clone()).unwrap();
        life.session.send("behind").unwrap();
        life.settle();
        assert_eq!(life.session.stats().messages_sent, 0);
        life.takes = None;
        life.advance(MINUTE);
        assert!(life.fars[0].server.received.is_empty());
        assert_eq!(life.fars[1].server.received, ["x".repeat(20), "behind".into()]);
        assert_eq!(life.session.stats().messages_sent, 2);
    }
}

#[test]
fn a_client_gives_up_in_every_stage_without_an_error() {
    let place = Place::new();
    let mut whole = meets(builder(&place, NESTED), vec![place.far(NESTED)]);
    whole.settle();
    for n in (0..whole.far().said.len()).step_by(101) {
        let mut life = meets(builder(&place, NESTED), vec![place.far(NESTED).limit(Limit::Stalls(n))]);
        life.settle();
        life.trace();
        life.session.abort(life.now);
        life.settle();
        assert_eq!(life.trace(), ["closed 1006 broken us"], "{n}");
        assert!(life.session.is_over());
        // What comes late is nobody's.
        life.session.inbound().extend_from_slice(b"late");
        life.session.handle_read(4, life.now);
        life.session.handle_read(0, life.now);
        life.settle();
        assert!(life.trace().is_empty());
    }
}

#[test]
fn options_of_tls_that_cannot_be_used_end_the_client_before_anything_is_sent() {
    // A name that is none of the DNS's can be resolved, but no certificate is for it.
    let place = Place::new();
    let builder = client("wss://under_score-.test/feed").tls(Authority::new().options().build().unwrap());
    let acceptor = place.acceptor.clone();
    let mut life = Life::new(builder, move |_| {
        Some(Far::new(Server::new(AcceptOptions::default().tls(acceptor.clone()))))
    });
    life.settle();
    let trace = life.trace();
    assert_eq!(trace[1..], ["error setup", "closed 1006 broken us"], "{trace:?}");
    assert!(life.fars[0].heard.is_empty());
}
