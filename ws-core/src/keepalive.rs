//! Pings, the pongs that answer them, and the deadlines of a peer that shows no life.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::random::Random;
use crate::time::{Instant, Span};

/// Number of unanswered pings that are remembered at either end, so that a peer which never answers costs no memory.
///
/// The oldest are those that a slow peer answers next. The newest are those that a peer answers which passes over others.
const MAX_OLDEST: usize = 16;
const MAX_NEWEST: usize = 16;

/// The heartbeat of a connection.
///
/// Only the peer can prove that it lives: by bytes that it sent, or by room that it made for bytes which the transport had refused.
/// Bytes that the transport takes prove nothing, because the system takes them for a peer that is gone, too.
pub(crate) struct Keepalive {
    interval: Option<Span>,
    pong_timeout: Option<Span>,
    write_timeout: Option<Span>,
    next_ping: Option<Instant>,
    /// When the oldest ping left after which the peer has given no sign of life.
    awaited: Option<Instant>,
    /// The pings whose round-trip time is yet to be known. Most peers that send no pong at all are alive.
    unanswered: Option<Box<Unanswered>>,
    /// Since when reading is paused, so that a pong cannot be seen.
    paused: Option<Instant>,
    /// Since when the transport has taken nothing of what waits.
    blocked: Option<Instant>,
}

/// The pings that were not answered. They leave in the order of their numbers.
#[derive(Default)]
struct Unanswered {
    /// The remembered ones, oldest first. Invariant: the newest ping of all is the last of them.
    pings: VecDeque<Ping>,
    /// The number of the next ping.
    next: u64,
    /// The number of the first ping that has not left. Invariant: at most `next`.
    leaving: u64,
}

struct Ping {
    number: u64,
    payload: Bytes,
    left: Option<Instant>,
}

/// Which deadline has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    Ping,
    PongMissing,
    WriteBlocked,
}

impl Keepalive {
    pub(crate) fn new(config: &Config, random: &mut Random, now: Instant) -> Self {
        Self {
            interval: config.ping_interval.map(Span::from),
            pong_timeout: config.pong_timeout.map(Span::from),
            write_timeout: config.write_timeout.map(Span::from),
            next_ping: config.ping_interval.map(|interval| now + first_interval(interval, random)),
            awaited: None,
            unanswered: None,
            paused: None,
            blocked: None,
        }
    }

    /// Bytes have come. They answer all pings that have left.
    #[inline]
    pub(crate) fn heard(&mut self) {
        self.awaited = None;
    }

    /// Bytes were written, and `pings` pings have left with them.
    #[inline]
    pub(crate) fn wrote(&mut self, pings: usize, now: Instant) {
        if self.blocked.take().is_some() {
            // The peer has made the room for them.
            self.heard();
        }
        if pings > 0 {
            self.pings_left(pings, now);
        }
    }

