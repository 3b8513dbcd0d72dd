//! A race between addresses, as a trace: when each attempt starts, and how the race ends.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use ws_common::happy_eyeballs::{AttemptId, HappyEyeballs, HappyEyeballsStep};
use ws_core::Instant;

use Fate::{Connects, Fails, Hangs};
use Seen::{Failed, Start, Won};

/// What happens to an attempt, and after how many milliseconds.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Connects(u64),
    Fails(u64),
    Hangs,
}

/// What a driver saw, and at which millisecond.
#[derive(PartialEq, Debug)]
enum Seen {
    Start(u64, SocketAddr),
    /// The winner, and those to be cancelled.
    Won(u64, SocketAddr, Vec<SocketAddr>),
    Failed(u64, Vec<SocketAddr>),
}

fn v4(n: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, n), 80).into()
}

fn v6(n: u8) -> SocketAddr {
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()), 80).into()
}

fn at(milliseconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_millis(milliseconds))
}

/// Runs a race to the last result, those that come after its end included. An address without a fate hangs.
fn run(mut dial: HappyEyeballs<SocketAddr, SocketAddr>, fates: &HashMap<SocketAddr, Fate>) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut pending: Vec<(u64, AttemptId, Result<SocketAddr, SocketAddr>)> = Vec::new();
    let mut now = 0;
    let mut is_over = false;
    loop {
        let deadline = loop {
            match dial.poll(at(now)) {
                HappyEyeballsStep::Start { attempt, address } => {
                    assert!(!is_over, "{address} was started after the end");
                    seen.push(Start(now, address));
                    match fates.get(&address).copied().unwrap_or(Hangs) {
                        Connects(after) => pending.push((now + after, attempt, Ok(address))),
                        Fails(after) => pending.push((now + after, attempt, Err(address))),
                        Hangs => {}
                    }
                }
                HappyEyeballsStep::Won { address, transport, .. } => {
                    assert!(!is_over, "{address} has won after the end");
                    assert_eq!(transport, address);
                    is_over = true;
                    seen.push(Won(now, address, dial.running().map(|(_, address)| address).collect()));
                }
                HappyEyeballsStep::Failed(failures) => {
                    assert!(!is_over, "the race has failed after its end");
                    assert_eq!(dial.running().count(), 0);
                    assert!(failures.iter().all(|(address, error)| address == error));
                    is_over = true;
                    seen.push(Failed(now, failures.into_iter().map(|(address, _)| address).collect()));
                }
                HappyEyeballsStep::Wait(deadline) => {
                    break deadline.map(|deadline| deadline.elapsed().as_millis() as u64);
                }
            }
        };
        assert!(!is_over || deadline.is_none(), "nothing to wait for after the end");
        pending.sort();
        let result = pending.first().map(|(time, ..)| *time);
        let Some(next) = result.into_iter().chain(deadline).min() else { return seen };
        assert!(next > now || result == Some(now), "the deadline {next} has passed at {now}");
        now = next;
        if result == Some(now) {
            let (_, attempt, result) = pending.remove(0);
            dial.handle_result(attempt, result);
        }
    }
}

#[test]
fn races() {
    let (a, b, c, d) = (v6(1), v4(1), v6(2), v4(2));
    for (what, addresses, fates, trace) in [
        ("no address", vec![], vec![], vec![Failed(0, vec![])]),
        ("one that connects", vec![a], vec![(a, Connects(40))], vec![Start(0, a), Won(40, a, vec![])]),
        ("one that fails", vec![a], vec![(a, Fails(40))], vec![Start(0, a), Failed(40, vec![a])]),
        ("one that hangs", vec![a], vec![], vec![Start(0, a)]),
        (
            "IPv6 goes nowhere",
            vec![a, c, b],
            vec![(b, Connects(30))],
            vec![Start(0, a), Start(250, b), Won(280, b, vec![a])],
        ),
        (
            "the second is not tried when the first is quick",
            vec![b, a],
            vec![(b, Connects(249)), (a, Connects(0))],
            vec![Start(0, b), Won(249, b, vec![])],
        ),
        (
            "the first fails at once, so the second starts at once",
            vec![a, b, c],
            vec![(a, Fails(0)), (b, Connects(300))],
            vec![Start(0, a), Start(0, b), Start(250, c), Won(300, b, vec![c])],
        ),
        (
            "after an early start, the delay counts from there",
            vec![a, b, c],
            vec![(a, Fails(100))],
            vec![Start(0, a), Start(100, b), Start(350, c)],
        ),
        (
            "any that fails makes room, not only the latest",
            vec![a, b, c, d],
            vec![(a, Fails(300)), (d, Connects(10))],
            vec![Start(0, a), Start(250, b), Start(300, c), Start(550, d), Won(560, d, vec![b, c])],
        ),
        (
            "all fail: each is told with its error, in the order of failing",
            vec![a, b, c],
            vec![(a, Fails(400)), (b, Fails(20)), (c, Fails(5))],
            vec![Start(0, a), Start(250, b), Start(270, c), Failed(400, vec![b, c, a])],
        ),
        (
            "the first connects late, and wins all the same",
            vec![a, b],
            vec![(a, Connects(400)), (b, Connects(200))],
            vec![Start(0, a), Start(250, b), Won(400, a, vec![b])],
        ),
        (
            "what connects or fails after the end changes nothing",
            vec![a, b, c, d],
            vec![(a, Connects(600)), (b, Fails(700)), (c, Connects(20)), (d, Connects(0))],
            vec![Start(0, a), Start(250, b), Start(500, c), Won(520, c, vec![a, b])],
        ),
    ] {
        assert_eq!(run(HappyEyeballs::new(addresses), &fates.into_iter().collect()), trace, "{what}");
    }
}

