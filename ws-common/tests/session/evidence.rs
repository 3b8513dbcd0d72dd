//! Confirmed delivery: the failures that count against a message, and those that do not.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, ClientStatus, ConfirmError, Delivery, Mark, Session},
};
use ws_core::SendError;

use crate::support::{Plan, Serve, Sim, Steps, client, ms, secs, simulate};

/// A client that reconnects a second after every end.
pub(crate) fn confirmed() -> ClientBuilder<Session> {
    client().reconnect(Reconnect::after(secs(1))).delivery(Delivery::Confirmed).max_send_buffer(64 << 20)
}

/// Larger than the 16 MiB that a server accepts.
const TOO_LARGE: usize = 20 << 20;

fn given_up(trace: &[String]) -> usize {
    trace.iter().filter(|event| event.starts_with("undelivered")).count()
}

#[test]
fn a_message_that_the_peer_refuses_is_given_up_wherever_it_waits_and_no_other_is() {
    for (before, after) in [(0, 3), (2, 2), (0, 0)] {
        for chunk in [1 << 20, usize::MAX] {
            let mut sim = simulate(confirmed(), []);
            sim.settle();
            sim.switches.chunk = chunk;
            (0..before).for_each(|n| sim.send(&n.to_string()));
            sim.session.send(vec![0; TOO_LARGE]).expect("room");
            (before..before + after).for_each(|n| sim.send(&n.to_string()));
            sim.advance(secs(60));
            let case = format!("{before} before, {after} after, {chunk} at a time");
            assert_eq!(sim.session.flushed(None), Some(Err(SendError::Undelivered)), "{case}");
            assert_eq!(sim.session.flushed(None), Some(Ok(())), "once, {case}");
            let trace = sim.lines();
            assert_eq!(given_up(&trace), 1, "{case}: {trace:?}");
            let refused = trace.iter().filter(|event| *event == "closed 1009 clean peer").count();
            assert!((5..=7).contains(&refused), "{case}: {refused}");
            let mut texts = sim.texts();
            texts.dedup();
            let last = texts.split_off(texts.len().saturating_sub(before + after));
            let expected: Vec<_> = (0..before + after).map(|n| n.to_string()).collect();
            assert_eq!(last, expected, "{case}");
        }
    }
}

#[test]
fn a_refusal_among_many_messages_costs_few_round_trips() {
    // A server that sheds load closes with 1008 (here in its bytes), and no message is the reason.
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = simulate(confirmed(), [mute]);
    sim.settle();
    (0..500).for_each(|n| sim.send(&n.to_string()));
    sim.settle();
    sim.inject(b"\x88\x02\x03\xF0");
    sim.settle();
    sim.cut();
    let before = sim.seen.pings.len();
    sim.advance(secs(5));
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    let texts = sim.texts();
    let expected: Vec<_> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(texts[texts.len() - 500..], expected);
    let proofs = sim.seen.pings.len() - before;
    assert!(proofs < 12, "{proofs} proofs");
}

#[test]
fn a_server_that_crashes_again_and_again_costs_no_message() {
    // It crashes when so many bytes have come; it may have read all of them, and may have answered.
    for delivered in [0, 20, usize::MAX] {
        for takes in [10, 27, 90, 150, 300] {
            let crash =
                Serve { takes: Some(takes), delivers: Some(delivered.min(takes)), ..Serve::default() };
            let mut sim = simulate(confirmed(), vec![Plan::Serve(crash); 12]);
            let sent: Vec<_> = (0..20).map(|n| format!("message {n}")).collect();
            for text in &sent {
                sim.send(text);
                sim.advance(ms(100));
            }
            sim.advance(secs(600));
            let trace = sim.lines();
            let case = format!("{delivered} of {takes} bytes");
            assert_eq!(given_up(&trace), 0, "{case}: {trace:?}");
            for text in &sent {
                assert!(sim.texts().contains(&&**text), "{case}: {text}");
            }
            assert_eq!(sim.session.flushed(None), Some(Ok(())), "{case}");
        }
    }
}

