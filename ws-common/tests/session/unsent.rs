//! The number of unsent messages that each end reports.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, Delivery, Session},
};
use ws_core::CloseCode;

use crate::support::{Plan, Serve, Steps, client, frame, ms, secs, simulate};

const BOTH: [Delivery; 2] = [Delivery::AtMostOnce, Delivery::Confirmed];

fn never(delivery: Delivery) -> ClientBuilder<Session> {
    client().reconnect(Reconnect::never()).delivery(delivery)
}

#[test]
fn an_end_counts_each_message_of_the_outbox_once() {
    // Small ones, of which the connection holds all; and large ones, of which it holds a window.
    for delivery in BOTH {
        for length in [1, 30_000] {
            for takes in [None, Some(0), Some(1), Some(15_000)] {
                let serve = Serve { takes, is_mute: true, ..Serve::default() };
                let mut sim = simulate(never(delivery), [Plan::Serve(serve)]);
                sim.settle();
                sim.switches.is_blocked = takes.is_none();
                (0..5).for_each(|_| sim.send(&"x".repeat(length)));
                sim.settle();
                if sim.is_connected() {
                    // Nothing was left that would show the cut.
                    sim.reset();
                }
                sim.settle();
                let unsent = sim.session.take_unsent().len();
                assert_eq!(sim.seen.unsent, [unsent], "{delivery:?}, {length}, {takes:?}");
                if takes.is_none() || delivery == Delivery::Confirmed {
                    assert_eq!(unsent, 5, "{delivery:?}, {length}, {takes:?}");
                }
            }
        }
    }
}

#[test]
fn a_closing_peer_leaves_what_has_not_begun_and_it_is_counted_once() {
    for delivery in BOTH {
        let mut sim = simulate(client().delivery(delivery).reconnect(Reconnect::after(secs(1))), []);
        sim.settle();
        sim.switches.is_blocked = true;
        (0..5).for_each(|n| sim.send(&format!("{n}{}", "x".repeat(30_000))));
        let now = sim.now;
        sim.server().close(CloseCode::GOING_AWAY, now);
        sim.settle();
        sim.switches.is_blocked = false;
        sim.settle();
        assert_eq!(sim.seen.unsent, [5], "{delivery:?}");
        sim.advance(secs(2));
        assert_eq!(sim.seen.received.len(), 5);
        sim.session.close(CloseCode::NORMAL.into(), sim.now);
        sim.settle();
        assert_eq!(sim.seen.unsent, [5, 0]);
    }
}

#[test]
fn an_attempt_that_fails_or_is_given_up_counts_too() {
    let mut sim = simulate(client(), [Plan::Refuse, Plan::BlackHole]);
    sim.send("a");
    sim.settle();
    sim.send("b");
    sim.advance(secs(1));
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    sim.settle();
    assert_eq!(sim.seen.unsent, [1, 2]);
    assert_eq!(sim.session.take_unsent().len(), 2);
}

#[test]
fn messages_that_a_hook_sends_or_takes_meanwhile_count_as_they_are_when_the_end_is_reported() {
    let builder = || client().reconnect(Reconnect::never().decide(|_| None));
    let mut sim = simulate(builder(), [Plan::Refuse]);
    sim.switches.is_hesitating = true;
    sim.send("a");
    sim.settle();
    sim.send("b");
    sim.hesitate(false);
    sim.settle();
    assert_eq!(sim.seen.unsent, [2]);
    let mut sim = simulate(builder(), [Plan::Refuse]);
    sim.switches.is_hesitating = true;
    sim.send("a");
    sim.settle();
    sim.session.take_unsent();
    sim.hesitate(false);
    sim.settle();
    assert_eq!(sim.seen.unsent, [0]);
}

#[test]
fn a_hook_sees_the_same_number() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook_seen = seen.clone();
    let policy = Reconnect::after(ms(1)).decide(move |end| {
        if let ws_common::reconnect::DisconnectReason::Closed { closed, .. } = end {
            hook_seen.lock().expect("no panic").push(closed.unsent);
        }
        None
    });
    let mut sim = simulate(client().reconnect(policy), []);
    sim.settle();
    sim.switches.is_blocked = true;
    (0..5).for_each(|_| sim.send(&"x".repeat(30_000)));
    sim.reset();
    sim.settle();
    assert_eq!((&sim.seen.unsent[..], &seen.lock().expect("no panic")[..]), (&[5][..], &[5][..]));
}

#[test]
fn what_is_given_up_is_not_unsent() {
    let builder = client().reconnect(Reconnect::never()).delivery(Delivery::Confirmed).max_deliveries(1);
    let mut sim = simulate(builder, []);
    sim.settle();
    sim.send("refused");
    let now = sim.now;
    sim.switches.is_mute = true;
    sim.settle();
    sim.server().close(frame(1008), now);
    sim.switches.is_mute = false;
    sim.settle();
    assert_eq!(sim.seen.unsent, [0]);
    assert_eq!(sim.lines().last().map(String::as_str), Some("undelivered refused"));
}
