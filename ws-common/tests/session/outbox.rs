//! Messages that wait, over as many connections as it takes; at most once.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientEvent, ClientStatus, ConfirmError},
};
use ws_core::{CloseCode, Machine, Message, SendError};

use crate::support::{Plan, Serve, Sim, client, ms, secs};

fn at_once() -> Reconnect {
    Reconnect::after(ms(1))
}

#[test]
fn what_is_sent_before_the_connection_exists_goes_out_first_and_in_order() {
    let mut sim = Sim::new(client().reconnect(at_once()), [Plan::Refuse, Plan::Silent]);
    sim.send("0");
    sim.settle();
    sim.send("1");
    sim.advance(secs(1));
    sim.send("2");
    sim.advance(secs(10));
    assert_eq!(sim.texts(), ["0", "1", "2"]);
    sim.send("3");
    sim.settle();
    assert_eq!(sim.texts(), ["0", "1", "2", "3"]);
    assert_eq!(sim.session.stats().messages_sent, 4);
}

#[test]
fn a_message_may_come_with_the_101() {
    for chunk in [1, usize::MAX] {
        let plan = Plan::Serve(Serve { greeting: Some("welcome"), ..Serve::default() });
        let mut sim = Sim::new(client(), [plan]);
        sim.chunk = chunk;
        sim.settle();
        sim.expect(&["connected", "open", "message welcome"]);
    }
}

/// Frames of the messages 0 to 9, of these lengths on the wire.
fn ten() -> (Vec<String>, Vec<usize>) {
    let texts: Vec<_> = (0..10).map(|n| format!("{n}{}", "x".repeat(if n == 5 { 200 } else { n }))).collect();
    let lengths = texts.iter().map(|text| text.len() + if text.len() > 125 { 8 } else { 6 }).collect();
    (texts, lengths)
}

#[test]
fn what_the_transport_had_taken_whole_is_not_sent_again_and_all_else_is() {
    let (texts, lengths) = ten();
    let total: usize = lengths.iter().sum();
    for cut in 0..=total {
        for chunk in [3, usize::MAX] {
            for is_lossy in [false, true] {
                let delivers = is_lossy.then_some(0);
                let plan = Plan::Serve(Serve { takes: Some(cut), delivers, ..Serve::default() });
                let mut sim = Sim::new(client().reconnect(at_once()), [plan]);
                sim.chunk = chunk;
                for text in &texts {
                    sim.send(text);
                }
                sim.advance(ms(10));
                if cut == 0 || cut == total {
                    // Nothing is left that would show the cut, or it is seen with the first byte.
                    sim.advance(secs(40));
                }
                let mut ends = 0;
                let taken = lengths
                    .iter()
                    .take_while(|length| {
                        ends += *length;
                        ends <= cut
                    })
                    .count();
                let expected = if is_lossy { &texts[taken..] } else { &texts[..] };
                assert_eq!(sim.texts(), expected, "cut at {cut}, {chunk} at a time");
                assert_eq!(sim.session.flushed(None), Some(Ok(())));
                assert_eq!(sim.session.stats().messages_sent, 10);
            }
        }
    }
}

#[test]
fn messages_keep_their_order_over_many_connections() {
    let mut plans = Vec::new();
    for cut in 1..200 {
        plans.push(Plan::Serve(Serve { takes: Some(cut % 37), ..Serve::default() }));
        plans.push([Plan::Refuse, Plan::NoName][cut % 2].clone());
    }
    let mut sim = Sim::new(client().reconnect(at_once()), plans);
    let mut sent = Vec::new();
    for n in 0..400 {
        sent.push(format!("{n}"));
        sim.send(&sent[n]);
        sim.advance(ms(n as u64 % 3));
    }
    sim.advance(secs(60));
    assert_eq!(sim.texts(), sent);
}

#[test]
fn a_close_of_the_peer_displaces_what_has_not_begun_and_it_goes_to_the_next_connection() {
    let mut sim = Sim::new(client().reconnect(at_once()), []);
    sim.settle();
    sim.is_blocked = true;
    sim.send("first");
    sim.send("second");
    let now = sim.now;
    sim.server().close(CloseCode::GOING_AWAY, now);
    sim.settle();
    sim.is_blocked = false;
    sim.advance(ms(10));
    assert_eq!(sim.received, [(2, "first".into()), (2, "second".into())]);
}