/// RFC 8305 §4.
#[test]
fn families_take_turns_and_each_keeps_its_order() {
    let [a, b, c, d] = [v6(1), v6(2), v6(3), v6(4)];
    let [w, x, y] = [v4(1), v4(2), v4(3)];
    for (resolved, tried) in [
        (vec![a, b, w, x], vec![a, w, b, x]),
        (vec![w, x, a, b], vec![w, a, x, b]),
        (vec![a, b, c, d, w], vec![a, w, b, c, d]),
        (vec![w, a, b, c, x, y], vec![w, a, x, b, y, c]),
        (vec![x, w], vec![x, w]),
        (vec![a, a, w, a, w, b], vec![a, w, b]),
    ] {
        let mut dial = HappyEyeballs::<(), ()>::new(resolved.clone());
        let mut started = Vec::new();
        for n in 0..100 {
            if let HappyEyeballsStep::Start { address, .. } = dial.poll(at(250 * n)) {
                started.push(address);
            }
        }
        assert_eq!(started, tried, "{resolved:?}");
    }
}

#[test]
fn the_delay_is_10_ms_to_2_s() {
    for (set, used) in [(0, 10), (9, 10), (10, 10), (100, 100), (2000, 2000), (2001, 2000), (u64::MAX, 2000)]
    {
        let dial = HappyEyeballs::new([v4(1), v4(2)]).delay(Duration::from_millis(set));
        assert_eq!(run(dial, &HashMap::new()), [Start(0, v4(1)), Start(used, v4(2))], "{set}");
    }
}

#[test]
fn a_result_counts_once() {
    let mut dial = HappyEyeballs::<(), &str>::new([v4(1), v4(2)]);
    let HappyEyeballsStep::Start { attempt, .. } = dial.poll(at(0)) else { panic!("no start") };
    dial.handle_result(attempt, Err("refused"));
    dial.handle_result(attempt, Err("refused again"));
    dial.handle_result(attempt, Ok(()));
    let HappyEyeballsStep::Start { attempt, .. } = dial.poll(at(0)) else { panic!("no start") };
    dial.handle_result(attempt, Err("unreachable"));
    assert_eq!(dial.poll(at(0)), HappyEyeballsStep::Failed(vec![(v4(1), "refused"), (v4(2), "unreachable")]));
    assert_eq!(dial.poll(at(0)), HappyEyeballsStep::Wait(None));
}

#[test]
fn a_win_comes_before_an_attempt_that_is_due() {
    let mut dial = HappyEyeballs::<(), ()>::new([v4(1), v4(2)]);
    let HappyEyeballsStep::Start { attempt, .. } = dial.poll(at(0)) else { panic!("no start") };
    dial.handle_result(attempt, Ok(()));
    assert_eq!(dial.poll(at(10_000)), HappyEyeballsStep::Won { attempt, address: v4(1), transport: () });
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => (0..2000u64).prop_map(Connects),
        5 => (0..2000u64).prop_map(Fails),
        2 => Just(Fails(0)),
        3 => Just(Hangs),
    ]
}

fn any_address() -> impl Strategy<Value = SocketAddr> {
    (any::<bool>(), 0..8u8).prop_map(|(is_v6, n)| if is_v6 { v6(n) } else { v4(n) })
}

