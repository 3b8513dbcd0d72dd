//! The delays of a client that reconnects, and their limits.

use std::time::Duration;

use ws_common::reconnect::{Attempts, Backoff, DisconnectReason, GiveUp, Reconnect, RetryDecision};

use crate::*;

/// How many of these are in each tenth of the time between the two. All must be there.
fn tenths(delays: &[Duration], least: Duration, most: Duration) -> [usize; 10] {
    let mut counts = [0; 10];
    for delay in delays {
        assert!((least..most).contains(delay), "{delay:?}");
        let part = (*delay - least).as_secs_f64() / (most - least).as_secs_f64();
        counts[(part * 10.0) as usize] += 1;
    }
    counts
}

/// Uniform: each tenth has a tenth of them, give or take five standard deviations, and nearly no two are the same.
fn assert_uniform(mut delays: Vec<Duration>, least: Duration, most: Duration) {
    let expected = delays.len() as f64 / 10.0;
    for count in tenths(&delays, least, most) {
        assert!(
            (count as f64 - expected).abs() < 5.0 * (0.9 * expected).sqrt(),
            "{least:?} to {most:?}: {count}"
        );
    }
    let all = delays.len();
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > all - all / 100, "a point mass between {least:?} and {most:?}");
}

#[test]
fn the_backoff_is_uniform_from_the_floor_to_a_ceiling_that_doubles_to_the_cap() {
    let mut random = seeded();
    let backoff = Backoff::default();
    for (n, ceiling) in [(0, 500), (1, 1000), (3, 4000), (6, 32_000), (7, 60_000), (1000, 60_000)] {
        let delays = (0..10_000).map(|_| backoff.delay(n, random.next_u64())).collect();
        assert_uniform(delays, ms(100), ms(ceiling));
    }
}

#[test]
fn retries_with_little_hope_are_uniform_between_half_the_cap_and_the_cap() {
    let mut random = seeded();
    let policy = Reconnect::backoff();
    for error in [None, Some(&ended(&[0x83, 0]).1.expect("a violation"))] {
        let closed = closed(1008);
        let end = DisconnectReason::Closed { closed: &closed, error };
        let delays = (0..10_000)
            .map(|_| policy.next(&mut policy.attempts(), &end, || random.next_u64(), at(0)).unwrap())
            .collect();
        assert_uniform(delays, secs(30), secs(60));
    }
}

/// 10 000 clients that a server asks to stay away for two minutes do not all return in the same instant.
#[test]
fn a_random_time_is_added_to_retry_after() {
    let mut random = seeded();
    let error = refused(503, "Retry-After: 120\r\n");
    let mut delays = |policy: &Reconnect, count| -> Vec<Duration> {
        let mut delay = || {
            let mut attempts = policy.attempts();
            (0..count).for_each(|_| {
                attempts.again(secs(0));
                attempts.begin(at(0));
            });
            policy
                .next(&mut attempts, &DisconnectReason::Failed(&error), || random.next_u64(), at(0))
                .unwrap()
        };
        (0..10_000).map(|_| delay()).collect()
    };
    assert_uniform(delays(&Reconnect::backoff(), 0), secs(120), secs(120) + ms(500));
    assert_uniform(delays(&Reconnect::backoff(), 3), secs(120), secs(124));
    assert_uniform(delays(&Reconnect::backoff(), 1000), secs(120), secs(180));
    assert_uniform(delays(&Reconnect::after(secs(5)), 0), secs(120), secs(125));
    // At most as much as the server asks for.
    assert_uniform(delays(&Reconnect::backoff().max_retry_after(secs(50)), 1000), secs(50), secs(100));
}

#[test]
fn delays_grow_from_attempt_to_attempt_without_end() {
    let policy = Reconnect::from(Backoff::default().base(secs(1)).cap(secs(20)).floor(secs(0)));
    let mut attempts = policy.attempts();
    let lost = closed(1006);
    let end = DisconnectReason::Closed { closed: &lost, error: None };
    let ceilings = [1, 2, 4, 8, 16, 20, 20].into_iter().chain(std::iter::repeat_n(20, 1000));
    for (n, ceiling) in (1..).zip(ceilings) {
        attempts.begin(at(n));
        let delay = policy.next(&mut attempts, &end, || u64::MAX, at(n)).unwrap();
        assert!(secs(ceiling) - delay < ms(1), "{n}: {delay:?}");
        assert_eq!(u64::from(attempts.count()), n);
    }
}

