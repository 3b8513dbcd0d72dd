//! Pings, and the pongs that answer them.

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::deadlines::{Deadline, Deadlines};
use crate::random::Random;
use crate::time::{Instant, Span};

/// Number of unanswered pings that are remembered at either end, so that a peer which never answers costs no memory.
///
/// A slow peer answers one of the oldest next. A peer that passes over pings answers one of the newest.
const MAX_OLDEST: usize = 16;
const MAX_NEWEST: usize = 16;

/// The heartbeat of a connection.
///
/// Only the peer can prove that it lives: by bytes that it sent, or by room that it made for bytes which the transport had refused.
/// Bytes that the transport takes prove nothing, because the system takes them for a peer that is gone, too.
pub(crate) struct Keepalive {
    /// `None` while nothing is awaited and reading goes on.
    waiting: Option<Box<AwaitedPongs>>,
}

#[derive(Default)]
struct AwaitedPongs {
    /// Pings whose round-trip time is not known yet. Most peers that send no pong at all are alive.
    unanswered: Unanswered,
    /// While reading is paused, so that a pong cannot be seen: the time that the peer has left to give a sign of life when reading
    /// goes on. It is [`Span::FOREVER`] if no sign is awaited.
    paused: Option<Span>,
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

impl Keepalive {
    pub(crate) fn new(config: &Config, random: &mut Random, deadlines: &mut Deadlines, now: Instant) -> Self {
        if let Some(interval) = config.ping_interval {
            deadlines.set(Deadline::Ping, now + first_interval(interval, random));
        }
        Self { waiting: None }
    }

    /// The peer has given a sign of life. It answers all pings that have left.
    #[inline]
    pub(crate) fn heard(&mut self, deadlines: &mut Deadlines) {
        deadlines.stop(Deadline::Pong);
        if let Some(left) = self.paused() {
            *left = Span::FOREVER;
        }
    }

    #[inline]
    fn paused(&mut self) -> Option<&mut Span> {
        self.waiting.as_deref_mut()?.paused.as_mut()
    }

    /// Bytes were written, and `pings` pings have left with them.
    #[inline]
    pub(crate) fn wrote(&mut self, pings: usize, deadlines: &mut Deadlines, now: Instant) {
        if pings > 0 {
            self.pings_left(pings, deadlines, now);
        }
    }

    fn pings_left(&mut self, pings: usize, deadlines: &mut Deadlines, now: Instant) {
        match self.paused() {
            None => deadlines.start_once(Deadline::Pong, now),
            Some(left) if *left == Span::FOREVER => *left = deadlines.after(Deadline::Pong),
            Some(_) => {}
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.unanswered.have_left(pings, now);
        }
    }

    /// A ping was queued.
    pub(crate) fn pinged(&mut self, payload: Bytes) {
        self.waiting.get_or_insert_default().unanswered.push(payload);
    }

    /// Number of pings that have left since all before were answered.
    pub(crate) fn number_left(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.unanswered.leaving)
    }

    /// A pong came. The round-trip time of the ping that it answers, if it answers one.
    ///
    /// RFC 6455 §5.5.3: a pong carries the payload of its ping, and may answer only the most recent one; so it
    /// answers all before it.
    pub(crate) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let AwaitedPongs { unanswered, paused } = self.waiting.as_deref_mut()?;
        let ping = unanswered.answer(payload)?;
        if unanswered.pings.is_empty() {
            *unanswered = Unanswered::default();
            if paused.is_none() {
                self.waiting = None;
            }
        }
        ping.left.map(|left| now - left)
    }

    /// Reading stops: the deadline for bytes that could be read stands still.
    pub(crate) fn pause(&mut self, deadlines: &mut Deadlines, now: Instant) {
        if !self.is_paused() {
            self.waiting.get_or_insert_default().paused = Some(deadlines.pause(Deadline::Pong, now));
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.paused.is_some())
    }

    /// Reading goes on, and the deadline with the time that was left of it. A ping that has left meanwhile has all of it.
    #[inline]
    pub(crate) fn resume(&mut self, deadlines: &mut Deadlines, now: Instant) {
        let Some(waiting) = &mut self.waiting else { return };
        if let Some(left) = waiting.paused.take() {
            deadlines.resume(Deadline::Pong, left, now);
            if waiting.unanswered.pings.is_empty() {
                self.waiting = None;
            }
        }
    }

    /// No ping is sent any more, and no pong waited for: the closing handshake has its own deadline.
    pub(crate) fn stop(&mut self, deadlines: &mut Deadlines) {
        self.heard(deadlines);
        deadlines.retire(Deadline::Pong);
        deadlines.retire(Deadline::Ping);
    }

    /// A ping is due. Schedules the next one. Says whether this one is sent.
    pub(crate) fn due(&self, deadlines: &mut Deadlines, now: Instant) -> bool {
        let Some(due) = deadlines.get(Deadline::Ping) else { return false };
        let interval = deadlines.after(Deadline::Ping);
        // A late call does not shift the schedule. Pings that were missed altogether are not made up for.
        let next = due + interval;
        deadlines.set(Deadline::Ping, if next > now { next } else { now + interval });
        // A ping that has not even left says all that another could.
        self.waiting.as_ref().is_none_or(|waiting| waiting.unanswered.have_all_left())
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

    /// The number `pings` of pings have left now, the oldest first.
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
