//! The end of a connection that the user or the peer closes: what still leaves, and how long it may take.

use ws_common::{
    reconnect::{GiveUp, Reconnect},
    session::{ClientBuilder, ClientStatus, Delivery, Session},
};
use ws_core::bytes::Buf;
use ws_core::{CloseCode, Config, Machine, SendError};

use crate::support::{Plan, Serve, Sim, Steps, client, frame, ms, secs, simulate};

/// A client without reconnecting, whose policy `change` may set.
fn never() -> ClientBuilder<Session> {
    client().reconnect(Reconnect::never())
}

/// Five messages, of which a connection takes three at a time, and a peer that closes with this code before one of them has left.
fn closed_by_the_peer(builder: ClientBuilder<Session>, code: u16, change: impl FnOnce(&mut Sim)) -> Sim {
    let mut sim = simulate(builder, []);
    sim.settle();
    change(&mut sim);
    sim.switches.is_blocked = true;
    (0..5).for_each(|n| sim.send(&format!("{n}{}", "x".repeat(30_000))));
    let now = sim.now;
    sim.server().close(frame(code), now);
    sim.settle();
    sim.switches.is_blocked = false;
    sim.settle();
    sim
}

#[test]
fn a_client_that_surely_does_not_reconnect_sends_its_outbox_before_it_answers() {
    let nothing: fn(&mut Sim) = |_| ();
    let cancels: fn(&mut Sim) = |sim| sim.session.cancel_reconnect();
    let comes_back: fn(&mut Sim) = |sim| sim.session.reconnect_after(secs(60), sim.now);
    let stays: fn(&mut Sim) = |sim| sim.advance(secs(10));
    let nearly_stable: fn(&mut Sim) = |sim| sim.advance(ms(9_500));
    let after = || client().reconnect(Reconnect::after(secs(60)));
    let limited = |limit: fn(Reconnect) -> Reconnect| client().reconnect(limit(Reconnect::backoff()));
    let cases = [
        ("never", never(), 1000, nothing, true),
        ("never, whatever the code", never(), 1012, nothing, true),
        ("the user cancels", after(), 1012, cancels, true),
        ("after everything", after(), 1000, nothing, false),
        ("the user comes back", never(), 1000, comes_back, false),
        ("a hook decides", client().reconnect(Reconnect::never().decide(|_| None)), 1000, nothing, false),
        ("a code after which it comes back", client(), 1012, nothing, false),
        ("no attempts", limited(|policy| policy.max_attempts(0)), 1012, nothing, true),
        ("no attempts, stable", limited(|policy| policy.max_attempts(0)), 1012, stays, true),
        ("attempts are left", limited(|policy| policy.max_attempts(1)), 1012, nothing, false),
        ("no time", limited(|policy| policy.max_elapsed(ms(99))), 1012, nothing, true),
        ("no time, stable", limited(|policy| policy.max_elapsed(ms(99))), 1012, stays, true),
        ("perhaps time", limited(|policy| policy.max_elapsed(ms(101))), 1012, nothing, false),
        ("time is used up", limited(|policy| policy.max_elapsed(secs(9))), 1012, nearly_stable, true),
        ("time anew", limited(|policy| policy.max_elapsed(secs(9))), 1012, stays, false),
        ("a limit, but the user comes back", limited(|p| p.max_attempts(0)), 1012, comes_back, false),
        (
            "a limit, but a hook",
            limited(|policy| policy.max_attempts(0).decide(|_| None)),
            1012,
            nothing,
            false,
        ),
    ];
    for (case, builder, code, change, is_sent) in cases {
        let sim = closed_by_the_peer(builder, code, change);
        assert_eq!(sim.seen.received.len(), if is_sent { 5 } else { 0 }, "{case}");
        assert_eq!(sim.seen.unsent, [if is_sent { 0 } else { 5 }], "{case}");
    }
}