/// The longer of 10 s and the last delay.
#[test]
fn only_a_stable_connection_resets_the_count() {
    for (last_delay, open, is_reset) in [
        (secs(1), ms(9_999), false),
        (secs(1), secs(10), true),
        (secs(10), secs(10), true),
        (secs(60), secs(10), false),
        (secs(60), ms(59_999), false),
        (secs(60), secs(60), true),
        (Duration::MAX, secs(1 << 40), false),
    ] {
        let mut attempts = Attempts::default();
        for _ in 0..3 {
            attempts.again(last_delay);
            attempts.begin(at(0));
        }
        attempts.opened_for(open);
        let expected = if is_reset { 0 } else { 3 };
        assert_eq!(attempts.count(), expected, "open for {open:?} after a delay of {last_delay:?}");
    }
    let mut attempts = Reconnect::backoff().stable_after(secs(3)).attempts();
    attempts.again(secs(1));
    attempts.opened_for(secs(3));
    assert_eq!(attempts.count(), 0);
}

/// A server that accepts, and drops what it accepted after a while.
#[test]
fn a_connection_that_does_not_last_does_not_shorten_the_delay() {
    let policy = Reconnect::from(Backoff::default().base(secs(1)));
    let lost = closed(1006);
    let mut attempts = policy.attempts();
    let mut delay_after = |open| {
        attempts.begin(at(0));
        attempts.opened_for(open);
        let end = DisconnectReason::Closed { closed: &lost, error: None };
        let delay = policy.next(&mut attempts, &end, || u64::MAX, at(0)).unwrap();
        delay.as_secs_f64().round() as u64
    };
    let delays = [9, 9, 9, 9, 9, 9, 31, 59, 60, 9].map(|open| delay_after(secs(open)));
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]);
}

#[test]
fn an_attempt_that_takes_the_place_of_another_is_not_counted_twice() {
    let mut attempts = Attempts::default();
    attempts.begin(at(0));
    attempts.again(secs(30));
    attempts.again(secs(1));
    assert_eq!(attempts.count(), 1);
    attempts.begin(at(1));
    attempts.again(secs(1));
    assert_eq!(attempts.count(), 2);
}

#[test]
fn retry_after_lengthens_a_delay_and_never_shortens_it() {
    const DATE: &str = "Date: Sun, 06 Nov 1994 12:00:00 GMT\r\n";
    for (fields, delay) in [
        ("Retry-After: 120\r\n", secs(120)),
        ("retry-after:  90\r\n", secs(90)),
        ("Retry-After: 3600\r\n", secs(3600)),
        ("Retry-After: 3601\r\n", secs(3600)),
        ("Retry-After: 99999999999999999999999\r\n", secs(3600)),
        ("Retry-After: 9\r\n", secs(10)),
        ("Retry-After: 0\r\n", secs(10)),
        ("Retry-After: -120\r\n", secs(10)),
        ("Retry-After: later\r\n", secs(10)),
        ("Retry-After:\r\n", secs(10)),
        ("Retry-After: 120\r\nRetry-After: 60\r\n", secs(10)),
        ("Retry-After: Sun, 06 Nov 1994 12:02:00 GMT\r\n", secs(10)),
        (&format!("{DATE}Retry-After: Sun, 06 Nov 1994 12:02:00 GMT\r\n"), secs(120)),
        (&format!("Retry-After: Sunday, 06-Nov-94 12:02:00 GMT\r\n{DATE}"), secs(120)),
        (&format!("{DATE}Retry-After: Sun, 06 Nov 1994 12:00:09 GMT\r\n"), secs(10)),
        (&format!("{DATE}Retry-After: Sun, 06 Nov 1994 11:00:00 GMT\r\n"), secs(10)),
        (&format!("{DATE}Retry-After: Mon, 07 Nov 1994 12:00:00 GMT\r\n"), secs(3600)),
        (&format!("{DATE}{DATE}Retry-After: Sun, 06 Nov 1994 12:02:00 GMT\r\n"), secs(10)),
    ] {
        for error in [refused(503, fields), refused_by_proxy(503, fields)] {
            // Without a random time.
            let ask = |policy: Reconnect| {
                policy.next(&mut policy.attempts(), &DisconnectReason::Failed(&error), || 0, at(0))
            };
            assert_eq!(ask(Reconnect::after(secs(10))), Ok(delay), "{fields:?}");
            assert_eq!(ask(Backoff::default().floor(secs(10)).into()), Ok(delay), "{fields:?}");
        }
    }
}

