//! Hooks run outside of the session, which they may call, and which they may leave waiting.

use std::error::Error;
use std::panic::panic_any;
use std::sync::{Arc, Mutex};

use ws_common::{
    reconnect::{GiveUp, Reconnect, RetryDecision},
    session::{ClientBuilder, ClientError, ClientEvent, ClientStatus, ConfirmError, Delivery, Session},
};
use ws_core::{Instant, Machine, PingError};

use crate::support::{Plan, Serve, Sim, Steps, at, client, frame, ms, refuse, secs, simulate};

type Act = fn(&mut Session, Instant);

/// A call from within a hook, under the lock of a driver, and then a panic or not.
#[derive(Clone, Default)]
pub(crate) struct Inside {
    session: Arc<Mutex<Option<Session>>>,
    act: Arc<Mutex<Option<Act>>>,
    panics: bool,
}

impl Inside {
    fn new(act: Act, panics: bool) -> Self {
        Self { act: Arc::new(Mutex::new(Some(act))), panics, ..Self::default() }
    }

    fn call(&self) {
        // Only once: later attempts are left alone.
        let Some(act) = self.act.lock().expect("no panic under a lock").take() else { return };
        act(
            self.session
                .lock()
                .expect("no panic under a lock")
                .as_mut()
                .expect("the driver shares the session"),
            Instant::EPOCH,
        );
        if self.panics {
            panic_any("in a hook");
        }
    }

    /// Asks the hook that waits, as a driver does that shares its session with others.
    fn run(&self, sim: &mut Sim) {
        let question = sim.seen.questions.pop().expect("a question");
        let empty = client().session(ws_core::Random::from_seed([9; 32])).expect("a session");
        *self.session.lock().expect("no panic under a lock") =
            Some(std::mem::replace(&mut sim.session, empty));
        let answer = question.ask();
        sim.session = self.session.lock().expect("no panic under a lock").take().expect("the same session");
        if let Some(panic) = sim.session.answer(answer, sim.now) {
            sim.seen.panics.push((*panic.downcast::<&str>().expect("a text")).into());
        }
        sim.switches.is_hesitating = false;
        sim.settle();
    }
}

pub(crate) fn deciding(inside: &Inside, decision: Option<RetryDecision>) -> ClientBuilder<Session> {
    let inside = inside.clone();
    client().reconnect(Reconnect::after(secs(60)).decide(move |_| {
        inside.call();
        decision
    }))
}

pub(crate) fn preparing(inside: &Inside) -> ClientBuilder<Session> {
    let inside = inside.clone();
    client().reconnect(Reconnect::after(secs(60))).prepare_timeout(secs(1000)).prepare(move |_, options| {
        inside.call();
        Ok(options)
    })
}

/// A session that has come as far as the question.
pub(crate) fn asked(builder: ClientBuilder<Session>, plans: impl IntoIterator<Item = Plan>) -> Sim {
    let mut sim = simulate(builder, plans);
    sim.send("waits");
    sim.switches.is_hesitating = true;
    sim.settle();
    assert_eq!(sim.seen.questions.len(), 1);
    // No deadline but that of `prepare`.
    assert!(sim.session.poll_timeout().is_none_or(|due| due == at(1000)));
    sim.expect(&[]);
    sim
}

const NOTHING: Act = |_, _| {};
const SEND: Act = |session, _| session.send("inside").expect("room");
const CLOSE: Act = |session, now| {
    session.close(frame(1000), now);
    assert!(session.send("late").is_err());
};
const ABORT: Act = Session::abort;
const AGAIN: Act = |session, now| session.reconnect_after(secs(3), now);
const CANCEL: Act = |session, _| session.cancel_reconnect();
const CLOSE_AND_AGAIN: Act = |session, now| {
    session.close(frame(1000), now);
    session.reconnect_after(secs(3), now);
};
const LOOK: Act = |session, now| {
    session.pause(now);
    session.resume(now);
    assert!(matches!(session.status(), ClientStatus::Waiting | ClientStatus::Connecting));
    assert_eq!(session.stats().attempts, 1);
    assert_eq!(session.ping("x"), Err(PingError::Closed));
    assert!(!session.is_over());
    assert_eq!(session.flushed(None), None);
    let ticket = session.confirm(None).expect("a ticket");
    assert_eq!(session.confirmed(&ticket, None), None);
    assert_eq!(session.take_unsent().len(), 1);
    session.send("inside").expect("room");
};

