//! Ends by the user, and the attempts that the user asks for.

use ws_common::{reconnect::Reconnect, session::ClientStatus};
use ws_core::{CloseCode, Config, Machine, SendError};

use crate::support::{Plan, Serve, Sim, Steps, client, frame, ms, secs, serve, simulate};

fn fixed() -> Reconnect {
    Reconnect::after(secs(60))
}

fn assert_over(sim: &mut Sim) {
    assert_eq!((sim.session.status(), sim.session.is_over()), (ClientStatus::Closed, true));
    assert_eq!(sim.session.poll_timeout(), None);
    assert!(!sim.is_connected());
    assert!(
        matches!(sim.session.send("late"), Err(SendError::Closed(Some(message))) if message.as_bytes() == b"late")
    );
    sim.advance(secs(1000));
    sim.expect(&[]);
}

type Act = fn(&mut Sim);

const CLOSE: Act = |sim| sim.session.close(frame(1000), sim.now);
const ABORT: Act = |sim| sim.session.abort(sim.now);

#[test]
fn what_is_not_open_is_given_up_at_once() {
    for ends in [CLOSE, ABORT] {
        for (plan, before, after) in [
            (None, &[][..], &[][..]),
            (Some(Plan::BlackHole), &[], &["closed 1006 broken us"]),
            (Some(Plan::Silent), &["connected"], &["closed 1006 broken us"]),
            (Some(Plan::Refuse), &["error connect", "closed 1006 broken peer", "reconnecting 1 in 60s"], &[]),
        ] {
            let has_begun = plan.is_some();
            let mut sim = simulate(client().reconnect(fixed()), plan);
            sim.send("waits");
            if has_begun {
                sim.advance(secs(1));
            }
            sim.expect(before);
            ends(&mut sim);
            assert_eq!(sim.session.status(), ClientStatus::Closed);
            sim.settle();
            sim.expect(after);
            assert_over(&mut sim);
            assert_eq!(sim.session.take_unsent().len(), 1);
        }
    }
}

#[test]
fn an_open_connection_is_closed_with_a_handshake_after_what_waits() {
    for chunk in [1, 7, usize::MAX] {
        let builder = client().reconnect(fixed()).max_send_buffer(8 << 20);
        let mut sim = simulate(builder, []);
        sim.switches.chunk = chunk;
        sim.settle();
        sim.lines();
        let size = if chunk == usize::MAX { 100_000 } else { 1000 };
        for n in 0..30 {
            sim.send(&format!("{n} {}", "x".repeat(size)));
        }
        CLOSE(&mut sim);
        assert_eq!(sim.session.status(), ClientStatus::Closing);
        assert!(matches!(sim.session.send("late"), Err(SendError::Closed(Some(_)))));
        sim.settle();
        sim.expect(&["closing 1000", "closed 1000 clean us"]);
        assert_eq!(sim.seen.received.len(), 30);
        assert_eq!(sim.session.flushed(None), Some(Ok(())));
        assert!(sim.session.take_unsent().is_empty());
        assert_over(&mut sim);
    }
}

#[test]
fn messages_that_come_while_closing_are_reported() {
    let mut sim = simulate(client(), []);
    sim.settle();
    CLOSE(&mut sim);
    sim.inject(b"\x81\x04late");
    sim.settle();
    sim.expect(&["connected", "open", "message late", "closing 1000", "closed 1000 clean us"]);
}

#[test]
fn closing_ends_within_its_time_whatever_the_peer_and_the_user_do() {
    // Paused, events untaken, transport blocked, confirmation awaited.
    for case in 0..16 {
        let has = |bit| case & (1 << bit) != 0;
        let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
        let config = Config::default().close_timeout(secs(5)).ping_interval(None);
        let mut sim = simulate(client().config(config).reconnect(fixed()), [mute]);
        sim.settle();
        sim.lines();
        if has(0) {
            sim.session.pause(sim.now);
        }
        sim.switches.is_taking = !has(1);
        sim.switches.is_blocked = has(2);
        if has(3) {
            for _ in 0..1000 {
                sim.inject(&[&[0x82, 126, 0x10, 0][..], &[0; 0x1000]].concat());
            }
            sim.confirm();
        }
        sim.send("waits");
        CLOSE(&mut sim);
        sim.advance(secs(5));
        assert_eq!(sim.session.status(), ClientStatus::Closed, "case {case}");
        sim.switches.is_taking = true;
        sim.session.resume(sim.now);
        sim.advance(secs(1000));
        let trace = sim.lines();
        assert_eq!(trace[trace.len() - 2..], ["error timeout", "closed 1006 broken us"], "case {case}");
        assert_over(&mut sim);
    }
}

