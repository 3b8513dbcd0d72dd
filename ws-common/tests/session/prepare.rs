//! An attempt that is prepared: it may wait, and it may fail.

use std::error::Error;
use std::future::{pending, ready};
use std::io;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ws_common::{
    ConnectError, OpenPhase, PrepareError,
    reconnect::{Cause, GiveUp, Reconnect},
    session::{Asked, Attempt, ClientEvent, ClientStatus, PendingAnswer},
};
use ws_core::Machine;

use crate::support::{Plan, Sim, client, frame, ms, refuse, secs};

const OPENS: [&str; 2] = ["connected", "open"];
const FAILS: [&str; 2] = ["error prepare", "closed 1006 broken us"];

#[test]
fn the_hook_gets_the_number_and_the_cause_that_reconnecting_reports() {
    let attempts: Arc<Mutex<Vec<Attempt>>> = Arc::default();
    let seen = attempts.clone();
    let builder = client().reconnect(Reconnect::after(secs(1))).prepare(move |attempt, options| {
        let mut seen = seen.lock().expect("no panic");
        seen.push(attempt);
        if seen.len() == 2 { Err("no token")? } else { Ok(options) }
    });
    let mut sim = Sim::new(builder, [refuse(503, "")]);
    sim.advance(secs(2));
    sim.session.close(frame(1000), sim.now);
    sim.settle();
    sim.session.reconnect_after(secs(1), sim.now);
    sim.advance(secs(1));
    let attempts = attempts.lock().expect("no panic");
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let causes: Vec<_> = attempts.iter().filter_map(|attempt| attempt.cause.clone()).collect();
    assert_eq!(causes, sim.causes);
    assert_eq!(attempts[0].cause, None);
    assert!(matches!(attempts[1].cause, Some(Cause::Failed { status: Some(503), .. })));
    let message = "prepare failed: no token".into();
    assert_eq!(attempts[2].cause, Some(Cause::Failed { phase: OpenPhase::Prepare, status: None, message }));
    assert_eq!(attempts[3].cause, Some(Cause::Requested));
}

#[test]
fn an_error_is_transient_unless_it_is_final() {
    type Fail = fn() -> PrepareError;
    let cases: [(Fail, bool); 6] = [
        (|| "no token".into(), false),
        (|| io::Error::from(io::ErrorKind::TimedOut).into(), false),
        (|| PrepareError::final_error("the account is closed"), true),
        (
            || {
                ws_common::ConnectOptions::new("ftp://server.test")
                    .build()
                    .expect_err("another scheme")
                    .into()
            },
            true,
        ),
        (
            || {
                ws_common::ConnectOptions::new("ws://server.test")
                    .header("a b", "")
                    .build()
                    .unwrap_err()
                    .into()
            },
            true,
        ),
        (
            || ConnectError::Timeout { phase: OpenPhase::Resolve, open_timeout: secs(10), peer: None }.into(),
            false,
        ),
    ];
    for (fail, is_final) in cases {
        for reconnect in [Reconnect::after(secs(1)), Reconnect::backoff().only_transient()] {
            let hook =
                move |attempt: Attempt, options| if attempt.number == 0 { Err(fail()) } else { Ok(options) };
            let mut sim = Sim::new(client().reconnect(reconnect).prepare(hook), []);
            sim.settle();
            assert_eq!(sim.trace()[..2], FAILS);
            let words = format!("prepare failed: {}", fail().error());
            match &sim.gave_up {
                Some(GiveUp::NotRetried(cause)) if is_final => assert_eq!(cause.to_string(), words),
                None if !is_final => assert_eq!(sim.causes[0].to_string(), words),
                other => panic!("{words}: {other:?}"),
            }
            assert!(sim.dials.is_empty());
            sim.session.reconnect_after(ms(0), sim.now);
            sim.settle();
            assert_eq!(sim.session.status(), ClientStatus::Open, "{words}");
        }
    }
}

#[test]
fn the_error_of_the_program_is_in_the_event() {
    let hook = |_, _| Err(io::Error::new(io::ErrorKind::PermissionDenied, "no token"))?;
    let mut session = client().prepare(hook).session(ws_core::Random::from_seed([1; 32])).unwrap();
    session.handle_timeout(ws_core::Instant::EPOCH);
    let Some(ws_common::session::Action::Ask(question)) = session.poll_action() else {
        panic!("no question")
    };
    assert!(session.answer(question.ask(), ws_core::Instant::EPOCH).is_none());
    let Ok(Some(ClientEvent::Error(error))) = session.poll_event() else { panic!("no error") };
    assert_eq!((error.phase(), error.to_string()), (OpenPhase::Prepare, "prepare failed: no token".into()));
    let ws_common::session::ClientError::Connect(ConnectError::Prepare(error)) = error else {
        panic!("another")
    };
    let own = error.error().downcast_ref::<io::Error>().expect("the error of the hook");
    assert_eq!(own.kind(), io::ErrorKind::PermissionDenied);
    assert!(own.source().is_none());
}

