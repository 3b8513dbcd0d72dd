//! `confirm` never lies: each handle has a mark of its own.

use ws_common::{
    reconnect::Reconnect,
    session::{ConfirmError, Mark},
};
use ws_core::{CloseCode, PingError};

use crate::support::{Plan, Serve, Sim, Steps, client, ms, secs, simulate};

fn at_once() -> Reconnect {
    Reconnect::after(ms(1))
}

fn mute() -> Plan {
    Plan::Serve(Serve { is_mute: true, ..Serve::default() })
}

fn send(sim: &mut Sim, text: &str, mark: &Mark) {
    sim.session.send_marked(text.to_owned().into(), mark).expect("room");
}

/// What `confirm` says when all has come to rest.
fn confirm(sim: &mut Sim, mark: Option<&Mark>) -> Result<(), ConfirmError> {
    let ticket = sim.session.confirm(mark)?;
    sim.advance(ms(10));
    sim.session.confirmed(&ticket, mark).expect("an outcome")
}

#[test]
fn with_two_handles_and_one_loss_both_are_told() {
    for asks_before in [false, true] {
        let mut sim = simulate(client().reconnect(at_once()), [mute()]);
        sim.settle();
        let (one, other) = (Mark::new(), Mark::new());
        send(&mut sim, "1", &one);
        send(&mut sim, "2", &other);
        let tickets =
            [&one, &other].map(|mark| asks_before.then(|| sim.session.confirm(Some(mark)).unwrap()));
        sim.settle();
        sim.cut();
        sim.advance(ms(10));
        for (mark, ticket) in [&one, &other].into_iter().zip(tickets) {
            let outcome = match ticket {
                Some(ticket) => sim.session.confirmed(&ticket, Some(mark)).unwrap(),
                None => confirm(&mut sim, Some(mark)),
            };
            assert_eq!(outcome, Err(ConfirmError::Lost));
        }
        assert_eq!(confirm(&mut sim, None), Err(ConfirmError::Lost));
        // Each was told, and asks about later messages only.
        assert_eq!([Some(&one), Some(&other), None].map(|mark| confirm(&mut sim, mark)), [Ok(()); 3]);
        send(&mut sim, "3", &one);
        assert_eq!([Some(&one), Some(&other), None].map(|mark| confirm(&mut sim, mark)), [Ok(()); 3]);
    }
}

#[test]
fn a_handle_is_told_of_its_own_losses_only() {
    let mut sim = simulate(client().reconnect(at_once()), []);
    sim.settle();
    let (one, other, idle) = (Mark::new(), Mark::new(), Mark::new());
    send(&mut sim, "1", &one);
    assert_eq!(confirm(&mut sim, Some(&one)), Ok(()));
    sim.switches.is_mute = true;
    send(&mut sim, "2", &other);
    sim.settle();
    sim.cut();
    sim.switches.is_mute = false;
    sim.advance(ms(10));
    send(&mut sim, "3", &one);
    let copy = other.clone();
    assert_eq!(confirm(&mut sim, Some(&one)), Ok(()));
    assert_eq!(confirm(&mut sim, Some(&idle)), Err(ConfirmError::NothingSent));
    assert_eq!(confirm(&mut sim, Some(&idle.clone())), Err(ConfirmError::NothingSent));
    assert_eq!(confirm(&mut sim, Some(&other)), Err(ConfirmError::Lost));
    assert_eq!(confirm(&mut sim, Some(&other)), Ok(()));
    // A copy has its own interval from then on.
    assert_eq!(confirm(&mut sim, Some(&copy)), Err(ConfirmError::Lost));
    assert_eq!(confirm(&mut sim, Some(&copy)), Ok(()));
    assert_eq!(confirm(&mut sim, None), Err(ConfirmError::Lost));
}

#[test]
fn without_a_mark_nothing_sent_is_confirmed() {
    let mut sim = simulate(client(), []);
    assert_eq!(confirm(&mut sim, None), Ok(()));
}

#[test]
fn what_waits_is_proven_though_another_message_was_lost() {
    let mut sim = simulate(client().reconnect(at_once()), [mute()]);
    sim.settle();
    let (one, other) = (Mark::new(), Mark::new());
    send(&mut sim, "taken", &one);
    sim.settle();
    sim.switches.is_blocked = true;
    send(&mut sim, "waits", &other);
    let ticket = sim.session.confirm(Some(&other)).unwrap();
    sim.reset();
    sim.switches.is_blocked = false;
    sim.advance(ms(10));
    assert_eq!(sim.session.confirmed(&ticket, Some(&other)), Some(Ok(())));
    assert_eq!(confirm(&mut sim, Some(&one)), Err(ConfirmError::Lost));
}

