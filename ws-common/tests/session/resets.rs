//! Which ends reset the transport, and which close it in the ordinary way.

use std::time::Duration;

use ws_common::{
    ConnectError, OpenPhase,
    reconnect::Reconnect,
    session::{Action, Delivery},
};
use ws_core::{Config, Instant, Machine, Random};

use crate::support::{Plan, Sim, Steps, client, frame, refuse, secs, serve, simulate};

/// `Some(true)` for a reset, `None` if the transport was not dropped.
fn transport_to_drop(sim: &Sim) -> Option<bool> {
    sim.seen.partings.first().copied()
}

#[test]
fn an_attempt_that_fails_is_reset() {
    for plan in [
        Plan::Refuse,
        Plan::BlackHole,
        Plan::Silent,
        Plan::Raw("SSH-2.0-OpenSSH_9.9\r\n".into(), true),
        Plan::Raw(String::new(), true),
        refuse(503, ""),
    ] {
        let mut sim = simulate(client().reconnect(Reconnect::after(secs(60))), [plan]);
        sim.advance(secs(20));
        assert_eq!(transport_to_drop(&sim), Some(true), "{:?}", sim.lines());
    }
}

#[test]
fn an_attempt_that_the_user_gives_up_is_reset() {
    for aborts in [true, false] {
        for plan in [Plan::BlackHole, Plan::Silent] {
            let mut sim = simulate(client(), [plan]);
            sim.advance(secs(1));
            match aborts {
                true => sim.session.abort(sim.now),
                false => sim.session.close(frame(1000), sim.now),
            }
            sim.settle();
            assert_eq!(sim.seen.partings, [true]);
        }
    }
}

#[test]
fn a_connection_is_reset_after_a_missed_deadline_and_by_abort_and_else_closed() {
    type End = fn(&mut Sim);
    let missed_pong: End = |sim| {
        sim.switches.is_mute = true;
        sim.advance(secs(60));
    };
    let missed_write: End = |sim| {
        sim.switches.is_blocked = true;
        sim.send("stuck");
        sim.advance(secs(90));
    };
    let missed_proof: End = |sim| {
        sim.switches.is_mute = true;
        sim.send("unproven");
        sim.advance(secs(30));
    };
    let aborted: End = |sim| sim.session.abort(sim.now);
    let missed_close: End = |sim| {
        sim.switches.is_mute = true;
        sim.session.close(frame(1000), sim.now);
        sim.advance(secs(30));
    };
    let closed: End = |sim| sim.session.close(frame(1000), sim.now);
    let closed_by_peer: End = |sim| {
        let now = sim.now;
        sim.server().close(frame(1001), now);
    };
    let cut: End = |sim| sim.cut();
    let violation: End = |sim| sim.inject(&[0xC1, 0]);
    let mut cases = vec![
        (Some(secs(20)), Delivery::AtMostOnce, true, missed_pong),
        (None, Delivery::AtMostOnce, true, missed_write),
        (None, Delivery::Confirmed, true, missed_proof),
        (None, Delivery::AtMostOnce, true, aborted),
    ];
    for ordinary in [missed_close, closed, closed_by_peer, cut, violation] {
        cases.push((None, Delivery::AtMostOnce, false, ordinary));
    }
    for (n, (ping_interval, delivery, resets, end)) in cases.into_iter().enumerate() {
        let builder =
            client().ping_interval(ping_interval).delivery(delivery).reconnect(Reconnect::after(secs(600)));
        let mut sim = simulate(builder, [serve()]);
        sim.settle();
        assert!(sim.has_server(), "case {n}");
        end(&mut sim);
        sim.advance(secs(1));
        assert_eq!(transport_to_drop(&sim), Some(resets), "case {n}: {:?}", sim.lines());
        assert_eq!(sim.seen.partings.len(), 1, "case {n}");
    }
}

#[test]
fn what_follows_a_reset_does_not_hide_it() {
    let builder = client().reconnect(Reconnect::after(Duration::ZERO));
    let mut session = builder.session(Random::from_seed([7; 32])).expect("settings that can be used");
    let at = |seconds| Instant::since_epoch(secs(seconds));
    session.handle_timeout(at(0));
    assert!(matches!(session.poll_action(), Some(Action::Open(_))));
    session.not_opened(
        ConnectError::Timeout { phase: OpenPhase::Connect, open_timeout: secs(10), peer: None },
        at(1),
    );
    // The next attempt begins before the driver has asked.
    session.handle_timeout(at(2));
    assert!(matches!(session.poll_action(), Some(Action::Reset)));
    assert!(matches!(session.poll_action(), Some(Action::Open(_))));
    assert!(session.poll_action().is_none());
}

#[test]
fn a_missed_close_timeout_resets_the_connection_if_another_may_follow() {
    type End = fn(&mut Sim);
    let peer_closes: End = |sim| {
        let now = sim.now;
        sim.server().close(frame(1012), now);
    };
    let peer_closes_at_a_blocked_link: End = |sim| {
        sim.switches.is_blocked = true;
        sim.send(&"x".repeat(150_000));
        let now = sim.now;
        sim.server().close(frame(1012), now);
    };
    let user_closes_and_reconnects: End = |sim| {
        sim.switches.is_mute = true;
        sim.send("before");
        sim.session.close(frame(1000), sim.now);
        sim.session.reconnect_after(secs(1), sim.now);
    };
    let violation: End = |sim| {
        sim.switches.is_blocked = true;
        sim.send(&"x".repeat(150_000));
        sim.inject(&[0xC1, 0]);
    };
    let peer_closes_and_user_cancels: End = |sim| {
        sim.switches.is_blocked = true;
        sim.send(&"x".repeat(150_000));
        let now = sim.now;
        sim.server().close(frame(1012), now);
        sim.session.cancel_reconnect();
    };
    // The connection has sent 1008 for a message without progress, and the peer does not answer.
    let trickling: End = |sim| {
        sim.switches.is_mute = true;
        sim.inject(&[0x81, 5, b'h']);
    };
    // The peer answers our 1001 with 1000, and does not end the stream.
    let idle: End = |sim| {
        sim.switches.is_mute = true;
        sim.advance(secs(9));
        sim.settle();
        sim.inject(&[0x88, 2, 0x03, 0xE8]);
    };
    let again = || Reconnect::after(secs(1));
    let strict = || Reconnect::backoff().only_transient();
    for (n, (reconnect, resets, end)) in [
        (again(), false, peer_closes),
        (again(), true, peer_closes_at_a_blocked_link),
        (again(), true, user_closes_and_reconnects),
        (Reconnect::never(), true, user_closes_and_reconnects),
        (again(), true, violation),
        (Reconnect::never(), false, peer_closes_at_a_blocked_link),
        (Reconnect::never(), false, violation),
        (again(), false, peer_closes_and_user_cancels),
        (strict(), true, trickling),
        (strict(), true, idle),
        (Reconnect::never(), false, trickling),
        (Reconnect::never(), false, idle),
    ]
    .into_iter()
    .enumerate()
    {
        let config = Config::default().ping_interval(None).message_timeout(secs(3));
        let builder = client().config(config).idle_timeout(secs(9)).reconnect(reconnect);
        let mut sim = simulate(builder, [serve()]);
        sim.settle();
        assert!(sim.has_server(), "case {n}");
        end(&mut sim);
        for _ in 0..20 {
            sim.advance(secs(1));
            sim.switches.is_blocked &= sim.seen.partings.is_empty();
        }
        assert_eq!(transport_to_drop(&sim), Some(resets), "case {n}: {:?}", sim.lines());
    }
}