#[test]
fn the_outbox_is_bounded_and_says_once_that_it_is_full_and_that_it_is_empty() {
    let mut sim = Sim::new(client().max_send_buffer(100).reconnect(at_once()), [Plan::Silent]);
    sim.settle();
    sim.trace();
    let mut accepted = 0;
    while sim.session.has_room() {
        sim.send("0123456789");
        accepted += 1;
    }
    // Of 16 bytes on the wire each.
    assert_eq!(accepted, 7);
    let refused = sim.session.send("refused");
    assert!(matches!(refused, Err(SendError::Full { message, .. }) if message.as_bytes() == b"refused"));
    assert!(sim.session.send("refused").is_err());
    sim.settle();
    sim.expect(&["full"]);
    sim.advance(secs(11));
    let trace = sim.trace();
    assert_eq!(trace.iter().filter(|event| *event == "drained").count(), 1);
    assert!(!trace.contains(&"full".into()));
    // Again, of one message that is larger than the limit.
    sim.is_blocked = true;
    sim.send(&"x".repeat(1000));
    assert!(!sim.session.has_room());
    sim.settle();
    sim.expect(&["full"]);
    sim.is_blocked = false;
    sim.settle();
    sim.expect(&["drained"]);
    // Half empty is neither.
    sim.is_blocked = true;
    (0..7).for_each(|_| sim.send("0123456789"));
    sim.is_blocked = false;
    sim.chunk = 1;
    for _ in 0..3 {
        while !sim.session.has_room() {
            let now = sim.now;
            sim.session.outbound();
            let n = 16.min(sim.session.outbound().len());
            ws_core::bytes::Buf::advance(sim.session.outbound(), n);
            sim.session.handle_write(n, now);
        }
        sim.send("0123456789");
    }
    sim.settle();
    sim.expect(&["full", "drained"]);
}

#[test]
fn empty_messages_count() {
    let mut sim = Sim::new(client(), [Plan::BlackHole]);
    sim.settle();
    let accepted = std::iter::from_fn(|| sim.session.send(Message::binary("")).ok()).take(1 << 20).count();
    assert!(accepted < 200_000, "{accepted}");
    // Whatever the limit, one goes.
    let mut sim = Sim::new(client().max_send_buffer(0), []);
    sim.send("x");
    assert!(sim.session.send("y").is_err());
    sim.settle();
    sim.send("y");
    sim.settle();
    assert_eq!(sim.texts(), ["x", "y"]);
}

#[test]
fn what_is_left_at_the_end_is_handed_back() {
    let mut sim = Sim::new(client().max_send_buffer(10).reconnect(Reconnect::never()), [Plan::Refuse]);
    sim.send("left over");
    sim.settle();
    assert_eq!(sim.session.flushed(None), Some(Err(SendError::Closed(None))), "nothing will ever be sent");
    assert_eq!(sim.session.take_unsent(), ["left over"]);
    assert!(sim.session.take_unsent().is_empty());
    sim.expect(&["full", "error connect", "closed 1006 broken peer"]);
    sim.settle();
    assert!(sim.session.is_over(), "nothing comes after the last event");
    sim.session.reconnect_after(secs(1), sim.now);
    sim.settle();
    sim.expect(&["reconnecting 1 in 1s", "drained"]);
    // What is not taken back goes to a connection that the user wants later.
    let mut sim = Sim::new(client().reconnect(Reconnect::never()), [Plan::Refuse]);
    sim.send("left over");
    sim.settle();
    sim.session.reconnect_after(secs(1), sim.now);
    sim.send("more");
    sim.advance(secs(1));
    sim.settle();
    assert_eq!(sim.texts(), ["left over", "more"]);
}

#[test]
fn what_an_open_connection_has_is_not_handed_back() {
    let mut sim = Sim::new(client(), []);
    sim.settle();
    sim.is_blocked = true;
    sim.send("given");
    for _ in 0..9 {
        sim.send(&"x".repeat(10_000));
    }
    let unsent = sim.session.take_unsent();
    assert_eq!(unsent.len(), 2);
    sim.is_blocked = false;
    sim.settle();
    assert_eq!(sim.received.len() + unsent.len(), 10);
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    sim.send("next");
    sim.settle();
    assert_eq!(sim.texts().last(), Some(&"next"));
}