#[test]
fn what_was_taken_back_does_not_keep_others_from_being_proven() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.switches.is_blocked = true;
    let marks = [Mark::new(), Mark::new(), Mark::new()];
    // One proof at a time: that of the first is under way. The last message does not fit into the connection.
    let texts = ["first".into(), "x".repeat(70_000), "last".into()];
    let tickets: Vec<_> = marks
        .iter()
        .zip(&texts)
        .map(|(mark, text)| {
            send(&mut sim, text, mark);
            sim.session.confirm(Some(mark)).unwrap()
        })
        .collect();
    assert_eq!(sim.session.take_unsent().len(), 1);
    sim.switches.is_blocked = false;
    sim.settle();
    let outcomes: Vec<_> =
        marks.iter().zip(&tickets).map(|(mark, ticket)| sim.session.confirmed(ticket, Some(mark))).collect();
    assert_eq!(outcomes, [Some(Ok(())), Some(Ok(())), Some(Err(ConfirmError::Lost))]);
}

#[test]
fn after_a_loss_the_messages_behind_it_are_still_asked_about() {
    let cut = Plan::Serve(Serve { takes: Some(10), ..Serve::default() });
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(1))), [cut]);
    let mark = Mark::new();
    // The first connection takes one of them.
    for text in ["1", "2", "3"] {
        send(&mut sim, text, &mark);
    }
    for mark in [Some(&mark), None] {
        assert_eq!(confirm(&mut sim, mark), Err(ConfirmError::Lost));
        let ticket = sim.session.confirm(mark).unwrap();
        assert_eq!(sim.session.confirmed(&ticket, mark), None);
    }
    sim.advance(secs(1));
    sim.settle();
    for mark in [Some(&mark), None] {
        assert_eq!(confirm(&mut sim, mark), Ok(()));
    }
    assert_eq!(sim.texts(), ["1", "2", "3"]);
}

#[test]
fn an_answer_of_a_confirm_that_was_given_up_is_not_lost() {
    let mut sim = simulate(client().reconnect(at_once()), [mute()]);
    sim.settle();
    let mark = Mark::new();
    send(&mut sim, "1", &mark);
    sim.session.confirm(Some(&mark)).unwrap();
    sim.settle();
    sim.cut();
    sim.advance(ms(10));
    send(&mut sim, "2", &mark);
    assert_eq!(confirm(&mut sim, Some(&mark)), Err(ConfirmError::Lost));
}

#[test]
fn an_end_before_the_proof_is_told_and_asked_about_again_on_the_next_connection() {
    let mut sim = simulate(client().reconnect(at_once()), [Plan::BlackHole]);
    let mark = Mark::new();
    send(&mut sim, "1", &mark);
    sim.settle();
    sim.session.abort(sim.now);
    assert_eq!(confirm(&mut sim, Some(&mark)), Err(ConfirmError::Closed));
    assert_eq!(confirm(&mut sim, Some(&mark)), Err(ConfirmError::Closed));
    sim.session.reconnect_after(ms(1), sim.now);
    assert_eq!(confirm(&mut sim, Some(&mark)), Ok(()));
    assert_eq!(sim.texts(), ["1"]);
}

#[test]
fn very_many_losses_are_told_of_and_nothing_lost_is_confirmed() {
    let mut sim = simulate(client().reconnect(at_once()), []);
    sim.settle();
    let marks: Vec<_> = (0..200).map(|_| Mark::new()).collect();
    for (n, mark) in marks.iter().enumerate() {
        send(&mut sim, &n.to_string(), mark);
        if n % 2 == 0 {
            assert_eq!(confirm(&mut sim, None), Ok(()));
        } else {
            sim.switches.is_mute = true;
            sim.settle();
            sim.cut();
            sim.switches.is_mute = false;
            sim.advance(ms(10));
            assert_eq!(confirm(&mut sim, None), Err(ConfirmError::Lost));
        }
    }
    for (n, mark) in marks.iter().enumerate() {
        let outcome = confirm(&mut sim, Some(mark));
        // Among the oldest, a proof is forgotten, but no loss.
        assert_eq!(outcome.is_ok(), n % 2 == 0 && !(1..74).contains(&n), "{n}: {outcome:?}");
    }
}