#[test]
fn the_answer_to_our_close_is_seen_though_reading_is_paused() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.session.pause(sim.now);
    sim.server().send("before").expect("an open connection");
    sim.advance(secs(30));
    sim.expect(&["connected", "open"]);
    CLOSE(&mut sim);
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    sim.expect(&["message before", "closing 1000", "closed 1000 clean us"]);
}

#[test]
fn abort_ends_at_once() {
    let mut sim = simulate(client().reconnect(fixed()), []);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.send("waits");
    ABORT(&mut sim);
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    sim.settle();
    sim.expect(&["connected", "open", "closed 1006 broken us"]);
    assert_eq!(sim.session.take_unsent(), ["waits"]);
    assert_over(&mut sim);
}

#[test]
fn what_is_not_taken_yet_is_reported_in_order_after_an_abort() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.switches.is_taking = false;
    sim.server().send("a").expect("an open connection");
    sim.settle();
    ABORT(&mut sim);
    sim.switches.is_taking = true;
    sim.settle();
    sim.expect(&["connected", "open", "message a", "closed 1006 broken us"]);
}

#[test]
fn the_transport_is_dropped_whatever_comes_right_after_its_end() {
    let cancel: Act = |sim| sim.session.cancel_reconnect();
    let again: Act = |sim| sim.session.reconnect_after(secs(9), sim.now);
    for (policy, acts) in [
        (fixed(), CLOSE),
        (fixed(), ABORT),
        (fixed(), cancel),
        (fixed(), again),
        (Reconnect::never(), CLOSE),
        (Reconnect::never(), ABORT),
        (Reconnect::never(), cancel),
        (Reconnect::never(), again),
    ] {
        let mut sim = simulate(client().reconnect(policy), []);
        sim.settle();
        sim.cut();
        // The driver looks at the events, and the user is faster than its next turn.
        while !matches!(sim.session.status(), ClientStatus::Closed | ClientStatus::Waiting) {
            let Ok(event) = sim.session.poll_event();
            assert!(event.is_some());
        }
        acts(&mut sim);
        sim.settle();
        assert!(!sim.is_connected());
    }
}

#[test]
fn cancel_reconnect_lets_what_is_under_way_go_on() {
    let cancel = |sim: &mut Sim| sim.session.cancel_reconnect();
    // Before the first attempt, while opening, while shaking hands.
    for steps in 0..3 {
        let plan = if steps == 1 { Plan::BlackHole } else { Plan::Silent };
        let mut sim = simulate(client().reconnect(fixed()), [plan]);
        if steps > 0 {
            sim.settle();
        }
        cancel(&mut sim);
        sim.advance(secs(10));
        let trace = sim.lines();
        assert_eq!(trace[trace.len() - 1], "closed 1006 broken us", "{steps}: {trace:?}");
        assert_over(&mut sim);
    }
    let mut sim = simulate(client().reconnect(fixed()), []);
    sim.settle();
    cancel(&mut sim);
    sim.send("still");
    sim.settle();
    assert_eq!(sim.texts(), ["still"]);
    let now = sim.now;
    sim.server().close(CloseCode::GOING_AWAY, now);
    sim.settle();
    sim.expect(&["connected", "open", "closing 1001", "closed 1001 clean peer"]);
    assert_over(&mut sim);
}

#[test]
fn cancel_reconnect_while_waiting_ends_it_and_unsays_what_nobody_heard() {
    let mut sim = simulate(client().reconnect(fixed()), [Plan::Refuse]);
    sim.switches.is_taking = false;
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
    sim.session.cancel_reconnect();
    sim.switches.is_taking = true;
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer"]);
    assert_over(&mut sim);
}

#[test]
fn reconnect_after_comes_back_whatever_the_policy_and_fractions_count() {
    // As Workerman's onClose does it.
    let mut sim = simulate(client().reconnect(Reconnect::never()), []);
    for attempt in 1..4 {
        sim.settle();
        sim.cut();
        sim.settle();
        sim.expect(&["connected", "open", "error transport", "closed 1006 broken peer"]);
        assert!(sim.session.is_over());
        sim.session.reconnect_after(ms(500), sim.now);
        sim.settle();
        assert!(!sim.session.is_over());
        sim.expect(&[&format!("reconnecting {attempt} in 500ms")]);
        sim.advance(ms(499));
        sim.expect(&[]);
        sim.advance(ms(1));
    }
}

