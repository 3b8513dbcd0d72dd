//! Weeks, floods, and users who look at nothing: bounded memory, little work.

use std::time::Duration;

use ws_common::{
    connector::Route,
    reconnect::Reconnect,
    session::{ClientStatus, Delivery},
};
use ws_core::{CloseCode, Machine};

use crate::support::{Plan, Serve, Steps, client, refuse, secs, serve, simulate};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[test]
fn a_month_with_thousands_of_reconnects_takes_few_turns() {
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        let mut sim = simulate(client().delivery(delivery).max_redirects(2), []);
        let mut rounds = 0;
        while sim.now.elapsed() < MONTH {
            sim.plan([
                Plan::Refuse,
                Plan::NoName,
                refuse(503, "Retry-After: 30\r\n"),
                refuse(302, "Location: /there\r\n"),
            ]);
            for n in 0..3 {
                sim.send(&n.to_string());
                sim.confirm();
            }
            sim.advance(secs(600));
            assert_eq!(sim.session.status(), ClientStatus::Open);
            match rounds % 3 {
                0 => sim.cut(),
                1 => sim.reset(),
                _ => {
                    let now = sim.now;
                    sim.server().close(CloseCode::GOING_AWAY, now);
                }
            }
            sim.settle();
            rounds += 1;
            let trace = sim.lines();
            let count = |what: &str| trace.iter().filter(|event| event.starts_with(what)).count();
            assert_eq!(count("closed"), 4, "{trace:?}");
            assert_eq!(count("closed"), count("reconnecting"));
        }
        let stats = sim.session.stats();
        assert!(stats.attempts > 17_000 && stats.connections == rounds, "{stats:?}");
        assert_eq!(stats.messages_sent, 3 * rounds);
        assert_eq!(sim.seen.received.len() as u64, 3 * rounds);
        assert!(size_of_val(&sim.session) < 4096);
        assert!(sim.seen.turns < 20 * rounds, "{} turns in {rounds} rounds", sim.seen.turns);
    }
}

#[test]
fn a_month_offline_with_nobody_looking_is_bounded() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(60))), []);
    sim.then(Plan::Refuse);
    sim.switches.is_taking = false;
    sim.advance(MONTH);
    // The client is there as soon as the server is.
    sim.then(serve());
    sim.advance(secs(60));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    assert!(sim.session.stats().attempts > 40_000);
    sim.switches.is_taking = true;
    sim.settle();
    let trace = sim.lines();
    assert!(trace.len() < 20_000, "{}", trace.len());
    let count = |what: &str| trace.iter().filter(|event| event.starts_with(what)).count();
    assert_eq!(count("closed"), count("error"));
    assert_eq!(count("closed"), count("reconnecting"));
    assert_eq!(trace[trace.len() - 2..], ["connected", "open"]);
}

#[test]
fn a_flood_is_read_ahead_up_to_a_bound_and_nothing_is_lost() {
    for payload in [0, 1000] {
        let mut sim = simulate(client().ping_interval(secs(20)), []);
        sim.settle();
        sim.lines();
        sim.switches.is_taking = false;
        let frame = [&[0x82, 126, (payload >> 8) as u8, payload as u8][..], &vec![0; payload]].concat();
        let frame = if payload == 0 { vec![0x82, 0] } else { frame };
        let mut sent = 0;
        while sim.session.is_reading() {
            sim.inject(&frame.repeat(10));
            sent += 10;
            sim.settle();
            assert!(sent < 100_000);
        }
        assert!(!sim.session.read_ahead());
        // Nobody takes anything for long, and the peer's pongs are not missed.
        sim.advance(secs(600));
        assert_eq!(sim.session.status(), ClientStatus::Open);
        sim.switches.is_taking = true;
        sim.settle();
        assert!(sim.session.is_reading());
        let trace = sim.lines();
        assert_eq!(trace.iter().filter(|event| event.starts_with("message")).count(), sent);
    }
}

#[test]
fn a_flood_does_not_hide_the_end_of_a_close() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.switches.is_taking = false;
    while sim.session.is_reading() {
        sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat());
        sim.settle();
    }
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    for _ in 0..1000 {
        sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat());
    }
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    sim.switches.is_taking = true;
    sim.settle();
    let trace = sim.lines();
    assert!(trace.len() < 300);
    assert_eq!(trace[trace.len() - 2..], ["closing 1000", "closed 1000 clean us"]);
}

#[test]
fn an_error_while_closing_drops_nothing_of_what_was_read_ahead() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.switches.is_taking = false;
    let mut sent = 0;
    while sim.session.is_reading() {
        sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat());
        sent += 1;
        sim.settle();
    }
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    // A reserved opcode.
    sim.inject(&[0x83, 0]);
    sim.settle();
    sim.switches.is_taking = true;
    sim.settle();
    let trace = sim.lines();
    assert!(trace.iter().any(|event| event == "error protocol"), "{:?}", trace.last());
    assert_eq!(trace.iter().filter(|event| event.starts_with("message")).count(), sent);
}

#[test]
fn what_is_read_ahead_keeps_its_order_up_to_the_end_and_beyond() {
    let plan = Plan::Serve(Serve { greeting: Some("a"), ..Serve::default() });
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(1))), [plan.clone(), plan]);
    sim.switches.is_taking = false;
    sim.settle();
    sim.server().send("b").expect("an open connection");
    sim.settle();
    sim.reset();
    sim.advance(secs(2));
    let now = sim.now;
    sim.server().close(CloseCode::NORMAL, now);
    sim.settle();
    sim.switches.is_taking = true;
    sim.settle();
    sim.expect(&[
        "connected",
        "open",
        "message a",
        "message b",
        "error transport",
        "closed 1006 broken peer",
        "reconnecting 1 in 1s",
        "connected",
        "open",
        "message a",
        "closing 1000",
        "closed 1000 clean peer",
        "reconnecting 2 in 1s",
    ]);
}

#[test]
fn a_driver_that_is_late_or_odd_breaks_nothing() {
    let mut sim = simulate(client(), [Plan::BlackHole]);
    sim.settle();
    let (peer, local) = (([192, 0, 2, 1], 80).into(), ([192, 0, 2, 9], 4711).into());
    sim.session.abort(sim.now);
    let route = Route::direct(&"ws://server.test".parse().unwrap());
    assert!(!sim.session.opened(&route, peer, local, ws_core::Random::from_seed([1; 32]), sim.now));
    sim.session.not_opened(ws_common::ConnectError::TlsUnsupported, sim.now);
    sim.inject(b"late bytes");
    sim.session.handle_read(0, sim.now);
    sim.session.handle_write(7, sim.now);
    sim.session.handle_error(ws_core::TransportError::write("late"), sim.now);
    sim.session.handle_timeout(sim.now);
    assert!(sim.session.inbound().is_empty() && sim.session.outbound().is_empty());
    sim.settle();
    sim.expect(&["closed 1006 broken us"]);
    fn is_send<T: Send + 'static>(_: &T) {}
    is_send(&sim.session);
}
