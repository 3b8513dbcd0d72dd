//! Clients whose events nobody takes, while somebody waits for something else.

use std::time::Duration;

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, ClientStatus, Delivery, Session},
};
use ws_core::{Machine, SendError, TransportError};

use crate::support::{Plan, Serve, Sim, Steps, client, ms, secs, simulate};

fn confirmed() -> ClientBuilder<Session> {
    client().reconnect(Reconnect::after(secs(1))).delivery(Delivery::Confirmed).max_send_buffer(64 << 20)
}

fn unattended(builder: ClientBuilder<Session>, plans: Vec<Plan>) -> Sim {
    let mut sim = simulate(builder, plans);
    sim.switches.is_taking = false;
    sim
}

/// Waits for a flush, and gives its outcome.
fn flush(sim: &mut Sim, limit: Duration) -> Option<Result<(), SendError>> {
    let end = sim.now + limit;
    while sim.now < end {
        sim.advance(secs(1));
        if let Some(outcome) = sim.session.flushed(None) {
            return Some(outcome);
        }
    }
    None
}

#[test]
fn a_large_message_that_is_stuck_does_not_keep_a_client_from_its_next_attempt() {
    let crash = Plan::Serve(Serve { takes: Some(1000), ..Serve::default() });
    let mut sim = unattended(confirmed().max_deliveries(1), vec![crash]);
    sim.session.send(vec![0; 2 << 20]).expect("room");
    let ticket = sim.confirm();
    assert_eq!(flush(&mut sim, secs(60)), Some(Ok(())));
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
    sim.switches.is_taking = true;
    sim.settle();
    assert!(sim.lines().iter().any(|event| event.starts_with("stuck")));
}

#[test]
fn a_large_message_that_is_given_up_does_not_keep_a_client_from_its_next_attempt() {
    let mut sim = unattended(confirmed(), vec![]);
    sim.settle();
    sim.session.send(vec![0; 20 << 20]).expect("room");
    sim.send("healthy");
    assert_eq!(flush(&mut sim, secs(60)), Some(Err(SendError::Undelivered)));
    assert_eq!(flush(&mut sim, secs(60)), Some(Ok(())));
    assert!(sim.texts().contains(&"healthy"));
    // However late somebody asks.
    sim.switches.is_taking = true;
    sim.settle();
    assert!(sim.lines().iter().any(|event| event.starts_with("undelivered")));
}

#[test]
fn an_endless_series_of_attempts_ends_in_a_flush_and_leaves_a_well_formed_history() {
    let builder = client().reconnect(Reconnect::after(ms(10)));
    let mut sim = unattended(builder, vec![Plan::Refuse; 20_000]);
    sim.send("patient");
    assert_eq!(flush(&mut sim, secs(1000)), Some(Ok(())));
    assert_eq!(sim.session.stats().attempts, 20_001);
    sim.switches.is_taking = true;
    sim.settle();
    let trace = sim.lines();
    assert!(trace.len() < 15_000, "{}", trace.len());
    for attempt in trace.chunks(3).take(trace.len() / 3) {
        assert_eq!(attempt[..2], ["error connect", "closed 1006 broken peer"]);
        assert!(attempt[2].starts_with("reconnecting"), "{attempt:?}");
    }
    assert_eq!(trace[trace.len() - 3..], ["reconnecting 20000 in 10ms", "connected", "open"]);
}

#[test]
fn proofs_go_on_for_ever() {
    let mut sim = unattended(confirmed(), vec![]);
    for n in 0..20_000 {
        sim.send("x");
        let ticket = sim.confirm();
        sim.advance(ms(1));
        assert_eq!(sim.outcome(&ticket), Some(Ok(())), "{n}");
    }
}

#[test]
fn pings_of_the_peer_do_not_stop_a_client() {
    let mut sim = unattended(confirmed(), vec![]);
    sim.settle();
    for _ in 0..20_000 {
        sim.inject(&[0x89, 1, 7]);
        sim.settle();
    }
    sim.send("x");
    assert_eq!(flush(&mut sim, secs(2)), Some(Ok(())));
    assert_eq!(sim.session.status(), ClientStatus::Open);
}

#[test]
fn a_connection_that_dies_while_nothing_is_read_is_noticed() {
    for is_error in [true, false] {
        let mut sim = unattended(client().reconnect(Reconnect::after(secs(1))), vec![]);
        sim.settle();
        while sim.session.is_reading() {
            sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat().repeat(10));
            sim.settle();
        }
        sim.switches.is_blocked = true;
        sim.send("patient");
        if is_error {
            sim.session.handle_error(TransportError::write(std::io::Error::other("reset")), sim.now);
        }
        for _ in 0..70 {
            sim.advance(ms(990));
            sim.switches.is_blocked &= sim.seen.partings.is_empty();
        }
        assert_eq!(sim.session.stats().connections, 2);
        assert_eq!(flush(&mut sim, secs(2)), Some(Ok(())));
        assert_eq!(sim.texts(), ["patient"]);
        sim.switches.is_taking = true;
        sim.settle();
        let trace = sim.lines();
        let count = |what: &str| trace.iter().filter(|event| event.starts_with(what)).count();
        assert!((230..260).contains(&count("message")), "{}", count("message"));
        assert_eq!((count("open"), count("closed"), count("error")), (2, 1, 1));
    }
}