    fn pings_left(&mut self, pings: usize, now: Instant) {
        self.awaited = self.awaited.or(Some(now));
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.have_left(pings, now);
        }
    }

    /// The transport takes nothing at present.
    pub(crate) fn write_blocked(&mut self, now: Instant) {
        self.blocked = self.blocked.or(Some(now));
    }

    /// A ping was queued.
    pub(crate) fn pinged(&mut self, payload: Bytes) {
        self.unanswered.get_or_insert_default().push(payload);
    }

    /// Number of pings that have left since all before were answered.
    pub(crate) fn number_left(&self) -> u64 {
        self.unanswered.as_ref().map_or(0, |unanswered| unanswered.leaving)
    }

    /// A pong came. The round-trip time of the ping that it answers, if it answers one.
    ///
    /// RFC 6455 §5.5.3: a pong carries the payload of its ping, and may answer only the most recent one; so it
    /// answers all before it.
    pub(crate) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let unanswered = self.unanswered.as_mut()?;
        let ping = unanswered.answer(payload)?;
        if unanswered.pings.is_empty() {
            self.unanswered = None;
        }
        ping.left.map(|left| now - left)
    }

    /// Reading stops: the deadline for bytes that could be read stands still.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.paused = self.paused.or(Some(now));
    }

    /// Reading goes on, and the deadline with the time that was left of it. A ping that has left meanwhile has all of it.
    #[inline]
    pub(crate) fn resume(&mut self, now: Instant) {
        if let Some(paused) = self.paused.take() {
            self.awaited = self.awaited.map(|left| if left < paused { left + (now - paused) } else { now });
        }
    }

    /// No ping is sent any more, and no pong waited for: the closing handshake has its own deadline.
    pub(crate) fn stop(&mut self) {
        self.interval = None;
        self.next_ping = None;
        self.pong_timeout = None;
    }

    /// No byte is written any more.
    pub(crate) fn stop_writing(&mut self) {
        self.stop();
        self.blocked = None;
        self.write_timeout = None;
    }

    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // It is asked for with each message, when most often nothing is waited for.
        if self.awaited.is_none() && self.blocked.is_none() {
            return self.next_ping;
        }
        let silence = earliest(self.pong_deadline(), self.write_deadline());
        earliest(self.next_ping, silence)
    }

    #[inline]
    fn pong_deadline(&self) -> Option<Instant> {
        let left = self.awaited.filter(|_| self.paused.is_none())?;
        Some(left + self.pong_timeout?)
    }

    #[inline]
    fn write_deadline(&self) -> Option<Instant> {
        Some(self.blocked? + self.write_timeout?)
    }

    /// Which deadline has passed, the gravest first.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.pong_deadline()) {
            return Some(Due::PongMissing);
        }
        if passed(self.write_deadline()) {
            return Some(Due::WriteBlocked);
        }
        if !passed(self.next_ping) {
            return None;
        }
        let (Some(due), Some(interval)) = (self.next_ping, self.interval) else { return None };
        // On schedule, whatever the delay of this call; what was missed altogether is not made up for.
        let next = due + interval;
        self.next_ping = Some(if next > now { next } else { now + interval });
        // A ping that has not even left says all that another could.
        self.unanswered.as_deref().is_none_or(Unanswered::have_all_left).then_some(Due::Ping)
    }
}

impl Unanswered {
    fn push(&mut self, payload: Bytes) {
        if self.pings.len() == MAX_OLDEST + MAX_NEWEST {
            // Its deadline goes on in `awaited`. Only its round trip will not be known.
            self.pings.remove(MAX_OLDEST);
        }
        self.pings.push_back(Ping { number: self.next, payload, left: None });
        self.next += 1;
    }

    /// The `pings` oldest of those that have not left have left now.
    fn have_left(&mut self, pings: usize, now: Instant) {
        let left = self.leaving + pings as u64;
        let first = self.pings.partition_point(|ping| ping.number < self.leaving);
        for ping in self.pings.range_mut(first..).take_while(|ping| ping.number < left) {
            ping.left = Some(now);
        }
        self.leaving = left;
    }

    fn have_all_left(&self) -> bool {
        self.leaving == self.next
    }

    /// Removes the ping that a pong answers, and all before it.
    fn answer(&mut self, payload: &[u8]) -> Option<Ping> {
        let answered =
            self.pings.iter().rposition(|ping| ping.left.is_some() && *ping.payload == *payload)?;
        self.pings.drain(..=answered).last()
    }
}

/// The time from the opening handshake to the first ping, uniform between half an interval and a whole one: connections that were
/// opened at once do not ping at once.
fn first_interval(interval: Duration, random: &mut Random) -> Duration {
    let half = interval / 2;
    let nanoseconds = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    let part = (u128::from(nanoseconds) * u128::from(u64::from_ne_bytes(random.array()))) >> 64;
    half + Duration::from_nanos(part as u64)
}

