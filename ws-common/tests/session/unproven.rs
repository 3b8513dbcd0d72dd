//! Confirmed delivery: the verdict about a peer whose proofs are missing, and the hook that sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ws_common::reconnect::{Cause, DisconnectReason, Reconnect, RetryDecision};

use crate::evidence::{answered, confirmed};
use crate::support::{Plan, Serve, Sim, Steps, secs, simulate};

#[test]
fn a_hook_is_asked_about_a_peer_that_cannot_be_used() {
    for (decision, is_retried) in
        [(None, false), (Some(RetryDecision::Retry), true), (Some(RetryDecision::Stop), false)]
    {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let seen = ends.clone();
        let policy = Reconnect::after(secs(1)).decide(move |end| {
            seen.lock().expect("no panic under a lock").push(format!(
                "{} {}",
                end.is_final(),
                Cause::from(end)
            ));
            decision.filter(|_| end.is_final())
        });
        let sim = answered(b"", confirmed().ping_interval(secs(2)).reconnect(policy));
        let told = "true this peer cannot be used with confirmed delivery: its pongs do not repeat the payload of our pings";
        let mut ends = ends.lock().expect("no panic under a lock");
        // Where an attempt follows, the next connection ends in the same way.
        ends.dedup();
        assert_eq!(*ends, [told], "{decision:?}");
        assert_eq!(sim.seen.gave_up.is_none(), is_retried, "{decision:?}: {:?}", sim.seen.gave_up);
    }
}

#[test]
fn a_hook_sees_that_a_proof_is_missing() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = ends.clone();
    let policy = Reconnect::after(secs(1)).decide(move |end| {
        let is_failure = !matches!(end, DisconnectReason::Closed { error: None, .. });
        let told = format!("{is_failure} {} {}", end.is_transient(), Cause::from(end));
        seen.lock().expect("no panic under a lock").push(told);
        None
    });
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = simulate(confirmed().confirm_timeout(secs(5)).reconnect(policy), [plan]);
    sim.send("x");
    sim.advance(secs(10));
    let told = "true true the peer did not confirm the sent messages in 5s (confirm_timeout)";
    assert_eq!(*ends.lock().expect("no panic under a lock"), [told]);
    assert_eq!(sim.session.flushed(None), Some(Ok(())));
}

/// A client of a server that freezes so often before it has ever answered, and sends pongs of its own at these times, in seconds
/// after the ping for a proof has left.
fn frozen(heartbeats: &[u64], times: usize, interval: Option<Duration>) -> Sim {
    let plan = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = simulate(confirmed().ping_interval(interval), vec![plan; times]);
    sim.send("x");
    for connection in 1..=times {
        sim.settle();
        assert_eq!(sim.session.stats().connections, connection as u64);
        let begin = sim.now;
        for beat in heartbeats {
            sim.advance((begin + secs(*beat)) - sim.now);
            sim.inject(b"\x8A\x00");
        }
        sim.advance((begin + secs(20)) - sim.now);
        sim.advance(secs(1));
    }
    sim
}

#[test]
fn pongs_that_a_frozen_server_sends_of_its_own_accord_do_not_end_a_client() {
    let often: Vec<_> = (0..20).collect();
    for interval in [None, Some(secs(20))] {
        for (heartbeats, times) in [(&[1][..], 1), (&[1, 2], 3), (&often, 3), (&[], 3)] {
            let mut sim = frozen(heartbeats, times, interval);
            let case = format!("{heartbeats:?} {times} times, {interval:?}");
            assert_eq!(sim.seen.gave_up, None, "{case}");
            let trace = sim.lines();
            let missed = trace.iter().filter(|event| *event == "error timeout").count();
            assert_eq!(missed, times, "{case}: {trace:?}");
            assert_eq!(sim.session.flushed(None), Some(Ok(())), "{case}");
        }
    }
}
