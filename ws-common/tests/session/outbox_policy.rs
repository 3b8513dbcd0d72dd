//! The outbox when there is no connection, messages with a time to live, and `clear`.

use ws_common::{
    reconnect::Reconnect,
    session::{ConfirmError, Delivery, Mark, OutboxPolicy},
};
use ws_core::{CloseCode, Machine, SendError};

use crate::support::{Plan, Serve, Sim, Steps, client, ms, secs, simulate};

fn at_once() -> Reconnect {
    Reconnect::after(ms(1))
}

fn send_for(sim: &mut Sim, text: &'static str, milliseconds: u64) {
    let expires = sim.now + ms(milliseconds);
    sim.session.send_until(text.into(), expires, None, sim.now).expect("room for a message");
}

#[test]
fn dropped_messages_are_counted_and_do_not_leave_on_a_later_connection() {
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        let builder = client().reconnect(at_once()).delivery(delivery).when_lost(OutboxPolicy::Drop);
        let mut sim = simulate(builder, [Plan::Refuse]);
        sim.send("0");
        sim.advance(secs(1));
        assert_eq!(sim.texts(), ["0"], "an attempt that fails loses nothing");
        sim.switches.is_blocked = true;
        sim.send("1");
        sim.send("2");
        sim.settle();
        sim.reset();
        sim.settle();
        sim.switches.is_blocked = false;
        assert_eq!(sim.seen.unsent, [1, 0]);
        assert_eq!(sim.session.stats().messages_dropped, 2);
        assert_eq!(sim.session.stats().outbox_messages, 0);
        assert!(matches!(sim.session.flushed(None), Some(Err(SendError::Undelivered))));
        sim.send("3");
        sim.advance(secs(1));
        assert_eq!(sim.texts(), ["0", "3"]);
    }
}

#[test]
fn a_client_that_the_user_closes_keeps_its_messages_for_take_unsent() {
    let mut sim = simulate(client().when_lost(OutboxPolicy::Drop), []);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.send("0");
    sim.session.abort(sim.now);
    sim.settle();
    assert_eq!(sim.session.take_unsent(), ["0"]);
}

#[test]
fn messages_are_refused_while_no_connection_is_open() {
    let builder = client().reconnect(at_once()).when_lost(OutboxPolicy::Refuse);
    let mut sim = simulate(builder, []);
    let refused = |sim: &mut Sim| matches!(sim.session.send("x"), Err(SendError::NotConnected(message)) if message == "x");
    assert!(refused(&mut sim));
    assert!(!sim.session.is_accepting());
    sim.settle();
    sim.switches.is_blocked = true;
    sim.send("accepted");
    sim.reset();
    sim.settle();
    assert!(refused(&mut sim));
    sim.switches.is_blocked = false;
    sim.advance(secs(1));
    assert_eq!(sim.texts(), ["accepted"], "it waits for the next connection");
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    sim.settle();
    assert!(matches!(sim.session.send("x"), Err(SendError::Closed(Some(_)))));
}

#[test]
fn an_expired_message_is_not_sent_and_is_counted() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(3))), [Plan::Refuse, Plan::Refuse]);
    let mark = Mark::new();
    let expires = sim.now + secs(2);
    sim.session.send_until("stale".into(), expires, Some(&mark), sim.now).unwrap();
    sim.send("fresh");
    let ticket = sim.session.confirm(Some(&mark)).unwrap();
    send_for(&mut sim, "long", 60_000);
    sim.advance(ms(1999));
    assert_eq!((sim.session.stats().messages_expired, sim.session.stats().outbox_messages), (0, 3));
    sim.advance(ms(1));
    let stats = sim.session.stats();
    assert_eq!((stats.messages_expired, stats.outbox_messages, stats.outbox_bytes), (1, 2, 21));
    assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), Some(Err(ConfirmError::Lost)));
    assert!(matches!(sim.session.flushed(Some(&mark)), Some(Err(SendError::Undelivered))));
    sim.advance(secs(10));
    assert_eq!(sim.texts(), ["fresh", "long"]);
    send_for(&mut sim, "late", 0);
    sim.settle();
    assert_eq!(sim.session.stats().messages_expired, 2);
    assert_eq!(sim.session.poll_timeout(), None);
}

#[test]
fn a_message_that_may_expire_leaves_at_once_or_waits_in_the_outbox() {
    let mut sim = simulate(client().reconnect(at_once()), []);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.send("0");
    send_for(&mut sim, "expires", 1000);
    sim.send("1");
    sim.advance(secs(2));
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.texts(), ["0", "1"], "it had not begun to leave in time");
    // A message that has begun to leave is finished.
    sim.switches.chunk = 1;
    send_for(&mut sim, "begins", 1000);
    assert!(sim.session.outbound().len() > 1);
    let byte = sim.session.outbound().take_out(1).pop_front().unwrap();
    assert_eq!(byte.len(), 1);
    sim.session.handle_write(0, sim.now);
    assert_eq!(sim.session.stats().messages_expired, 1);
    assert_eq!(sim.session.stats().outbox_messages, 1);
}

#[test]
fn a_message_that_is_not_proven_expires_before_the_next_connection() {
    let builder = client().reconnect(Reconnect::after(secs(3))).delivery(Delivery::Confirmed);
    let mut sim = simulate(builder, [Plan::Serve(Serve { is_mute: true, ..Serve::default() })]);
    send_for(&mut sim, "once", 1000);
    sim.settle();
    assert_eq!(sim.texts(), ["once"]);
    sim.reset();
    sim.advance(secs(10));
    assert_eq!(sim.texts(), ["once"]);
    assert_eq!(sim.session.stats().messages_expired, 1);
}

#[test]
fn many_times_to_live_cost_few_searches() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(1000))), [Plan::Refuse]);
    sim.settle();
    for n in 0..8000 {
        send_for(&mut sim, "x", n);
    }
    let before = sim.seen.turns;
    sim.advance(secs(10));
    assert_eq!(sim.session.stats().messages_expired, 8000);
    assert!(sim.seen.turns - before < 200, "{} turns", sim.seen.turns - before);
}

#[test]
fn clear_empties_the_outbox_but_not_what_the_connection_has() {
    let mut sim = simulate(client().max_send_buffer(100).reconnect(at_once()), [Plan::Silent]);
    while sim.session.send("0123456789").is_ok() {}
    sim.settle();
    sim.lines();
    assert_eq!((sim.session.stats().outbox_messages, sim.session.stats().outbox_bytes), (7, 112));
    assert_eq!(sim.session.clear(), 7);
    assert_eq!((sim.session.stats().outbox_messages, sim.session.stats().outbox_bytes), (0, 0));
    sim.settle();
    sim.expect(&["drained"]);
    assert!(matches!(sim.session.flushed(None), Some(Err(SendError::Undelivered))));
    assert_eq!(sim.session.clear(), 0);
    sim.advance(secs(20));
    sim.switches.is_blocked = true;
    sim.send("given");
    assert_eq!(sim.session.clear(), 0);
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.texts(), ["given"]);
}