#[test]
fn what_a_user_does_inside_decide_wins_over_its_answer() {
    let (over, later): (&[&str], &[&str]) = (&[], &["reconnecting 1 in 60s"]);
    for (act, decision, panics, next) in [
        (NOTHING, Some(RetryDecision::Retry), false, later),
        (NOTHING, None, false, later),
        (NOTHING, Some(RetryDecision::Stop), false, over),
        (NOTHING, Some(RetryDecision::RetryIn(ms(5))), false, &["reconnecting 1 in 5ms"]),
        (NOTHING, Some(RetryDecision::Retry), true, over),
        (SEND, None, false, later),
        (LOOK, None, false, later),
        (LOOK, None, true, over),
        (CLOSE, Some(RetryDecision::Retry), false, over),
        (CLOSE, Some(RetryDecision::Retry), true, over),
        (ABORT, Some(RetryDecision::Retry), false, over),
        (CANCEL, Some(RetryDecision::Retry), false, over),
        (CANCEL, Some(RetryDecision::Retry), true, over),
        (AGAIN, Some(RetryDecision::Stop), false, &["reconnecting 1 in 3s"]),
        (AGAIN, Some(RetryDecision::RetryIn(ms(5))), false, &["reconnecting 1 in 3s"]),
        (AGAIN, None, true, &["reconnecting 1 in 3s"]),
        (CLOSE_AND_AGAIN, Some(RetryDecision::Stop), false, &["reconnecting 1 in 3s"]),
    ] {
        let inside = Inside::new(act, panics);
        let mut sim = asked(deciding(&inside, decision), [Plan::Refuse]);
        assert_eq!(sim.session.status(), ClientStatus::Waiting);
        inside.run(&mut sim);
        let error = if panics { "error setup" } else { "error connect" };
        sim.expect(&[&[error, "closed 1006 broken peer"], next].concat());
        assert_eq!(sim.seen.panics.len(), usize::from(panics));
        let is_over = next.is_empty();
        assert_eq!((sim.session.is_over(), sim.session.status() == ClientStatus::Closed), (is_over, is_over));
        if is_over {
            assert_eq!(sim.session.take_unsent().len(), 1);
            sim.advance(secs(1000));
            sim.expect(&[]);
            sim.session.reconnect_after(ms(5), sim.now);
        }
        sim.advance(secs(60));
        assert_eq!(sim.session.status(), ClientStatus::Open);
    }
}

#[test]
fn what_a_user_does_inside_prepare_wins_over_its_answer() {
    let (opens, over): (&[&str], &[&str]) = (&["connected", "open"], &["closed 1006 broken us"]);
    let panicked = &["error setup", "closed 1006 broken us"];
    let (later, soon) = (&["reconnecting 1 in 60s"], &["reconnecting 1 in 3s"]);
    // With the events, and what follows the connection, if there is one.
    for (act, panics, events, next) in [
        (NOTHING, false, opens, &later[..]),
        (NOTHING, true, panicked, &[]),
        (SEND, false, opens, later),
        (SEND, true, panicked, &[]),
        (LOOK, false, opens, later),
        (CLOSE, false, over, &[]),
        (CLOSE, true, over, &[]),
        (ABORT, false, over, &[]),
        (AGAIN, false, opens, soon),
        (CANCEL, false, opens, &[]),
        (CANCEL, true, panicked, &[]),
        (AGAIN, true, &["error setup", "closed 1006 broken us", "reconnecting 1 in 3s"], &[]),
        (CLOSE_AND_AGAIN, false, &["closed 1006 broken us", "reconnecting 1 in 3s"], &[]),
        (CLOSE_AND_AGAIN, true, &["closed 1006 broken us", "reconnecting 1 in 3s"], &[]),
    ] {
        let inside = Inside::new(act, panics);
        let mut sim = asked(preparing(&inside), []);
        assert_eq!(sim.session.status(), ClientStatus::Connecting);
        inside.run(&mut sim);
        sim.expect(events);
        assert_eq!(sim.seen.panics.len(), usize::from(panics));
        if events.last() == Some(&"open") {
            // The wish is for the end of this connection.
            sim.cut();
            sim.settle();
            sim.expect(&[&["error transport", "closed 1006 broken peer"], next].concat());
        } else if !events.last().unwrap().starts_with("reconnecting") {
            assert!(sim.session.is_over());
            assert!(sim.seen.dials.is_empty());
            assert!(!sim.session.take_unsent().is_empty());
            sim.advance(secs(1000));
            sim.expect(&[]);
            sim.session.reconnect_after(ms(5), sim.now);
        }
        if sim.session.status() != ClientStatus::Closed {
            sim.advance(secs(60));
            assert_eq!(sim.session.status(), ClientStatus::Open);
        }
    }
}

