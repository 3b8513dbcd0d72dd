//! A client is never silently over: its last event is the reason.

use std::time::Duration;

use ws_common::{
    OpenPhase,
    reconnect::{Cause, GiveUp, Reconnect, RetryDecision},
    session::{ClientBuilder, ClientEvent, ClientStatus, Session},
};
use ws_core::{CloseFrame, Initiator, Machine};

use crate::support::{Plan, Sim, Steps, client, frame, ms, refuse, secs, serve, simulate};

fn fixed() -> ClientBuilder<Session> {
    client().reconnect(Reconnect::after(secs(1)))
}

type Does = fn(&mut Sim);

/// Where a client can be.
fn states() -> [(&'static str, Sim); 6] {
    let mut silent = simulate(fixed(), [Plan::Silent]);
    silent.settle();
    let mut black_hole = simulate(fixed(), [Plan::BlackHole]);
    black_hole.settle();
    let mut open = simulate(fixed(), []);
    open.settle();
    let mut waiting = simulate(fixed(), [Plan::Refuse]);
    waiting.settle();
    let mut deciding =
        simulate(client().reconnect(Reconnect::after(secs(1)).decide(|_| None)), [Plan::Refuse]);
    deciding.switches.is_hesitating = true;
    deciding.settle();
    [
        ("new", simulate(fixed(), [])),
        ("resolving", black_hole),
        ("in the handshake", silent),
        ("open", open),
        ("waiting", waiting),
        ("asking a hook", deciding),
    ]
}

#[test]
fn the_user_s_own_end_is_the_reason() {
    let closes: Does = |sim| sim.session.close(frame(1000), sim.now);
    let aborts: Does = |sim| sim.session.abort(sim.now);
    let closes_then_cancels: Does = |sim| {
        sim.session.close(CloseFrame::EMPTY, sim.now);
        sim.session.cancel_reconnect();
    };
    let closes_then_aborts: Does = |sim| {
        if sim.session.status() == ClientStatus::Open {
            sim.switches.is_mute = true;
            sim.session.close(CloseFrame::EMPTY, sim.now);
        }
        sim.session.abort(sim.now);
    };
    for (ends, reason) in [
        (closes, GiveUp::Closed),
        (aborts, GiveUp::Aborted),
        (closes_then_cancels, GiveUp::Closed),
        (closes_then_aborts, GiveUp::Aborted),
    ] {
        for (place, mut sim) in states() {
            ends(&mut sim);
            sim.hesitate(false);
            sim.settle();
            assert_eq!(sim.seen.gave_up.as_ref(), Some(&reason), "{place}");
            assert!(sim.session.is_over(), "{place}");
            // Nothing else ever comes.
            sim.lines();
            sim.session.close(frame(1000), sim.now);
            sim.session.cancel_reconnect();
            sim.advance(secs(100));
            sim.expect(&[]);
        }
    }
}

#[test]
fn cancelled_is_the_reason_when_what_is_under_way_has_ended() {
    for (place, mut sim) in states() {
        sim.session.cancel_reconnect();
        sim.hesitate(false);
        sim.settle();
        if sim.has_server() {
            assert_eq!(sim.seen.gave_up, None, "{place}");
            sim.cut();
        }
        sim.advance(secs(20));
        assert_eq!(sim.seen.gave_up, Some(GiveUp::Cancelled), "{place}");
    }
}

#[test]
fn limits_hooks_and_ends_that_are_not_retried_are_reasons() {
    let stop = |_: &ws_common::reconnect::DisconnectReason<'_>| Some(RetryDecision::Stop);
    let refused = |status| Cause::Failed {
        phase: OpenPhase::Handshake,
        status: Some(status),
        message: format!("the server answered {status} No instead of 101").into(),
    };
    for (reconnect, reason, told) in [
        (
            Reconnect::after(secs(1)).max_attempts(3),
            GiveUp::Attempts(3),
            "the limit of 3 attempts to reconnect (max_attempts) is reached",
        ),
        (
            Reconnect::after(secs(9)).max_elapsed(secs(60)),
            GiveUp::Elapsed(secs(60)),
            "reconnecting would take longer than the limit of 60s (max_elapsed)",
        ),
        (
            Reconnect::never(),
            GiveUp::NotRetried(refused(404)),
            "the policy does not reconnect after this end: the server answered 404 No instead of 101",
        ),
        (
            Reconnect::backoff(),
            GiveUp::NotRetried(refused(404)),
            "the policy does not reconnect after this end: the server answered 404 No instead of 101",
        ),
        (
            Reconnect::after(secs(1)).decide(stop),
            GiveUp::Stopped(refused(404)),
            "the hook `decide` stopped reconnecting after this end: the server answered 404 No instead of 101",
        ),
    ] {
        let mut sim = simulate(client().reconnect(reconnect), []);
        sim.then(refuse(404, ""));
        sim.advance(secs(100));
        assert_eq!(sim.seen.gave_up, Some(reason));
        assert_eq!(sim.seen.gave_up.map(|reason| reason.to_string()).as_deref(), Some(told));
    }
}

#[test]
fn a_hook_that_panics_is_the_reason() {
    let decide =
        |_: &ws_common::reconnect::DisconnectReason<'_>| -> Option<RetryDecision> { panic!("in decide") };
    let prepare = |_, _| panic!("in prepare");
    for (builder, hook) in [
        (client().reconnect(Reconnect::after(secs(1)).decide(decide)), "decide"),
        (fixed().prepare(prepare), "prepare"),
    ] {
        let mut sim = simulate(builder, [Plan::Refuse]);
        sim.settle();
        assert_eq!(sim.seen.gave_up, Some(GiveUp::HookPanicked(hook)));
        assert_eq!(sim.seen.panics.len(), 1);
    }
}

#[test]
fn reconnecting_tells_its_cause() {
    let closes = |sim: &mut Sim, code| {
        let (frame, now) = (CloseFrame::new(code, "back soon").expect("a frame"), sim.now);
        sim.server().close(frame, now);
    };
    let mut sim = simulate(fixed(), [Plan::NoName, Plan::Refuse, Plan::BlackHole, refuse(503, ""), serve()]);
    sim.advance(secs(15));
    closes(&mut sim, ws_core::CloseCode::GOING_AWAY);
    sim.advance(secs(2));
    sim.cut();
    sim.settle();
    sim.session.reconnect_after(secs(7), sim.now);
    sim.settle();
    let told: Vec<_> = sim.seen.causes.iter().map(Cause::to_string).collect();
    assert_eq!(
        told,
        [
            "the name \"server.test\" was not resolved: as planned",
            "connecting to 192.0.2.1:80 failed: as planned",
            "the connection was not open in 10s (open_timeout); it got as far as: connect",
            "the server answered 503 No instead of 101",
            "closed by the peer with code 1001 (\"back soon\")",
            "the peer ended the stream without a Close frame",
            "the program called reconnect_after",
        ]
    );
    let phases: Vec<_> = sim
        .seen
        .causes
        .iter()
        .map(|cause| match cause {
            Cause::Failed { phase, status, .. } => format!("{phase} {status:?}"),
            Cause::Closed { code, reason, initiator } => {
                format!("{code} {reason} {}", *initiator == Initiator::Remote)
            }
            _ => String::new(),
        })
        .collect();
    assert_eq!(
        phases,
        [
            "resolve None",
            "connect None",
            "connect None",
            "handshake Some(503)",
            "1001 back soon true",
            "transport None",
            ""
        ]
    );
}

#[test]
fn a_client_that_gave_up_goes_on_if_the_user_wants_it() {
    // Whether the last event was taken or not.
    for is_taken in [true, false] {
        let mut sim = simulate(client().reconnect(Reconnect::never()), [Plan::Refuse]);
        sim.switches.is_taking = is_taken;
        sim.settle();
        sim.session.reconnect_after(ms(500), sim.now);
        sim.switches.is_taking = true;
        sim.advance(secs(1));
        let lines =
            ["error connect", "closed 1006 broken peer", "reconnecting 1 in 500ms", "connected", "open"];
        sim.expect(&lines);
        assert_eq!((sim.seen.gave_up, &sim.seen.causes[..]), (None, &[Cause::Requested][..]));
    }
}

/// A driver hands out what `poll_event` gives: the reason, and then nothing.
#[test]
fn gave_up_is_the_last_event_behind_what_was_left() {
    let mut session = fixed().session(ws_core::Random::from_seed([5; 32])).expect("settings");
    session.handle_timeout(ws_core::Instant::EPOCH);
    session.abort(ws_core::Instant::EPOCH + Duration::from_secs(1));
    let events: Vec<_> = std::iter::from_fn(|| {
        assert!(!session.is_over());
        let Ok(event) = session.poll_event();
        event
    })
    .take(2)
    .collect();
    assert!(
        matches!(&events[..], [ClientEvent::Closed(_), ClientEvent::GaveUp { reason: GiveUp::Aborted }]),
        "{events:?}"
    );
    assert!(session.is_over() && matches!(session.poll_event(), Ok(None)));
}
