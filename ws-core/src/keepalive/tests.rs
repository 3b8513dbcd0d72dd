//! Pings and pongs in virtual time.

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

/// A heartbeat with its deadlines.
struct Heart {
    keepalive: Keepalive,
    deadlines: Deadlines,
}

impl Heart {
    fn new(config: &Config) -> Self {
        let mut deadlines = Deadlines::new(config);
        let mut random = Random::from_seed([1; 32]);
        Self { keepalive: Keepalive::new(config, &mut random, &mut deadlines, at(0)), deadlines }
    }

    fn every_20_s() -> Self {
        Self::new(&Config::default())
    }

    fn ping(&mut self, payload: &'static str, now: u64) {
        self.keepalive.pinged(Bytes::from_static(payload.as_bytes()));
        self.wrote(1, now);
    }

    fn wrote(&mut self, pings: usize, now: u64) {
        self.keepalive.wrote(pings, &mut self.deadlines, at(now));
    }

    fn heard(&mut self) {
        self.keepalive.heard(&mut self.deadlines);
    }

    fn pause(&mut self, now: u64) {
        self.keepalive.pause(&mut self.deadlines, at(now));
    }

    fn resume(&mut self, now: u64) {
        self.keepalive.resume(&mut self.deadlines, at(now));
    }

    /// Whether a ping is due and is sent.
    fn sends_ping(&mut self, now: Instant) -> bool {
        self.deadlines.passed(now) == Some(Deadline::Ping) && self.keepalive.due(&mut self.deadlines, now)
    }

    fn deadline(&self, slot: Deadline) -> Option<Instant> {
        self.deadlines.get(slot)
    }
}

#[test]
fn pings_keep_to_the_schedule_and_missed_ones_are_skipped() {
    let mut heart = Heart::every_20_s();
    let first = heart.deadlines.min().unwrap();
    let after = |seconds| first + Duration::from_secs(seconds);
    assert!(first >= at(10) && first <= at(20));
    assert!(!heart.sends_ping(at(9)));
    assert!(heart.sends_ping(after(1)));
    assert_eq!(heart.deadlines.min(), Some(after(20)));
    assert!(heart.sends_ping(after(75)));
    assert_eq!(heart.deadlines.min(), Some(after(95)));
}

#[test]
fn an_interval_of_any_length_has_a_first_ping() {
    for interval in [Duration::from_nanos(1), Duration::from_secs(20), Duration::MAX] {
        let first = first_interval(interval, &mut Random::from_seed([1; 32]));
        assert!(first >= interval / 2 && first <= interval, "{first:?} of {interval:?}");
    }
}

#[test]
fn a_pong_answers_its_ping_and_all_before_it() {
    let mut heart = Heart::every_20_s();
    for (payload, now) in [("a", 1), ("b", 2), ("c", 3)] {
        heart.ping(payload, now);
    }
    assert_eq!(heart.keepalive.pong(b"b", at(5)), Some(Duration::from_secs(3)));
    assert_eq!(heart.keepalive.pong(b"a", at(5)), None);
    assert_eq!(heart.keepalive.pong(b"c", at(9)), Some(Duration::from_secs(6)));
    assert!(heart.keepalive.waiting.is_none());
}

#[test]
fn a_pong_for_a_ping_that_has_not_left_is_unsolicited() {
    let mut heart = Heart::every_20_s();
    heart.keepalive.pinged(Bytes::from_static(b"a"));
    assert_eq!(heart.keepalive.pong(b"a", at(1)), None);
    heart.wrote(1, 2);
    assert_eq!(heart.keepalive.pong(b"a", at(3)), Some(Duration::from_secs(1)));
}

#[test]
fn pings_that_have_left_are_counted_until_all_are_answered() {
    let mut heart = Heart::every_20_s();
    assert_eq!(heart.keepalive.number_left(), 0);
    heart.ping("a", 1);
    heart.ping("b", 2);
    heart.keepalive.pinged(Bytes::from_static(b"c"));
    assert_eq!(heart.keepalive.pong(b"", at(3)), None);
    assert_eq!(heart.keepalive.number_left(), 2);
    heart.wrote(1, 4);
    assert_eq!(heart.keepalive.number_left(), 3);
    heart.keepalive.pong(b"c", at(5));
    assert_eq!(heart.keepalive.number_left(), 0);
}