#[test]
fn each_kind_of_end_is_reported_in_order_after_the_answer() {
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let poisoned = Plan::Serve(Serve { poison: Some("waits"), ..Serve::default() });
    let closes = Plan::Serve(Serve { closes: Some(4000), ..Serve::default() });
    for (plan, before, after) in [
        (Plan::NoName, &[][..], &["error resolve", "closed 1006 broken us"][..]),
        (refuse(503, ""), &["connected"], &["error handshake", "closed 1006 broken peer"]),
        (
            mute,
            &["connected", "open"],
            &[
                "error timeout",
                "closed 1006 broken us",
                "stuck waits after 1: the peer did not confirm the sent messages in 1s (confirm_timeout)",
            ],
        ),
        (
            poisoned,
            &["connected", "open"],
            &[
                "error transport",
                "closed 1006 broken peer",
                "stuck waits after 1: the peer ended the stream without a Close frame",
            ],
        ),
        (closes, &["connected", "open", "closing 4000"], &["closed 4000 clean peer"]),
    ] {
        let inside = Inside::default();
        let builder =
            deciding(&inside, Some(RetryDecision::Retry)).delivery(Delivery::Confirmed).max_deliveries(1);
        let mut sim = simulate(builder.confirm_timeout(secs(1)), [plan]);
        sim.send("waits");
        sim.switches.is_hesitating = true;
        sim.advance(secs(1));
        sim.expect(before);
        assert!(!sim.is_connected(), "the transport does not wait for the hook");
        assert!(!sim.session.has_events());
        sim.switches.is_hesitating = false;
        sim.answer();
        sim.settle();
        sim.expect(&[after, &["reconnecting 1 in 60s"]].concat());
    }
}

#[test]
fn a_question_that_is_never_answered_does_not_keep_the_user_from_ending_it() {
    for ends in [CLOSE, ABORT, CANCEL] {
        for is_asked in [false, true] {
            let mut sim = asked(deciding(&Inside::default(), None), [Plan::Refuse]);
            let question = sim.seen.questions.pop().unwrap();
            // Dropped, or its answer is.
            if is_asked {
                drop(question.ask());
            } else {
                drop(question);
            }
            sim.advance(secs(1000));
            sim.expect(&[]);
            ends(&mut sim.session, sim.now);
            sim.settle();
            sim.expect(&["error connect", "closed 1006 broken peer"]);
            assert!(sim.session.is_over());
        }
    }
    // Before the driver has taken it.
    let mut session = preparing(&Inside::default()).session(ws_core::Random::from_seed([9; 32])).unwrap();
    session.handle_timeout(Instant::EPOCH);
    session.abort(Instant::EPOCH);
    assert!(matches!(session.poll_action(), Some(ws_common::session::Action::Reset)));
    assert!(session.poll_action().is_none());
    let mut session =
        deciding(&Inside::default(), None).session(ws_core::Random::from_seed([9; 32])).unwrap();
    session.handle_timeout(Instant::EPOCH);
    session.poll_action();
    session.not_opened(ws_common::ConnectError::TlsUnsupported, Instant::EPOCH);
    session.close(frame(1000), Instant::EPOCH);
    assert!(matches!(session.poll_action(), Some(ws_common::session::Action::Reset)));
    assert!(session.poll_action().is_none());
    assert!(matches!(session.poll_event(), Ok(Some(ClientEvent::Error(_)))));
    assert!(matches!(session.poll_event(), Ok(Some(ClientEvent::Closed(_)))));
    assert!(matches!(session.poll_event(), Ok(Some(ClientEvent::GaveUp { reason: GiveUp::Closed }))));
    assert!(session.is_over());
}

#[test]
fn a_client_that_is_closed_while_decide_runs_is_closed_at_once_and_reports_the_end_after_it() {
    let inside = Inside::new(
        |session, now| {
            let ticket = session.confirm(None).unwrap();
            let version = session.proofs_version();
            session.close(frame(1000), now);
            assert_eq!((session.status(), session.is_over()), (ClientStatus::Closed, false));
            assert!(matches!(session.flushed(None), Some(Err(_))));
            assert_ne!(session.proofs_version(), version);
            assert_eq!(session.confirmed(&ticket, None), Some(Err(ConfirmError::Closed)));
            assert!(matches!(session.poll_event(), Ok(None)));
            session.publish();
            assert_eq!(session.gauge().status(), ClientStatus::Closed);
        },
        false,
    );
    let mut sim = asked(deciding(&inside, None), [Plan::Refuse]);
    inside.run(&mut sim);
    sim.expect(&["error connect", "closed 1006 broken peer"]);
    assert!(sim.session.is_over());
}

#[test]
fn the_error_of_a_hook_names_the_hook_and_the_end() {
    let session = |builder: ClientBuilder<Session>| {
        let mut sim = simulate(builder, [Plan::Refuse]);
        sim.switches.is_taking = false;
        sim.settle();
        match sim.session.poll_event() {
            Ok(Some(ClientEvent::Error(error @ ClientError::HookPanicked { .. }))) => error,
            other => panic!("{other:?}"),
        }
    };
    let error = session(client().prepare(|_, _| panic_any("in a hook")));
    assert_eq!(error.to_string(), "the hook `prepare` panicked");
    assert!(error.source().is_none());
    let error = session(client().reconnect(Reconnect::never().decide(|_| panic_any("in a hook"))));
    assert_eq!(
        error.to_string(),
        "the hook `decide` panicked when it was asked about this end: \
         connecting to 192.0.2.1:80 failed: as planned"
    );
    assert!(error.source().is_none(), "the text has told all");
}
