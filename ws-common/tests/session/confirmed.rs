//! Confirmed delivery: at least once.

use std::collections::HashMap;

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, ClientStatus, Delivery, Session},
};
use ws_core::{CloseCode, Random, SendError};

use crate::support::{Plan, Serve, Sim, client, ms, secs};

fn confirmed() -> ClientBuilder<Session> {
    client().reconnect(Reconnect::after(ms(1))).delivery(Delivery::Confirmed)
}

#[test]
fn one_ping_proves_all_that_waits() {
    let mut sim = Sim::new(confirmed(), []);
    for n in 0..100 {
        sim.send(&n.to_string());
    }
    assert_eq!(sim.session.flushed(None), None);
    sim.settle();
    sim.expect(&["connected", "open", "pong"]);
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    let ticket = sim.confirm();
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
    sim.advance(secs(100));
    sim.expect(&[]);
}

#[test]
fn nothing_is_lost_over_cuts_anywhere_and_only_what_was_not_proven_comes_twice() {
    for seed in 0..20 {
        let mut random = Random::from_seed([seed; 32]);
        let mut up_to = |limit: u64| (random.next_u64() % limit) as usize;
        let cuts: Vec<_> = (0..100)
            .map(|_| {
                let takes = up_to(300);
                Plan::Serve(Serve {
                    takes: Some(takes),
                    delivers: Some(up_to(takes as u64 + 1)),
                    ..Serve::default()
                })
            })
            .collect();
        let mut sim = Sim::new(confirmed().max_deliveries(1000).confirm_timeout(ms(20)), cuts);
        sim.chunk = 1 + up_to(50);
        let mut proven_by = HashMap::new();
        let (mut sent, mut tickets) = (Vec::new(), Vec::new());
        while sim.session.stats().connections <= 100 {
            let text = format!("{} {}", sent.len(), "x".repeat(up_to(40)));
            sim.send(&text);
            sent.push(text);
            tickets.push(sim.confirm());
            sim.advance(ms(up_to(3) as u64));
            for (n, ticket) in tickets.iter().enumerate().filter(|(n, _)| n + 50 > sent.len()) {
                if sim.outcome(ticket) == Some(Ok(())) {
                    proven_by.entry(n).or_insert(sim.session.stats().connections);
                }
            }
        }
        sim.advance(secs(1));
        assert_eq!(sim.session.flushed(None), Some(Ok(())));
        assert_eq!(sim.outcome(&tickets[sent.len() - 1]), Some(Ok(())));
        let mut first: Vec<&str> = Vec::new();
        for (connection, text) in &sim.received {
            let n = sent.iter().position(|sent| sent == text).expect("what was sent");
            assert!(
                proven_by.get(&n).is_none_or(|proven| proven >= connection),
                "{text} came after its proof"
            );
            if n == first.len() {
                first.push(text);
            }
        }
        assert_eq!(first, sent, "each arrives, in order");
    }
}

#[test]
fn each_connection_begins_with_the_oldest_that_is_not_proven() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed(), [plan]);
    sim.settle();
    for text in ["a", "b", "c"] {
        sim.send(text);
    }
    sim.settle();
    sim.cut(false);
    sim.send("d");
    sim.advance(ms(10));
    let got: Vec<_> = sim.received.iter().map(|(n, text)| format!("{n}{text}")).collect();
    assert_eq!(got, ["1a", "1b", "1c", "2a", "2b", "2c", "2d"]);
}

#[test]
fn a_lost_connection_alone_makes_nobody_wait_for_each_message() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed(), [plan]);
    sim.settle();
    (0..1000).for_each(|n| sim.send(&n.to_string()));
    sim.settle();
    sim.cut(true);
    sim.advance(ms(1));
    sim.settle();
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    assert_eq!(sim.trace().iter().filter(|event| *event == "pong").count(), 1);
}

#[test]
fn what_never_left_is_never_given_up() {
    // A gateway that closes at once, or breaks before it takes a byte.
    for serve in
        [Serve { closes: Some(1001), ..Serve::default() }, Serve { takes: Some(0), ..Serve::default() }]
    {
        let mut sim = Sim::new(confirmed().max_deliveries(2), vec![Plan::Serve(serve); 20]);
        sim.send("patient");
        sim.send("as well");
        sim.advance(secs(1));
        assert_eq!(sim.texts(), ["patient", "as well"]);
        assert!(!sim.trace().iter().any(|event| event.starts_with("undelivered")));
    }
}

#[test]
fn a_peer_that_never_pongs_is_given_up_whatever_else_it_does() {
    // It sends all the time, it takes all the time, it does both.
    for case in 0..4 {
        let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
        let mut sim = Sim::new(confirmed().confirm_timeout(secs(3)), [plan]);
        sim.settle();
        sim.send("x");
        for _ in 0..35 {
            sim.advance(ms(100));
            if sim.session.stats().connections > 1 {
                break;
            }
            if case & 1 != 0 {
                sim.inject(b"\x81\x05still");
            }
            if case & 2 != 0 {
                sim.send("more");
            }
        }
        let mut trace = sim.trace();
        trace.retain(|event| event != "message still");
        let expected =
            ["connected", "open", "error timeout", "closed 1006 broken us", "reconnecting 1 in 1ms"];
        assert_eq!(trace[..5], expected, "case {case}");
        assert!(sim.causes[0].to_string().contains("in 3s (confirm_timeout)"), "{}", sim.causes[0]);
    }
}