#[test]
fn a_proof_can_be_asked_for_without_confirmed_delivery() {
    let mut sim = Sim::new(client().reconnect(at_once()), []);
    let nothing = sim.confirm();
    assert_eq!(sim.outcome(&nothing), Some(Ok(())));
    sim.send("a");
    let waits = sim.confirm();
    assert_eq!(sim.outcome(&waits), None);
    sim.settle();
    assert_eq!(sim.outcome(&waits), Some(Ok(())));
    assert_eq!(sim.outcome(&waits), Some(Ok(())));
    sim.expect(&["connected", "open", "pong"]);
    // Without a message no ping; without a question neither.
    let same = sim.confirm();
    assert_eq!(sim.outcome(&same), Some(Ok(())));
    sim.send("b");
    sim.settle();
    sim.expect(&[]);
}

#[test]
fn what_a_lost_connection_had_taken_is_not_proven_by_the_next() {
    let silent = || Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    // Asked before the loss, after it, and before and after.
    for (before, after) in [(true, false), (false, true), (true, true)] {
        let mut sim = Sim::new(client().reconnect(at_once()), [silent()]);
        sim.settle();
        sim.send("taken");
        let asked = before.then(|| sim.confirm());
        sim.settle();
        sim.cut(false);
        sim.advance(ms(10));
        assert_eq!(sim.session.status(), ClientStatus::Open);
        let late = after.then(|| sim.confirm());
        sim.settle();
        for ticket in asked.into_iter().chain(late) {
            assert_eq!(sim.outcome(&ticket), Some(Err(ConfirmError::Lost)), "{before}, {after}");
        }
        // Once somebody was told, what comes now can be proven, also after a connection that has ended for nothing.
        sim.cut(false);
        sim.advance(ms(10));
        sim.send("new");
        let ticket = sim.confirm();
        sim.settle();
        assert_eq!(sim.outcome(&ticket), Some(Ok(())));
        sim.cut(false);
        sim.advance(ms(10));
        assert_eq!(sim.outcome(&ticket), Some(Ok(())));
        // What was proven is so, whatever is lost behind it.
        sim.send("lost");
        sim.settle();
        sim.cut(false);
        sim.advance(ms(10));
        assert_eq!(sim.outcome(&ticket), Some(Ok(())));
        let late = sim.confirm();
        assert_eq!(sim.outcome(&late), Some(Err(ConfirmError::Lost)));
    }
}

#[test]
fn what_had_not_left_stays_to_be_proven() {
    let mut sim = Sim::new(client().reconnect(at_once()), []);
    sim.settle();
    sim.is_blocked = true;
    sim.send("waits");
    let ticket = sim.confirm();
    sim.settle();
    sim.cut(true);
    sim.is_blocked = false;
    sim.advance(ms(10));
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
}

#[test]
fn nothing_is_proven_after_the_end() {
    let mut sim = Sim::new(client(), [Plan::BlackHole]);
    sim.send("never");
    let ticket = sim.confirm();
    sim.settle();
    sim.session.abort(sim.now);
    assert_eq!(sim.outcome(&ticket), Some(Err(ConfirmError::Closed)));
    let late = sim.confirm();
    assert_eq!(sim.outcome(&late), Some(Err(ConfirmError::Closed)));
    sim.session.take_unsent();
    let Ok(Some(ClientEvent::Closed(_))) = sim.session.poll_event() else { panic!("an end") };
}

#[test]
fn questions_cost_nothing_and_answers_do_not_change() {
    let mut sim = Sim::new(client(), []);
    sim.settle();
    let mut tickets = Vec::new();
    for _ in 0..1000 {
        sim.send("x");
        tickets.push(sim.confirm());
        sim.settle();
    }
    for ticket in tickets {
        assert_eq!(sim.outcome(&ticket), Some(Ok(())));
    }
}

#[test]
fn what_waits_goes_before_the_close_and_is_proven_with_it() {
    let mut sim = Sim::new(client(), []);
    sim.settle();
    sim.send("last");
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    let ticket = sim.confirm();
    sim.settle();
    // The question came too late: nothing follows a Close frame.
    assert_eq!(sim.outcome(&ticket), Some(Err(ConfirmError::Lost)));
    let mut sim = Sim::new(client(), []);
    sim.settle();
    (sim.is_blocked, sim.chunk) = (true, 9);
    (0..100).for_each(|_| sim.send(&"x".repeat(4000)));
    let ticket = sim.confirm();
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    sim.is_blocked = false;
    sim.settle();
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
    assert_eq!(sim.received.len(), 100);
}
