//! Pings, the pongs that answer them, and the deadlines of a peer that shows no life.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::time::{Instant, Span};

/// Number of unanswered pings that are remembered at either end, so that a peer which never answers costs no memory.
///
/// The oldest are those that a slow peer answers next. The newest are those that a peer answers which passes over others.
const MAX_OLDEST: usize = 16;
const MAX_NEWEST: usize = 16;

/// The heartbeat of a connection.
pub(crate) struct Keepalive {
    interval: Option<Span>,
    pong_timeout: Option<Span>,
    write_timeout: Option<Span>,
    next_ping: Option<Instant>,
    unanswered: Option<Box<Unanswered>>,
    /// When the last byte came or went.
    alive: Instant,
    /// Reading is paused, so that a pong cannot be seen.
    paused: bool,
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
    /// When the oldest has left.
    since: Option<Instant>,
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
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        Self {
            interval: config.ping_interval.map(Span::from),
            pong_timeout: config.pong_timeout.map(Span::from),
            write_timeout: config.write_timeout.map(Span::from),
            next_ping: config.ping_interval.map(|interval| now + interval),
            unanswered: None,
            alive: now,
            paused: false,
            blocked: None,
        }
    }

    #[inline]
    pub(crate) fn read(&mut self, now: Instant) {
        self.alive = now;
    }

    /// Bytes were written, and `pings` pings have left with them.
    ///
    /// A ping is no sign of life of its own: else one every `ping_interval` would put off the deadline for ever.
    #[inline]
    pub(crate) fn wrote(&mut self, pings: usize, now: Instant) {
        self.blocked = None;
        if pings == 0 {
            self.alive = now;
        } else if let Some(unanswered) = &mut self.unanswered {
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

    /// A pong came. The round-trip time of the ping that it answers, if it answers one.
    ///
    /// RFC 6455 §5.5.3: a pong carries the payload of its ping, and may answer only the most recent one; so it
    /// answers all before it.
    pub(crate) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let unanswered = self.unanswered.as_mut()?;
        let ping = unanswered.answer(payload, now)?;
        if unanswered.pings.is_empty() {
            self.unanswered = None;
        }
        ping.left.map(|left| now - left)
    }

    /// Reading stops: a deadline for what could be read stands still.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// Reading goes on.
    pub(crate) fn resume(&mut self, now: Instant) {
        if core::mem::take(&mut self.paused) {
            self.alive = now;
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
        if self.unanswered.is_none() && self.blocked.is_none() {
            return self.next_ping;
        }
        let silence = earliest(self.pong_deadline(), self.write_deadline());
        earliest(self.next_ping, silence)
    }

    #[inline]
    fn pong_deadline(&self) -> Option<Instant> {
        let since = self.unanswered.as_ref()?.since.filter(|_| !self.paused)?;
        Some(since.max(self.alive) + self.pong_timeout?)
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
            // Its deadline goes on in `since`. Only its round trip will not be known.
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
        self.since = self.since.or(Some(now));
    }

    fn have_all_left(&self) -> bool {
        self.leaving == self.next
    }

    /// Removes the ping that a pong answers, and all before it.
    fn answer(&mut self, payload: &[u8], now: Instant) -> Option<Ping> {
        let answered =
            self.pings.iter().rposition(|ping| ping.left.is_some() && *ping.payload == *payload)?;
        let ping = self.pings.drain(..=answered).last()?;
        // When a forgotten one has left is not known. Its deadline starts with this sign of life in any case.
        let has_another_left = self.leaving > ping.number + 1;
        let oldest = self.pings.front().and_then(|ping| ping.left);
        self.since = has_another_left.then(|| oldest.unwrap_or(now));
        Some(ping)
    }
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

    fn every_20_s() -> Keepalive {
        Keepalive::new(&Config::default(), at(0))
    }

    fn ping(keepalive: &mut Keepalive, payload: &'static str, now: u64) {
        keepalive.pinged(Bytes::from_static(payload.as_bytes()));
        keepalive.wrote(1, at(now));
    }

    #[test]
    fn pings_keep_to_the_schedule_and_missed_ones_are_skipped() {
        let mut keepalive = every_20_s();
        assert_eq!(keepalive.deadline(), Some(at(20)));
        assert_eq!(keepalive.due(at(19)), None);
        assert_eq!(keepalive.due(at(21)), Some(Due::Ping));
        assert_eq!(keepalive.deadline(), Some(at(40)));
        assert_eq!(keepalive.due(at(95)), Some(Due::Ping));
        assert_eq!(keepalive.deadline(), Some(at(115)));
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
        assert_eq!(keepalive.pong_deadline(), None);
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
    fn any_byte_postpones_the_deadline_of_the_pong_and_a_pause_suspends_it() {
        let mut keepalive = every_20_s();
        ping(&mut keepalive, "a", 1);
        assert_eq!(keepalive.pong_deadline(), Some(at(21)));
        keepalive.read(at(4));
        assert_eq!(keepalive.pong_deadline(), Some(at(24)));
        keepalive.pause();
        assert_eq!(keepalive.pong_deadline(), None);
        keepalive.resume(at(100));
        assert_eq!(keepalive.pong_deadline(), Some(at(120)));
        assert_eq!(keepalive.due(at(120)), Some(Due::PongMissing));
    }

    #[test]
    fn pings_alone_do_not_postpone_the_deadline_of_the_pong() {
        let mut keepalive = every_20_s();
        for now in [20, 25, 30] {
            ping(&mut keepalive, "a", now);
        }
        assert_eq!(keepalive.pong_deadline(), Some(at(40)));
        keepalive.wrote(0, at(33));
        assert_eq!(keepalive.pong_deadline(), Some(at(53)));
    }

    #[test]
    fn many_unanswered_pings_do_not_postpone_the_deadline() {
        let mut keepalive = Keepalive::new(&Config::default().ping_interval(Duration::from_secs(1)), at(0));
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
                    let is_awaited = left.len() > usize::from(number) + 1;
                    assert_eq!(keepalive.pong_deadline().is_some(), is_awaited, "{pings} {step} {between}");
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
        assert_eq!(keepalive.write_deadline(), Some(at(33)));
        keepalive.wrote(0, at(10));
        assert_eq!(keepalive.write_deadline(), None);
    }
}