#[test]
fn retry_after_has_a_limit_and_less_to_say_than_the_user() {
    let error = refused(503, "Retry-After: 1800\r\n");
    let end = DisconnectReason::Failed(&error);
    assert_eq!(end.retry_after(), Some(secs(1800)));
    assert_eq!(ask(&Reconnect::after(secs(1)).max_retry_after(secs(60)), end), Ok(ms(60_500)));
    assert_eq!(ask(&Reconnect::after(secs(1)).max_retry_after(secs(0)), end), Ok(secs(1)));
    assert_eq!(ask(&Reconnect::after(secs(7200)), end), Ok(secs(7200)));
    let hooked = Reconnect::backoff().decide(|_| Some(RetryDecision::RetryIn(secs(2))));
    assert_eq!(ask(&hooked, end), Ok(secs(2)));
    // A status that is not retried is not retried later either.
    let error = refused(404, "Retry-After: 5\r\n");
    assert_eq!(
        ask(&Reconnect::backoff(), DisconnectReason::Failed(&error)),
        Err(not_retried(DisconnectReason::Failed(&error)))
    );
}

#[test]
fn attempts_are_limited_and_counted_anew_after_a_stable_connection() {
    let lost = closed(1006);
    let end = DisconnectReason::Closed { closed: &lost, error: None };
    let retry = |_: &DisconnectReason<'_>| Some(RetryDecision::RetryIn(secs(1)));
    for policy in [Reconnect::after(secs(1)), Reconnect::never().decide(retry)] {
        let policy = policy.max_attempts(3);
        let mut attempts = policy.attempts();
        for _ in 0..2 {
            for n in 1..=3 {
                attempts.begin(at(0));
                assert_eq!(policy.next(&mut attempts, &end, || 0, at(0)), Ok(secs(1)));
                assert_eq!(attempts.count(), n);
            }
            attempts.begin(at(0));
            assert_eq!(policy.next(&mut attempts, &end, || 0, at(0)), Err(GiveUp::Attempts(3)));
            attempts.opened_for(secs(10));
        }
    }
    assert_eq!(ask_after_code(&Reconnect::after(secs(1)).max_attempts(0), 1006), Err(GiveUp::Attempts(0)));
}

#[test]
fn no_attempt_begins_after_the_time_limit() {
    let policy = Reconnect::after(secs(10)).max_elapsed(secs(60));
    let lost = closed(1006);
    let end = DisconnectReason::Closed { closed: &lost, error: None };
    let mut attempts = policy.attempts();
    attempts.begin(at(100));
    for now in [105, 120, 140, 150] {
        assert_eq!(policy.next(&mut attempts, &end, || 0, at(now)), Ok(secs(10)), "{now}");
        attempts.begin(at(now + 10));
    }
    assert_eq!(policy.next(&mut attempts, &end, || 0, at(151)), Err(GiveUp::Elapsed(secs(60))));

    // After a stable connection, time counts from its end.
    attempts.opened_for(secs(1000));
    assert_eq!(policy.next(&mut attempts, &end, || 0, at(2000)), Ok(secs(10)));
    assert_eq!(policy.next(&mut attempts, &end, || 0, at(2050)), Ok(secs(10)));
    assert_eq!(policy.next(&mut attempts, &end, || 0, at(2051)), Err(GiveUp::Elapsed(secs(60))));

    // What the server or a hook asks for counts as well.
    let error = refused(503, "Retry-After: 61\r\n");
    assert_eq!(ask(&policy, DisconnectReason::Failed(&error)), Err(GiveUp::Elapsed(secs(60))));
    let hooked = policy.decide(|_| Some(RetryDecision::RetryIn(Duration::MAX)));
    assert_eq!(ask_after_code(&hooked, 1006), Err(GiveUp::Elapsed(secs(60))));
}

#[test]
fn a_policy_can_be_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Reconnect>();
    check::<Attempts>();
    check::<GiveUp>();
}