#[test]
fn any_byte_that_comes_answers_the_pings_that_have_left_and_no_later_one() {
    let mut heart = Heart::every_20_s();
    heart.ping("a", 1);
    heart.ping("b", 2);
    assert_eq!(heart.deadline(Deadline::Pong), Some(at(21)));
    heart.keepalive.pinged(Bytes::from_static(b"c"));
    heart.heard();
    assert_eq!(heart.deadline(Deadline::Pong), None);
    heart.wrote(1, 4);
    assert_eq!(heart.deadline(Deadline::Pong), Some(at(24)));
    assert_eq!(
        heart.keepalive.pong(b"b", at(5)),
        Some(Duration::from_secs(3)),
        "the round trip is still known"
    );
}

#[test]
fn a_pause_keeps_the_time_that_is_left() {
    let mut heart = Heart::every_20_s();
    heart.ping("a", 1);
    heart.pause(16);
    heart.pause(17);
    assert_eq!(heart.deadline(Deadline::Pong), None);
    heart.resume(100);
    heart.resume(101);
    assert_eq!(heart.deadline(Deadline::Pong), Some(at(105)));
    heart.heard();
    heart.pause(102);
    heart.ping("b", 110);
    heart.resume(120);
    assert_eq!(heart.deadline(Deadline::Pong), Some(at(140)));
    assert_eq!(heart.deadlines.passed(at(140)), Some(Deadline::Pong));
}

#[test]
fn many_unanswered_pings_do_not_postpone_the_deadline() {
    let mut heart = Heart::new(&Config::default().ping_interval(Duration::from_secs(1)));
    heart.ping("first", 0);
    for _ in 0..100 {
        heart.keepalive.pinged(Bytes::new());
    }
    assert!(heart.keepalive.waiting.as_ref().unwrap().unanswered.pings.len() <= MAX_OLDEST + MAX_NEWEST);
    assert_eq!(heart.deadline(Deadline::Pong), Some(at(20)));
}

#[test]
fn each_ping_leaves_at_its_own_time_whether_those_around_it_are_remembered_or_not() {
    // Pings that wait, pings that leave at a time, and pings that are queued between.
    for (pings, step, between) in
        [(20, 1, 0), (20, 7, 3), (100, 1, 0), (100, 1, 1), (100, 13, 2), (500, 50, 9)]
    {
        let mut heart = Heart::every_20_s();
        let mut queued = 0;
        let mut queue = |keepalive: &mut Keepalive, n| {
            for _ in 0..n {
                keepalive.pinged(Bytes::from(u16::to_be_bytes(queued).to_vec()));
                queued += 1;
            }
            queued
        };
        let (mut all, mut left, mut now) = (queue(&mut heart.keepalive, pings), Vec::new(), 0);
        while left.len() < all.into() {
            now += 1;
            let leaving = step.min(usize::from(all) - left.len());
            left.extend(vec![now; leaving]);
            heart.wrote(leaving, now);
            all = queue(&mut heart.keepalive, if now < 20 { between } else { 0 });
            // The peer answers one that it has, so that others are remembered again.
            let first = &heart.keepalive.waiting.as_ref().unwrap().unanswered.pings[0];
            if now % 5 == 0 && first.left.is_some() {
                let first = first.payload.clone();
                let number = u16::from_be_bytes(first[..].try_into().unwrap());
                let round_trip = Duration::from_secs(now - left[usize::from(number)]);
                assert_eq!(
                    heart.keepalive.pong(&first, at(now)),
                    Some(round_trip),
                    "{pings} {step} {between}"
                );
            }
        }
        let unanswered = &heart.keepalive.waiting.as_ref().unwrap().unanswered;
        assert!(unanswered.have_all_left());
        for ping in &unanswered.pings {
            assert_eq!(ping.left, Some(at(left[ping.number as usize])), "{pings} {step} {between}");
        }
    }
}