#[test]
fn a_path_that_drops_large_packets_costs_no_message() {
    // The transport takes everything; nothing behind the first kilobyte arrives.
    let path = Plan::Serve(Serve { delivers: Some(1000), ..Serve::default() });
    let mut sim = simulate(confirmed(), vec![path; 40]);
    let sent: Vec<_> = (0..5).map(|n| format!("{n}{}", "x".repeat(5000))).collect();
    sent.iter().for_each(|text| sim.send(text));
    sim.advance(secs(60 * 20));
    let trace = sim.lines();
    assert_eq!(given_up(&trace), 0, "{trace:?}");
    let stuck = "stuck 0xxxxxxxxxxxxxxxxxxx after";
    // Two ends concern all five; after each five more, it was alone.
    let expected: Vec<_> = [7, 12, 17, 22, 27, 32, 37]
        .map(|n| {
            format!(
                "{stuck} {n}: the peer did not answer a ping in 20s (pong_timeout), nor send anything else"
            )
        })
        .into();
    let reports: Vec<_> = trace.into_iter().filter(|event| event.starts_with("stuck")).collect();
    assert_eq!(reports, expected);
    assert_eq!(sim.texts(), sent, "once the path is whole");
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
}

/// A client whose message `poison` is stuck.
fn stuck(texts: &[&str]) -> Sim {
    let mut sim = simulate(confirmed().max_deliveries(3), []);
    sim.then(Plan::Serve(Serve { poison: Some("poison"), ..Serve::default() }));
    texts.iter().for_each(|text| sim.send(text));
    while !sim.lines().iter().any(|event| event.starts_with("stuck poison")) {
        assert_ne!(sim.session.status(), ClientStatus::Closed);
        sim.advance(ms(100));
    }
    sim
}

#[test]
fn a_message_that_crashes_its_peer_is_stuck_until_it_is_skipped_and_those_behind_it_go_on() {
    let cases: [&[&str]; 3] = [&["poison", "a", "b"], &["a", "poison", "b"], &["poison"]];
    for texts in cases {
        for at in [ms(0), ms(950), ms(1000)] {
            let mut sim = stuck(texts);
            sim.advance(at);
            assert_eq!(sim.session.flushed(None), None);
            let ticket = sim.confirm();
            assert!(sim.session.skip_stuck());
            assert!(!sim.session.skip_stuck(), "there is one only");
            sim.advance(secs(10));
            assert_eq!(sim.session.flushed(None), Some(Err(SendError::Undelivered)));
            assert_eq!(sim.session.flushed(None), Some(Ok(())));
            assert_eq!(sim.outcome(&ticket), Some(Err(ConfirmError::Lost)));
            assert_eq!(given_up(&sim.lines()), 0, "the program has it");
            let got = sim.texts();
            texts.iter().for_each(|text| assert!(got.contains(text), "{texts:?}"));
            assert!(texts.len() == 1 || got.last() == Some(&"b"), "{got:?}");
            assert!(sim.session.take_unsent().is_empty());
        }
    }
}

#[test]
fn a_stuck_message_that_is_skipped_under_way_is_proven_if_the_proof_comes() {
    let mut sim = stuck(&["poison"]);
    // The next server takes it, and answers late.
    sim.then(Plan::Serve(Serve::default()));
    sim.switches.chunk = 1;
    sim.settle();
    while sim.session.status() != ClientStatus::Open {
        sim.advance(ms(100));
    }
    sim.switches.is_mute = true;
    assert!(!sim.lines().iter().any(|event| event == "pong") || sim.texts().len() > 3);
    sim.session.skip_stuck();
    sim.switches.is_mute = false;
    sim.advance(secs(100));
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    assert!(!sim.session.skip_stuck());
}

#[test]
fn each_handle_is_told_once_of_the_messages_that_it_has_sent() {
    let marks = [Mark::new(), Mark::new(), Mark::new()];
    let mut sim = simulate(confirmed(), []);
    sim.settle();
    let send = |sim: &mut Sim, message: Vec<u8>, mark| {
        sim.session.send_marked(message.into(), mark).expect("room");
    };
    let [poisoner, other, late] = &marks;
    send(&mut sim, vec![1], other);
    send(&mut sim, vec![0; TOO_LARGE], poisoner);
    send(&mut sim, vec![2], poisoner);
    let copy = poisoner.clone();
    sim.advance(secs(60));
    let lost = || Some(Err(SendError::Undelivered));
    for (mark, first) in [(other, None), (poisoner, lost()), (&copy, lost()), (late, None)] {
        assert_eq!(sim.session.flushed(Some(mark)), first.or(Some(Ok(()))));
        assert_eq!(sim.session.flushed(Some(mark)), Some(Ok(())));
    }
    assert_eq!(sim.session.flushed(None), lost());
    // And again, for a later one; a handle that has not sent it is not told.
    send(&mut sim, vec![0; TOO_LARGE], late);
    sim.advance(secs(60));
    assert_eq!(sim.session.flushed(Some(poisoner)), Some(Ok(())));
    assert_eq!(sim.session.flushed(Some(late)), lost());
    assert_eq!(sim.session.flushed(None), lost());
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
}