#[test]
fn the_time_for_a_proof_begins_when_the_ping_has_left_though_more_waits() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed().confirm_timeout(secs(3)).max_send_buffer(8 << 20), [plan]);
    sim.settle();
    sim.send("x");
    let start = sim.now;
    // The transport is never empty again.
    while sim.session.stats().connections < 2 && sim.now - start < secs(60) {
        while sim.session.has_room() && sim.session.stats().connections < 2 {
            sim.send(&"x".repeat(60_000));
        }
        let now = sim.now;
        let waiting = ws_core::Machine::outbound(&mut sim.session).len();
        if waiting > 1000 {
            ws_core::bytes::Buf::advance(ws_core::Machine::outbound(&mut sim.session), waiting - 1000);
            ws_core::Machine::handle_write(&mut sim.session, waiting - 1000, now);
        }
        sim.is_blocked = true;
        sim.advance(ms(100));
        sim.is_blocked = false;
        if sim.session.status() != ClientStatus::Open {
            break;
        }
    }
    assert!(sim.now - start < secs(5), "{:?}", sim.now);
    assert!(sim.trace().contains(&"error timeout".into()));
}

#[test]
fn the_time_for_a_proof_does_not_begin_before_the_ping_has_left() {
    let mut sim = Sim::new(confirmed().confirm_timeout(secs(3)), []);
    sim.settle();
    sim.is_blocked = true;
    sim.send(&"x".repeat(100));
    for _ in 0..50 {
        // Slower than `confirm_timeout`, faster than `write_timeout`.
        ws_core::bytes::Buf::advance(ws_core::Machine::outbound(&mut sim.session), 1);
        ws_core::Machine::handle_write(&mut sim.session, 1, sim.now);
        sim.advance(secs(1));
    }
    sim.expect(&["connected", "open"]);
}

#[test]
fn the_time_for_a_proof_stands_still_while_reading_is_paused() {
    let mut sim = Sim::new(confirmed().confirm_timeout(secs(3)), []);
    sim.settle();
    sim.session.pause(sim.now);
    sim.send("x");
    sim.advance(secs(60));
    sim.session.resume(sim.now);
    sim.advance(secs(60));
    sim.expect(&["connected", "open", "pong"]);
    // And while nobody takes events, so that nothing is read any more.
    sim.is_taking = false;
    for _ in 0..300 {
        sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat());
    }
    sim.settle();
    assert!(!sim.session.is_reading());
    sim.send("y");
    sim.advance(secs(60));
    sim.is_taking = true;
    sim.advance(secs(60));
    let trace = sim.trace();
    assert_eq!(trace.len(), 301);
    assert_eq!(trace[300], "pong");
}

#[test]
fn closing_proves_what_it_sends() {
    for count in [1, 1000] {
        let mut sim = Sim::new(confirmed(), []);
        sim.settle();
        sim.trace();
        // In chunks: a server that finds both in one read may answer only the Close.
        (sim.is_blocked, sim.chunk) = (true, 9);
        (0..count).for_each(|_| sim.send(&"x".repeat(90)));
        sim.session.close(CloseCode::NORMAL.into(), sim.now);
        sim.is_blocked = false;
        sim.settle();
        assert_eq!(sim.received.len(), count);
        assert!(sim.session.take_unsent().is_empty());
        assert!(sim.trace().contains(&"closed 1000 clean us".into()));
    }
}

#[test]
fn a_closing_handshake_has_its_own_time() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed().confirm_timeout(secs(1)), [plan]);
    sim.settle();
    sim.send("x");
    sim.settle();
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    sim.advance(ms(4_900));
    assert_eq!(sim.session.status(), ClientStatus::Closing);
    sim.advance(ms(100));
    sim.settle();
    sim.expect(&["connected", "open", "error timeout", "closed 1006 broken us"]);
}

#[test]
fn what_is_not_proven_at_the_end_is_handed_back() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed(), [plan]);
    sim.settle();
    sim.send("taken");
    sim.settle();
    assert_eq!(sim.session.flushed(None), None);
    sim.session.abort(sim.now);
    assert_eq!(sim.session.flushed(None), Some(Err(SendError::Closed(None))));
    assert_eq!(sim.session.take_unsent(), ["taken"]);
}

#[test]
fn a_pong_for_a_later_ping_proves_too() {
    // RFC 6455 §5.5.3: the peer answers only the most recent of the pings that it has.
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed().ping_interval(secs(1)).confirm_timeout(secs(5)), [plan]);
    sim.settle();
    sim.send("x");
    sim.advance(secs(1));
    sim.settle();
    let last = sim.pings.last().expect("a ping").clone();
    assert_eq!(sim.pings.len(), 2);
    sim.inject(&[&[0x8A, last.len() as u8], &last[..]].concat());
    sim.settle();
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
}

#[test]
fn the_limit_counts_what_is_not_proven() {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(confirmed().max_send_buffer(100), [plan]);
    sim.settle();
    (0..7).for_each(|_| sim.send("0123456789"));
    sim.settle();
    assert!(!sim.session.has_room());
    sim.cut(false);
    sim.advance(secs(1));
    let trace = sim.trace();
    assert_eq!(trace[2], "full");
    assert_eq!(trace[trace.len() - 2..], ["pong", "drained"]);
}