#[test]
fn addresses_that_have_failed_before_are_tried_last() {
    let (a, b, c, d) = (v6(1), v4(1), v6(2), v4(2));
    for (rule, last, fates, trace) in [
        (
            "the others take turns, and then come these in their own order",
            vec![b, a],
            vec![],
            vec![Start(0, c), Start(250, d), Start(2250, b), Start(2500, a)],
        ),
        (
            "the other family first, if the first address has failed",
            vec![a],
            vec![(b, Connects(30))],
            vec![Start(0, b), Won(30, b, vec![])],
        ),
        (
            "one that is slow wins against one that has failed",
            vec![a, c, d],
            vec![(a, Connects(1)), (b, Connects(1999))],
            vec![Start(0, b), Won(1999, b, vec![])],
        ),
        (
            "one that goes nowhere does not keep them away",
            vec![a, c, d],
            vec![(a, Connects(1))],
            vec![Start(0, b), Start(2000, a), Won(2001, a, vec![b])],
        ),
        (
            "when all others have failed, they start at once",
            vec![a, b],
            vec![(c, Fails(100)), (d, Fails(10)), (a, Fails(5)), (b, Connects(1))],
            vec![Start(0, c), Start(100, d), Start(110, a), Start(115, b), Won(116, b, vec![])],
        ),
        (
            "not when one of them has failed, and another goes on",
            vec![a, b],
            vec![(c, Connects(600)), (d, Fails(10)), (a, Connects(0))],
            vec![Start(0, c), Start(250, d), Won(600, c, vec![])],
        ),
        (
            "when all have failed before, the first does not wait",
            vec![d, c, b, a],
            vec![],
            vec![Start(0, d), Start(250, c), Start(500, b), Start(750, a)],
        ),
        (
            "addresses that are not in the race are passed over",
            vec![v4(9), c],
            vec![],
            vec![Start(0, a), Start(250, b), Start(500, d), Start(2500, c)],
        ),
    ] {
        let dial = HappyEyeballs::new([a, c, b, d]).try_last(&last);
        assert_eq!(run(dial, &fates.into_iter().collect()), trace, "{rule}");
    }
    assert!(HappyEyeballs::<(), ()>::new([a]).try_last(&[a]).is_only());
}

proptest! {
    #[test]
    fn a_race_is_fair_and_ends_once(
        addresses in vec(any_address(), 0..24),
        fates in vec(any_fate(), 16),
        delay in prop_oneof![Just(250), 10..2000u64],
    ) {
        let fates = (0..8).flat_map(|n| [v4(n), v6(n)]).zip(fates).collect();
        check_race(&addresses, &fates, delay)?;
    }
}

fn check_race(
    addresses: &[SocketAddr],
    fates: &HashMap<SocketAddr, Fate>,
    delay: u64,
) -> Result<(), TestCaseError> {
    let dial = HappyEyeballs::new(addresses.iter().copied()).delay(Duration::from_millis(delay));
    let mut trace = run(dial, fates);
    let end = trace.pop_if(|seen| !matches!(seen, Start(..)));
    let mut starts = Vec::new();
    for seen in &trace {
        let Start(time, address) = *seen else { panic!("two ends: {end:?}, {seen:?}") };
        starts.push((time, address));
    }
    let all: HashSet<_> = addresses.iter().copied().collect();
    let started: HashSet<_> = starts.iter().map(|(_, address)| *address).collect();
    prop_assert_eq!(started.len(), starts.len(), "each is started once");

    let when = |fate: fn(Fate) -> Option<u64>| -> Vec<(u64, SocketAddr)> {
        let end = |&(start, address)| Some((start + fate(fates[&address])?, address));
        starts.iter().filter_map(end).collect()
    };
    let connected = when(|fate| if let Connects(after) = fate { Some(after) } else { None });
    let failed = when(|fate| if let Fails(after) = fate { Some(after) } else { None });

    for pair in starts.windows(2) {
        let (before, after) = (pair[0].0, pair[1].0);
        let is_early = failed.iter().any(|(time, _)| *time == after);
        prop_assert!(after - before == delay || is_early, "{} then {}", before, after);
    }

    match (connected.iter().map(|(time, _)| *time).min(), end) {
        (Some(first), Some(Won(time, winner, cancelled))) => {
            prop_assert_eq!(first, time, "the first that connects wins");
            prop_assert!(connected.contains(&(time, winner)));
            // What fails in the very millisecond of the end may be seen before it or after.
            let is_done = |(end, address): &&(u64, _)| *end <= time && !cancelled.contains(address);
            let done = failed.iter().filter(is_done).count();
            prop_assert_eq!(1 + cancelled.len() + done, starts.len(), "won, cancelled or failed");
            prop_assert!(!cancelled.contains(&winner));
        }
        (None, Some(Failed(_, addresses))) => {
            prop_assert_eq!(addresses.len(), all.len());
            prop_assert_eq!(addresses.into_iter().collect::<HashSet<_>>(), all);
        }
        (None, None) => {
            prop_assert_eq!(&started, &all, "all are tried");
            prop_assert!(failed.len() < all.len(), "one hangs");
        }
        (connected, end) => prop_assert!(false, "connected: {:?}, end: {:?}", connected, end),
    }
    Ok(())
}