#[test]
fn reconnect_after_in_each_state_holds_once() {
    for (plan, wait, trace) in [
        (Plan::BlackHole, 10, &["error connect", "closed 1006 broken us", "reconnecting 1 in 250ms"][..]),
        (
            Plan::Silent,
            10,
            &["connected", "error handshake", "closed 1006 broken us", "reconnecting 1 in 250ms"],
        ),
    ] {
        let mut sim = simulate(client().reconnect(fixed()), [plan, Plan::Refuse]);
        sim.settle();
        sim.session.reconnect_after(ms(250), sim.now);
        sim.advance(secs(wait));
        sim.expect(trace);
        sim.advance(ms(250));
        sim.settle();
        sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 2 in 60s"]);
        // While waiting: in place of what was to follow, counted once.
        sim.session.reconnect_after(ms(100), sim.now);
        sim.settle();
        sim.expect(&["reconnecting 2 in 100ms"]);
        sim.session.reconnect_after(ms(200), sim.now);
        sim.settle();
        sim.advance(ms(150));
        sim.expect(&["reconnecting 2 in 200ms"]);
        sim.advance(ms(50));
        sim.settle();
        sim.expect(&["connected", "open"]);
        // While open, after a clean end.
        sim.session.reconnect_after(ms(30), sim.now);
        let now = sim.now;
        sim.server().close(CloseCode::NORMAL, now);
        sim.settle();
        sim.expect(&["closing 1000", "closed 1000 clean peer", "reconnecting 3 in 30ms"]);
    }
    // Before the first attempt, which is made at once.
    let mut sim = simulate(client().reconnect(Reconnect::never()), [Plan::Refuse]);
    sim.session.reconnect_after(secs(3), sim.now);
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 1 in 3s"]);
    // After `close`, while it closes: the user wants it back after all.
    let mut sim = simulate(client().reconnect(fixed()), []);
    sim.settle();
    CLOSE(&mut sim);
    sim.session.reconnect_after(secs(3), sim.now);
    sim.send("next time");
    sim.advance(secs(3));
    sim.settle();
    let expected = ["closing 1000", "closed 1000 clean us", "reconnecting 1 in 3s", "connected", "open"];
    assert_eq!(sim.lines()[2..], expected);
    assert_eq!(sim.seen.received, [(2, "next time".into())]);
    // For ever.
    sim.cut();
    sim.settle();
    sim.session.reconnect_after(std::time::Duration::MAX, sim.now);
    assert_eq!(sim.session.poll_timeout(), None);
    sim.advance(secs(1 << 40));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn reconnect_after_unsays_an_attempt_that_nobody_heard_of() {
    let mut sim = simulate(client().reconnect(fixed()), [Plan::Refuse]);
    sim.switches.is_taking = false;
    sim.settle();
    sim.session.reconnect_after(secs(2), sim.now);
    sim.switches.is_taking = true;
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 1 in 2s"]);
}

#[test]
fn pausing_holds_on_all_connections_and_loses_nothing() {
    let builder = client().reconnect(fixed()).ping_interval(secs(20)).pong_timeout(secs(20));
    let mut sim = simulate(builder, []);
    sim.session.pause(sim.now);
    sim.advance(secs(1));
    sim.expect(&["connected", "open"]);
    sim.server().send("kept").expect("an open connection");
    // No pong is missed.
    sim.advance(secs(300));
    sim.expect(&[]);
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.session.resume(sim.now);
    sim.settle();
    assert_eq!(sim.lines()[0], "message kept");
    sim.advance(secs(300));
    assert!(sim.lines().iter().all(|event| event == "pong"));
    sim.session.pause(sim.now);
    sim.session.close(frame(1000), sim.now);
    sim.settle();
    sim.lines();
    sim.session.reconnect_after(secs(1), sim.now);
    sim.advance(secs(2));
    sim.expect(&["reconnecting 1 in 1s", "connected", "open"]);
    sim.server().send("kept").expect("an open connection");
    sim.advance(secs(1));
    sim.expect(&[]);
}

#[test]
fn status_and_stats_say_where_it_is_and_what_it_did() {
    let mut sim = simulate(client().reconnect(fixed()), [Plan::Silent, Plan::Refuse]);
    sim.then(serve());
    assert_eq!(sim.session.status(), ClientStatus::Connecting);
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Connecting);
    sim.advance(secs(130));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.send("four");
    sim.server().send("five!").expect("an open connection");
    let before = sim.session.stats();
    sim.settle();
    let stats = sim.session.stats();
    assert_eq!((stats.attempts, stats.connections), (3, 1));
    assert_eq!((stats.messages_sent, stats.messages_received), (1, 1));
    assert_eq!((stats.bytes_written - before.bytes_written, stats.bytes_read - before.bytes_read), (10, 7));
    CLOSE(&mut sim);
    assert_eq!(sim.session.status(), ClientStatus::Closing);
    sim.settle();
    sim.lines();
    assert_over(&mut sim);
}