#[test]
fn a_limit_that_is_reached_on_a_later_connection_lets_the_outbox_out() {
    // The third connection in a row that is not stable has the last attempt.
    let policy = Reconnect::after(secs(1)).max_attempts(2);
    let closes = || Plan::Serve(Serve { closes: Some(1012), ..Serve::default() });
    let mut sim = simulate(client().reconnect(policy), [closes(), closes()]);
    sim.advance(secs(2));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.switches.is_blocked = true;
    (0..5).for_each(|n| sim.send(&format!("{n}{}", "x".repeat(30_000))));
    // A closing handshake that takes longer does not make the connection stable.
    sim.advance(ms(9_000));
    let now = sim.now;
    sim.server().close(frame(1012), now);
    sim.settle();
    sim.advance(ms(1_500));
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.seen.received.len(), 5);
    assert_eq!(sim.seen.unsent, [0, 0, 0]);
    assert_eq!(sim.seen.gave_up, Some(GiveUp::Attempts(2)));
}

#[test]
fn a_confirmed_outbox_leaves_too_and_what_is_not_proven_is_handed_back() {
    let mut sim = closed_by_the_peer(never().delivery(Delivery::Confirmed), 1000, |_| ());
    assert_eq!(
        (sim.seen.received.len(), &sim.seen.unsent[..]),
        (5, &[5][..]),
        "a peer that has closed answers no ping"
    );
    assert_eq!(sim.session.take_unsent().len(), 5);
}

#[test]
fn the_outbox_has_the_close_timeout_from_the_read_that_brought_the_close() {
    // The server is more patient.
    let config = Config::default().close_timeout(secs(3));
    let mut sim = simulate(never().config(config), []);
    sim.settle();
    sim.switches.is_blocked = true;
    (0..5).for_each(|n| sim.send(&format!("{n}{}", "x".repeat(30_000))));
    let now = sim.now;
    sim.server().close(frame(1000), now);
    sim.settle();
    // Progress does not make it longer.
    for _ in 0..2 {
        sim.advance(secs(1));
        take(&mut sim, 10);
    }
    assert_eq!(sim.seen.received.len(), 0);
    sim.advance(ms(900));
    sim.lines();
    sim.advance(ms(100));
    sim.switches.is_blocked = false;
    sim.settle();
    sim.expect(&["closed 1000 clean peer"]);
    assert_eq!(sim.seen.received.len(), 1, "the one that has begun");
    assert_eq!(sim.seen.unsent, [4]);
}

/// The transport takes so many bytes, though it is blocked, and they arrive.
fn take(sim: &mut Sim, n: usize) {
    let now = sim.now;
    let n = n.min(sim.session.outbound().remaining());
    let mut bytes = vec![0; n];
    sim.session.outbound().copy_to_slice(&mut bytes);
    let server = sim.server();
    server.inbound().extend_from_slice(&bytes);
    server.handle_read(n, now);
    sim.session.handle_write(n, now);
}

#[test]
fn a_reply_to_a_message_before_the_close_leaves_before_ours() {
    for is_taking in [true, false] {
        let mut sim = simulate(never(), []);
        sim.settle();
        sim.lines();
        sim.switches.is_taking = is_taking;
        let now = sim.now;
        sim.server().send("question").expect("room");
        sim.server().close(frame(1000), now);
        if is_taking {
            // One read brings both, and the client takes them one by one.
            sim.switches.is_taking = false;
            let mut bytes = vec![0; sim.server().outbound().remaining()];
            sim.server().outbound().copy_to_slice(&mut bytes);
            sim.server().handle_write(bytes.len(), now);
            sim.inject(&bytes);
        } else {
            sim.settle();
        }
        let Ok(Some(_)) = sim.session.poll_event() else { panic!("the question") };
        sim.send("answer");
        sim.switches.is_taking = true;
        sim.settle();
        assert_eq!(sim.texts(), ["answer"]);
        sim.expect(&["closing 1000", "closed 1000 clean peer"]);
        assert_eq!(sim.seen.unsent, [0]);
    }
}

/// A client whose `on_open` has two messages, and which comes back. Its connection is open, and takes no bytes.
fn with_a_login(delivery: Delivery) -> Sim {
    let builder = client().delivery(delivery).reconnect(Reconnect::after(secs(60)));
    let mut sim = simulate(builder.on_open(|_| ["login", "subscribe"]), []);
    sim.hesitate(true);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.hesitate(false);
    sim
}