/// A peer that answers each ping with this payload, for 13 s.
pub(crate) fn answered(payload: &[u8], builder: ClientBuilder<Session>) -> Sim {
    let plan = || Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = simulate(builder.confirm_timeout(secs(5)), [plan(), plan(), plan()]);
    sim.settle();
    sim.send("x");
    let mut answered = 0;
    for _ in 0..130 {
        sim.settle();
        for _ in std::mem::replace(&mut answered, sim.seen.pings.len())..sim.seen.pings.len() {
            sim.inject(&[&[0x8A, payload.len() as u8], payload].concat());
        }
        sim.advance(ms(100));
    }
    sim
}

#[test]
fn a_peer_whose_pongs_repeat_no_nonce_cannot_be_used() {
    for payload in [&b""[..], b"12345678"] {
        for interval in [None, Some(secs(2))] {
            let mut sim = answered(payload, confirmed().ping_interval(interval));
            let trace = sim.lines();
            let end = ["error protocol", "closed 1006 broken us"];
            assert_eq!(trace[trace.len() - 2..], end, "{trace:?}");
            // One ping that is answered so may be a coincidence.
            let connections = if interval.is_some() { 1 } else { 2 };
            assert_eq!(sim.session.stats().connections, connections, "{trace:?}");
            assert_eq!(sim.session.status(), ClientStatus::Closed, "no attempt follows");
            assert_eq!(sim.session.flushed(None), Some(Err(SendError::Closed(None))));
            assert_eq!(sim.session.take_unsent(), ["x"]);
            // Unless the user wants one.
            sim.session.reconnect_after(secs(1), sim.now);
            sim.advance(secs(2));
            assert_eq!(sim.session.status(), ClientStatus::Open);
        }
    }
    // Without confirmed delivery, it is as any that does not confirm.
    let mut sim = answered(b"", client().reconnect(Reconnect::after(secs(1))));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    assert!(!sim.lines().contains(&"error protocol".into()));
}

#[test]
fn a_peer_that_has_ever_repeated_a_nonce_is_only_late() {
    let mut sim = simulate(confirmed().confirm_timeout(secs(5)), []);
    sim.send("proven");
    sim.settle();
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
    sim.switches.is_mute = true;
    sim.send("not proven");
    sim.settle();
    // A heartbeat of its own.
    sim.inject(b"\x8A\x00");
    sim.advance(secs(5));
    sim.settle();
    let trace = sim.lines();
    assert!(trace.contains(&"error timeout".into()), "{trace:?}");
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn a_message_that_leaves_after_the_refusal_is_not_the_reason_for_it() {
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = simulate(confirmed().max_deliveries(1), [mute]);
    sim.settle();
    sim.send("refused");
    sim.settle();
    sim.switches.is_blocked = true;
    sim.session.send_now("now").expect("an open connection");
    sim.inject(b"\x88\x02\x03\xF0");
    sim.settle();
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.texts(), ["refused", "now"]);
    sim.cut();
    sim.settle();
    assert_eq!(given_up(&sim.lines()), 1);
}

#[test]
fn the_users_own_close_blames_no_message() {
    type End = fn(&mut Sim);
    let close: End = |sim| sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
    let close_and_reconnect: End = |sim| {
        sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
        sim.session.reconnect_after(secs(1), sim.now);
    };
    let close_and_cut: End = |sim| {
        sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
        sim.settle();
        sim.cut();
    };
    let close_reconnect_and_cut: End = |sim| {
        sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
        sim.session.reconnect_after(secs(1), sim.now);
        sim.settle();
        sim.reset();
    };
    let cancel_and_cut: End = |sim| {
        sim.session.cancel_reconnect();
        sim.cut();
    };
    let cases = [close, close_and_reconnect, close_and_cut, close_reconnect_and_cut, cancel_and_cut];
    for (n, end) in cases.into_iter().enumerate() {
        let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
        let mut sim = simulate(confirmed().max_deliveries(1), [mute]);
        sim.settle();
        sim.send("x");
        sim.settle();
        end(&mut sim);
        sim.advance(secs(30));
        let trace = sim.lines();
        assert!(!trace.iter().any(|event| event.starts_with("stuck")), "case {n}: {trace:?}");
        let unsent = sim.session.take_unsent().len();
        assert!(sim.session.stats().connections > 1 || unsent == 1, "case {n}");
    }
}