/// A client whose hook is called, and whose future waits for ever, until it is dropped.
fn waiting(sim: &mut Sim) -> PendingAnswer {
    sim.is_hesitating = true;
    sim.settle();
    let Asked::Pending(mut future) = sim.questions.pop().expect("a question").start() else {
        panic!("it does not wait")
    };
    assert!(poll(&mut future).is_pending());
    assert!(sim.session.awaits(&future));
    future
}

fn poll(future: &mut PendingAnswer) -> Poll<ws_common::session::Answer> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_future_that_waits_longer_than_prepare_timeout_costs_the_attempt() {
    for (set, timeout) in [(None, secs(30)), (Some(secs(7)), secs(7)), (Some(ms(0)), ms(1))] {
        let builder = client().reconnect(Reconnect::after(secs(1))).prepare_async(|_, _| pending());
        let builder = if let Some(set) = set { builder.prepare_timeout(set) } else { builder };
        let mut sim = Sim::new(builder, []);
        let future = waiting(&mut sim);
        sim.advance(timeout - ms(1));
        sim.expect(&[]);
        assert!(sim.session.awaits(&future));
        sim.advance(ms(1));
        sim.expect(&[&FAILS[..], &["reconnecting 1 in 1s"]].concat());
        let words = format!("prepare took longer than {timeout:?} (prepare_timeout)");
        assert_eq!(sim.causes[0].to_string(), words);
        assert!(!sim.session.awaits(&future) && sim.dials.is_empty());
        // The next attempt waits anew.
        sim.advance(secs(1));
        let next = waiting(&mut sim);
        assert!(!sim.session.awaits(&future) && sim.session.awaits(&next));
    }
}

#[test]
fn options_that_come_too_late_are_not_used() {
    let builder = client().reconnect(Reconnect::after(secs(1))).prepare(|_, options| Ok(options));
    let mut sim = Sim::new(builder, []);
    sim.is_hesitating = true;
    sim.settle();
    // A thread that runs the hook sees the deadline when the hook has returned.
    sim.now = sim.now + secs(30);
    sim.answer();
    sim.settle();
    sim.expect(&[&FAILS[..], &["reconnecting 1 in 1s"]].concat());
}

#[test]
fn the_user_ends_what_prepare_waits_for() {
    type Act = fn(&mut Sim);
    let acts: [(Act, GiveUp); 3] = [
        (|sim| sim.session.abort(sim.now), GiveUp::Aborted),
        (|sim| sim.session.close(frame(1000), sim.now), GiveUp::Closed),
        (|sim| sim.session.cancel_reconnect(), GiveUp::Cancelled),
    ];
    for (act, reason) in acts {
        let hook = |attempt: Attempt, options| async move {
            if attempt.number > 0 { pending().await } else { Ok(options) }
        };
        let mut sim =
            Sim::new(client().reconnect(Reconnect::after(secs(1))).prepare_async(hook), [Plan::Refuse]);
        sim.advance(secs(1));
        sim.trace();
        // The simulation has dropped the future that was not ready, as a driver does that cannot wait.
        assert!(matches!(sim.gave_up.take(), Some(GiveUp::NotRetried(_))));
        sim.session.reconnect_after(secs(0), sim.now);
        let future = waiting(&mut sim);
        sim.trace();
        act(&mut sim);
        sim.settle();
        assert_eq!(sim.trace().last().map(String::as_str), Some("closed 1006 broken us"));
        assert_eq!(sim.gave_up, Some(reason));
        assert!(!sim.session.awaits(&future));
        assert!(sim.session.is_over());
    }
}

#[test]
fn cancel_reconnect_lets_the_first_attempt_go_on() {
    let mut sim = Sim::new(client().prepare_async(|_, _| pending()), []);
    let future = waiting(&mut sim);
    sim.session.cancel_reconnect();
    sim.settle();
    assert!(sim.session.awaits(&future));
    sim.expect(&[]);
}

#[test]
fn a_future_that_is_ready_or_panics_is_as_a_hook_that_returns_or_panics() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let mut sim = Sim::new(
        client().prepare_async(move |_, options| {
            counted.fetch_add(1, Ordering::Relaxed);
            ready(Ok(options))
        }),
        [],
    );
    sim.settle();
    sim.expect(&OPENS);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let mut sim = Sim::new(client().prepare_async(async |_, _| panic_any("in a future")), []);
    sim.settle();
    sim.expect(&["error setup", "closed 1006 broken us"]);
    assert_eq!(sim.panics, ["in a future"]);
    assert_eq!(sim.gave_up, Some(GiveUp::HookPanicked("prepare")));
}

#[test]
fn messages_expire_while_prepare_waits() {
    let mut sim = Sim::new(client().prepare_async(|_, _| pending()), []);
    let until = sim.now + secs(2);
    sim.session.send_until("price".into(), until, None, sim.now).expect("room");
    let _future = waiting(&mut sim);
    sim.advance(secs(2));
    assert_eq!(sim.session.stats().messages_expired, 1);
}