#[test]
fn messages_of_the_present_connection_leave_before_the_answer_though_another_attempt_follows() {
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        // The transport takes so many bytes before the peer closes.
        for begun in 0.. {
            let mut sim = with_a_login(delivery);
            let large = format!("large {}", "x".repeat(40_000));
            sim.send("order 0");
            sim.session.send_now("now 0").expect("room");
            sim.send("order 1");
            sim.send("order 2");
            sim.session.send_now(&*large).expect("room");
            sim.session.send_now("now 1").expect("room");
            sim.send("order 3");
            // Of the large message, its beginning and its end.
            let all = sim.session.outbound().len();
            let begun = if begun > 200 { begun + all - 400 } else { begun };
            if begun > all {
                break;
            }
            if begun > 0 {
                take(&mut sim, begun);
            }
            let now = sim.now;
            sim.server().close(frame(1012), now);
            sim.settle();
            assert_eq!(sim.session.status(), ClientStatus::Closing);
            sim.switches.is_blocked = false;
            sim.settle();
            let case = format!("{delivery:?}, {begun} of {all} bytes");
            let texts = sim.texts().into_iter();
            let (orders, others): (Vec<_>, Vec<_>) = texts.partition(|text| text.starts_with("order"));
            assert_eq!(others, ["login", "subscribe", "now 0", &*large, "now 1"], "{case}");
            assert!(["order 0", "order 1", "order 2", "order 3"].starts_with(&orders), "{case}");
            let left = orders.len();
            let ahead = if delivery == Delivery::Confirmed { 26 + 14 } else { 26 };
            assert_eq!(left == 0, begun <= ahead, "{case}: behind the login, the subscription and a ping");
            if delivery == Delivery::AtMostOnce {
                assert_eq!(sim.seen.unsent, [4 - left], "{case}");
                assert_eq!(sim.session.stats().messages_sent as usize, 5 + left, "{case}");
            }
            assert!(sim.lines().contains(&"closed 1012 clean peer".into()), "{case}");
            // The next connection has its own login, and the orders that did not leave.
            sim.advance(secs(61));
            let texts: Vec<_> = sim.texts().split_off(5 + left);
            assert_eq!(texts[..2], ["login", "subscribe"], "{case}");
            let again = if delivery == Delivery::AtMostOnce { left } else { 4 - (texts.len() - 2) };
            assert!(again <= left, "{case}");
            assert_eq!(texts[2..], ["order 0", "order 1", "order 2", "order 3"][again..], "{case}");
            let flushed = sim.session.flushed(None);
            match delivery {
                Delivery::AtMostOnce => assert_eq!(flushed, Some(Ok(())), "{case}"),
                // A peer that has closed answers no ping.
                Delivery::Confirmed => assert!(flushed.is_some(), "{case}"),
            }
        }
    }
}

#[test]
fn a_reply_on_the_present_connection_leaves_before_the_answer_though_another_attempt_follows() {
    let mut sim = with_a_login(Delivery::AtMostOnce);
    sim.settle();
    sim.lines();
    sim.switches.is_taking = false;
    // A text and a Close frame in one read.
    sim.inject(b"\x81\x08question\x88\x02\x03\xF4");
    let Ok(Some(_)) = sim.session.poll_event() else { panic!("the question") };
    sim.session.send_now("answer").expect("the Close frame was not looked at");
    sim.send("order");
    sim.switches.is_taking = true;
    sim.settle();
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.texts(), ["login", "subscribe", "answer"]);
    assert_eq!(sim.session.take_unsent().len(), 1);
}

#[test]
fn messages_of_the_present_connection_that_do_not_leave_in_time_are_told() {
    let mut sim = with_a_login(Delivery::AtMostOnce);
    sim.session.send_now("now").expect("room");
    sim.send("order");
    let now = sim.now;
    sim.server().close(frame(1012), now);
    sim.settle();
    assert_eq!(sim.session.outbound().len(), 11 + 15 + 9 + 8, "all but the order, and the answer");
    sim.advance(secs(5));
    assert_eq!(sim.session.outbound().len(), 8, "the answer has overtaken the messages");
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.texts(), [""; 0]);
    assert_eq!(sim.seen.unsent, [1]);
    sim.advance(secs(61));
    assert_eq!(sim.texts(), ["login", "subscribe", "order"]);
    assert_eq!(sim.session.flushed(None), Some(Err(SendError::Undelivered)));
}