/// The earlier of two deadlines.
#[inline]
pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::since_epoch(Duration::from_secs(seconds))
    }

    fn new(config: &Config) -> Keepalive {
        Keepalive::new(config, &mut Random::from_seed([1; 32]), at(0))
    }

    fn every_20_s() -> Keepalive {
        new(&Config::default())
    }

    fn ping(keepalive: &mut Keepalive, payload: &'static str, now: u64) {
        keepalive.pinged(Bytes::from_static(payload.as_bytes()));
        keepalive.wrote(1, at(now));
    }

    #[test]
    fn pings_keep_to_the_schedule_and_missed_ones_are_skipped() {
        let mut keepalive = every_20_s();
        let first = keepalive.deadline().unwrap();
        let after = |seconds| first + Duration::from_secs(seconds);
        assert!(first >= at(10) && first <= at(20));
        assert_eq!(keepalive.due(at(9)), None);
        assert_eq!(keepalive.due(after(1)), Some(Due::Ping));
        assert_eq!(keepalive.deadline(), Some(after(20)));
        assert_eq!(keepalive.due(after(75)), Some(Due::Ping));
        assert_eq!(keepalive.deadline(), Some(after(95)));
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
        let mut keepalive = every_20_s();
        for (payload, now) in [("a", 1), ("b", 2), ("c", 3)] {
            ping(&mut keepalive, payload, now);
        }
        assert_eq!(keepalive.pong(b"b", at(5)), Some(Duration::from_secs(3)));
        assert_eq!(keepalive.pong(b"a", at(5)), None);
        assert_eq!(keepalive.pong(b"c", at(9)), Some(Duration::from_secs(6)));
        assert!(keepalive.unanswered.is_none());
    }

    #[test]
    fn a_pong_for_a_ping_that_has_not_left_is_unsolicited() {
        let mut keepalive = every_20_s();
        keepalive.pinged(Bytes::from_static(b"a"));
        assert_eq!(keepalive.pong(b"a", at(1)), None);
        keepalive.wrote(1, at(2));
        assert_eq!(keepalive.pong(b"a", at(3)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn pings_that_have_left_are_counted_until_all_are_answered() {
        let mut keepalive = every_20_s();
        assert_eq!(keepalive.number_left(), 0);
        ping(&mut keepalive, "a", 1);
        ping(&mut keepalive, "b", 2);
        keepalive.pinged(Bytes::from_static(b"c"));
        assert_eq!(keepalive.pong(b"", at(3)), None);
        assert_eq!(keepalive.number_left(), 2);
        keepalive.wrote(1, at(4));
        assert_eq!(keepalive.number_left(), 3);
        keepalive.pong(b"c", at(5));
        assert_eq!(keepalive.number_left(), 0);
    }

    #[test]
    fn any_byte_that_comes_answers_the_pings_that_have_left_and_no_later_one() {
        let mut keepalive = every_20_s();
        ping(&mut keepalive, "a", 1);
        ping(&mut keepalive, "b", 2);
        assert_eq!(keepalive.pong_deadline(), Some(at(21)));
        keepalive.pinged(Bytes::from_static(b"c"));
        keepalive.heard();
        assert_eq!(keepalive.pong_deadline(), None);
        keepalive.wrote(1, at(4));
        assert_eq!(keepalive.pong_deadline(), Some(at(24)));
        assert_eq!(
            keepalive.pong(b"b", at(5)),
            Some(Duration::from_secs(3)),
            "the round trip is still known"
        );
    }

    #[test]
    fn bytes_that_are_taken_prove_nothing_unless_they_were_refused_before() {
        let mut keepalive = every_20_s();
        ping(&mut keepalive, "a", 1);
        keepalive.wrote(0, at(2));
        ping(&mut keepalive, "b", 3);
        assert_eq!(keepalive.pong_deadline(), Some(at(21)));
        keepalive.write_blocked(at(4));
        assert_eq!(keepalive.pong_deadline(), Some(at(21)));
        keepalive.wrote(0, at(5));
        assert_eq!(keepalive.pong_deadline(), None);
        keepalive.write_blocked(at(6));
        ping(&mut keepalive, "c", 7);
        assert_eq!(keepalive.pong_deadline(), Some(at(27)), "it has left with the progress, not before");
    }

    #[test]
    fn a_pause_keeps_the_time_that_is_left() {
        let mut keepalive = every_20_s();
        ping(&mut keepalive, "a", 1);
        keepalive.pause(at(16));
        keepalive.pause(at(17));
        assert_eq!(keepalive.pong_deadline(), None);
        keepalive.resume(at(100));
        keepalive.resume(at(101));
        assert_eq!(keepalive.pong_deadline(), Some(at(105)));
        keepalive.heard();
        keepalive.pause(at(102));
        ping(&mut keepalive, "b", 110);
        keepalive.resume(at(120));
        assert_eq!(keepalive.pong_deadline(), Some(at(140)));
        assert_eq!(keepalive.due(at(140)), Some(Due::PongMissing));
    }

    #[test]
    fn many_unanswered_pings_do_not_postpone_the_deadline() {
        let mut keepalive = new(&Config::default().ping_interval(Duration::from_secs(1)));
        ping(&mut keepalive, "first", 0);
        for _ in 0..100 {
            keepalive.pinged(Bytes::new());
        }
        assert!(keepalive.unanswered.as_ref().unwrap().pings.len() <= MAX_OLDEST + MAX_NEWEST);
        assert_eq!(keepalive.pong_deadline(), Some(at(20)));
    }

    #[test]
    fn each_ping_leaves_at_its_own_time_whether_those_around_it_are_remembered_or_not() {
        // How many pings wait; how many leave at a time; how often one is queued between.
        for (pings, step, between) in
            [(20, 1, 0), (20, 7, 3), (100, 1, 0), (100, 1, 1), (100, 13, 2), (500, 50, 9)]
        {
            let mut keepalive = every_20_s();
            let mut queued = 0;
            let mut queue = |keepalive: &mut Keepalive, n| {
                for _ in 0..n {
                    keepalive.pinged(Bytes::from(u16::to_be_bytes(queued).to_vec()));
                    queued += 1;
                }
                queued
            };
            let (mut all, mut left, mut now) = (queue(&mut keepalive, pings), Vec::new(), 0);
            while left.len() < all.into() {
                now += 1;
                let leaving = step.min(usize::from(all) - left.len());
                left.extend(vec![now; leaving]);
                keepalive.wrote(leaving, at(now));
                all = queue(&mut keepalive, if now < 20 { between } else { 0 });
                // The peer answers one that it has, so that others are remembered again.
                let first = &keepalive.unanswered.as_ref().unwrap().pings[0];
                if now % 5 == 0 && first.left.is_some() {
                    let first = first.payload.clone();
                    let number = u16::from_be_bytes(first[..].try_into().unwrap());
                    let round_trip = Duration::from_secs(now - left[usize::from(number)]);
                    assert_eq!(keepalive.pong(&first, at(now)), Some(round_trip), "{pings} {step} {between}");
                }
            }
            let unanswered = keepalive.unanswered.as_ref().unwrap();
            assert!(unanswered.have_all_left());
            for ping in &unanswered.pings {
                assert_eq!(ping.left, Some(at(left[ping.number as usize])), "{pings} {step} {between}");
            }
        }
    }

    #[test]
    fn a_write_that_makes_no_progress_has_a_deadline_of_its_own() {
        let mut keepalive = every_20_s();
        keepalive.write_blocked(at(3));
        keepalive.write_blocked(at(9));
        assert_eq!(keepalive.write_deadline(), Some(at(63)));
        keepalive.wrote(0, at(10));
        assert_eq!(keepalive.write_deadline(), None);
    }
}