#[test]
fn the_version_changes_whenever_an_outcome_becomes_known() {
    let mut sim = simulate(client().reconnect(at_once()), []);
    sim.settle();
    for step in 0..4 {
        let mark = Mark::new();
        sim.switches.is_mute = step > 0;
        send(&mut sim, "x", &mark);
        let ticket = sim.session.confirm(Some(&mark)).unwrap();
        let before = sim.session.proofs_version();
        assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), None);
        if step == 3 {
            sim.switches.is_blocked = true;
        }
        sim.settle();
        match step {
            1 => sim.cut(),
            2 => {
                sim.switches.is_blocked = true;
                send(&mut sim, &"x".repeat(100_000), &mark);
                send(&mut sim, "queued", &mark);
                sim.session.take_unsent();
                sim.switches.is_blocked = false;
            }
            3 => sim.session.abort(sim.now),
            _ => {}
        }
        sim.settle();
        assert_ne!(sim.session.proofs_version(), before, "{step}");
        sim.switches.is_mute = false;
        sim.advance(ms(10));
    }
}

#[test]
fn a_late_pong_for_a_ping_of_the_user_proves_nothing_that_was_sent_after_it() {
    // The same payload each time, as most programs do.
    for pings in [1, 100] {
        let mut sim = simulate(client().reconnect(at_once()), [mute()]);
        sim.settle();
        let ping = |sim: &mut Sim| {
            sim.session.ping("").expect("an open connection");
            sim.advance(ms(10));
        };
        (0..pings).for_each(|_| ping(&mut sim));
        sim.send("x");
        let ticket = sim.confirm();
        sim.advance(ms(10));
        ping(&mut sim);
        // That of the first.
        sim.inject(b"\x8A\x00");
        sim.settle();
        assert_eq!(sim.outcome(&ticket), None, "{pings}");
        sim.cut();
        sim.advance(ms(10));
        assert_eq!(sim.outcome(&ticket), Some(Err(ConfirmError::Lost)));
    }
}

#[test]
fn so_many_pings_that_they_are_not_remembered_prove_nothing() {
    let mut sim = simulate(client(), [mute()]);
    sim.settle();
    let ping = |sim: &mut Sim, payload: &'static str| {
        sim.session.ping(payload).expect("an open connection");
        sim.advance(ms(10));
    };
    (0..64).for_each(|_| ping(&mut sim, "many"));
    ping(&mut sim, "twice");
    sim.send("x");
    let ticket = sim.confirm();
    sim.advance(ms(10));
    ping(&mut sim, "twice");
    sim.inject(b"\x8A\x05twice");
    sim.settle();
    assert_eq!(sim.outcome(&ticket), None);
    // The nonce itself does.
    let nonce = sim.seen.pings[65].clone();
    sim.inject(&[&[0x8A, 8], &nonce[..]].concat());
    sim.settle();
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
}

#[test]
fn pings_to_a_peer_that_takes_nothing_are_bounded_and_those_without_a_connection_fail() {
    let mut sim = simulate(client().reconnect(at_once()), []);
    assert_eq!(sim.session.ping("x"), Err(PingError::Closed));
    sim.settle();
    assert_eq!(sim.session.ping(vec![0; 126]), Err(PingError::TooLong(126)));
    sim.switches.is_blocked = true;
    let pings = (0..10_000).take_while(|_| sim.session.ping(vec![7; 125]).is_ok()).count();
    // Each is 131 bytes long.
    assert_eq!(pings, 128 * 1024 / 131 + 1);
    let refused = sim.session.ping("x").unwrap_err();
    assert_eq!(refused, PingError::ConnectionFull(128 * 1024));
    assert!(refused.to_string().contains("128 KiB"), "{refused}");
    sim.switches.is_blocked = false;
    sim.settle();
    assert_eq!(sim.session.ping("x"), Ok(()));
    sim.settle();
    assert_eq!(sim.seen.pings.len(), pings + 1);
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    assert_eq!(sim.session.ping("x"), Err(PingError::Closed));
    sim.settle();
    assert_eq!(sim.session.ping("x"), Err(PingError::Closed));
}

#[test]
fn a_pong_for_a_ping_of_the_user_proves_all_that_was_sent_before_it() {
    let mut sim = simulate(client(), [mute()]);
    sim.settle();
    sim.send("x");
    let ticket = sim.confirm();
    sim.session.ping("mine").expect("an open connection");
    sim.settle();
    // RFC 6455 §5.5.3: the peer may answer the latest ping only.
    sim.inject(b"\x8A\x04mine");
    sim.settle();
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
}