#[test]
fn without_anybody_who_takes_events_a_close_is_answered_at_once_or_after_its_time() {
    // The peer closes while nobody takes events.
    let closed_by_peer = |is_consumer_gone: bool| {
        let mut sim = simulate(never(), []);
        sim.settle();
        sim.switches.is_taking = false;
        if is_consumer_gone {
            sim.session.discard_events();
        }
        sim.server().close(frame(1000), crate::support::at(0));
        sim
    };
    // The consumer is gone.
    let mut sim = closed_by_peer(true);
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    // The consumer goes while the frame waits.
    let mut sim = closed_by_peer(false);
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.session.discard_events();
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    // The consumer does something else for long.
    let mut sim = closed_by_peer(false);
    sim.advance(ms(4999));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.advance(ms(1));
    assert_eq!(sim.session.status(), ClientStatus::Closed);
}

#[test]
fn a_caller_that_waits_for_a_proof_does_not_wait_until_somebody_takes_a_close() {
    let asks: fn(&mut Sim) -> ws_common::session::Ticket = |sim| {
        sim.send("x");
        sim.confirm()
    };
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        for is_first in [true, false] {
            let mut sim = simulate(never().delivery(delivery), []);
            sim.settle();
            (sim.switches.is_taking, sim.switches.is_mute) = (false, true);
            let early = is_first.then(|| asks(&mut sim));
            sim.settle();
            sim.switches.is_mute = false;
            sim.server().close(frame(1000), crate::support::at(0));
            sim.settle();
            // With confirmed delivery it is over already.
            let late = || delivery == Delivery::AtMostOnce;
            let ticket = early.or_else(|| late().then(|| asks(&mut sim)));
            sim.settle();
            assert_eq!(sim.session.status(), ClientStatus::Closed, "{delivery:?}, {is_first}");
            if let Some(ticket) = ticket {
                assert!(matches!(sim.outcome(&ticket), Some(Err(_))), "{delivery:?}, {is_first}");
            }
        }
    }
}

#[test]
fn closing_lasts_as_long_as_the_outbox_leaves_and_then_no_longer_than_twice_its_time() {
    for is_mute in [false, true] {
        let mut sim = simulate(client(), []);
        sim.settle();
        sim.switches.is_blocked = true;
        (0..5).for_each(|n| sim.send(&format!("{n}{}", "x".repeat(30_000))));
        sim.session.close(CloseCode::NORMAL.into(), sim.now);
        // Slow, but faster than nothing in 5 s: 32 s in all.
        for _ in 0..8 {
            sim.advance(secs(4));
            take(&mut sim, 10_000);
        }
        assert_eq!(sim.session.status(), ClientStatus::Closing);
        sim.switches.is_mute = is_mute;
        if is_mute {
            // No progress any more.
            sim.advance(ms(4_999));
            assert_eq!(sim.session.status(), ClientStatus::Closing);
            sim.advance(secs(5));
            assert_eq!(sim.seen.unsent, [3]);
        } else {
            sim.switches.is_blocked = false;
            sim.settle();
            assert_eq!(sim.seen.received.len(), 5);
            assert_eq!(sim.seen.unsent, [0]);
        }
        assert_eq!(sim.session.status(), ClientStatus::Closed);
    }
}

#[test]
fn without_an_open_connection_closing_ends_at_once() {
    for plan in [Plan::BlackHole, Plan::Silent, Plan::Refuse] {
        let mut sim = simulate(client(), [plan.clone()]);
        sim.send("waits");
        sim.settle();
        sim.session.close(CloseCode::NORMAL.into(), sim.now);
        assert_eq!(sim.session.status(), ClientStatus::Closed, "{plan:?}");
        sim.settle();
        assert!(!sim.is_connected());
        assert!(sim.session.is_over());
    }
}
