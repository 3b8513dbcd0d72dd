//! Hooks that take their time: delays, deadlines, and answers that are out of date.

use std::panic::panic_any;

use ws_common::{
    ConnectOptions,
    session::{Attempt, ClientStatus},
};

use crate::hooks::{Inside, asked, deciding, preparing};
use crate::support::{Plan, ms, secs};

#[test]
fn a_delay_counts_from_the_end_however_late_the_answer_is() {
    let mut sim = asked(deciding(&Inside::default(), None), [Plan::Refuse]);
    sim.is_hesitating = false;
    sim.advance(secs(20));
    sim.answer();
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 1 in 60s"]);
    sim.advance(secs(39));
    sim.expect(&[]);
    sim.advance(secs(1));
    sim.expect(&["connected", "open"]);
    // Later than the delay: at once.
    sim.is_hesitating = true;
    sim.cut(false);
    sim.advance(secs(100));
    sim.is_hesitating = false;
    sim.answer();
    sim.settle();
    sim.expect(&["error transport", "closed 1006 broken peer", "reconnecting 2 in 60s", "connected", "open"]);
}

#[test]
fn reconnect_after_counts_from_its_call_though_a_hook_runs_on() {
    for (answered_after, waits) in [(1, 2), (3, 0), (60, 0)] {
        let mut sim = asked(deciding(&Inside::default(), None), [Plan::Refuse]);
        sim.advance(secs(20));
        // The hook has the end, and is not done with it.
        sim.session.reconnect_after(secs(3), sim.now);
        sim.advance(secs(answered_after));
        sim.expect(&[]);
        sim.hesitate(false);
        sim.settle();
        let events = ["error connect", "closed 1006 broken peer", "reconnecting 1 in 3s"];
        let opens: &[&str] = if waits == 0 { &["connected", "open"] } else { &[] };
        sim.expect(&[&events, opens].concat());
        sim.advance(secs(waits));
        assert_eq!(sim.session.status(), ClientStatus::Open, "{answered_after}");
    }
}

#[test]
fn the_time_of_prepare_is_not_counted_toward_the_time_to_open() {
    let mut sim = asked(preparing(&Inside::default()), [Plan::BlackHole]);
    sim.advance(secs(100));
    sim.is_hesitating = false;
    sim.answer();
    sim.advance(ms(9_999));
    sim.expect(&[]);
    sim.advance(ms(1));
    sim.expect(&["error connect", "closed 1006 broken us", "reconnecting 1 in 60s"]);
}

#[test]
fn an_answer_that_is_out_of_date_is_ignored_and_its_panic_handed_back() {
    for panics in [false, true] {
        let inside = Inside::default();
        let hook = move |attempt: Attempt, options: ConnectOptions| {
            if panics && attempt.number == 0 {
                panic_any("in a hook");
            }
            Ok(options.header("Attempt", attempt.number.to_string()))
        };
        let mut sim = asked(preparing(&inside).prepare(hook), []);
        sim.session.abort(sim.now);
        sim.session.reconnect_after(secs(1), sim.now);
        sim.advance(secs(1));
        sim.expect(&["closed 1006 broken us", "reconnecting 1 in 1s"]);
        assert_eq!(sim.questions.len(), 2);
        let newest = sim.questions.pop();
        sim.answer();
        assert_eq!(sim.panics.len(), usize::from(panics));
        sim.settle();
        sim.expect(&[]);
        assert_eq!(sim.session.status(), ClientStatus::Connecting);
        sim.questions.extend(newest);
        sim.is_hesitating = false;
        sim.answer();
        sim.settle();
        sim.expect(&["connected", "open"]);
        assert!(sim.requests[0].contains("\r\nAttempt: 1\r\n"));
    }
}
