//! The number of attempts to reconnect.

use std::time::Duration;

use ws_core::Instant;

/// So long a connection must have been open to be stable, unless it is set.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(10);

/// The attempts to reconnect since a connection was stable: a series.
///
/// Made by [`Reconnect::attempts`](crate::reconnect::Reconnect::attempts); told of each attempt when it begins
/// ([`begin`](Self::begin)), and how long a connection was open ([`opened_for`](Self::opened_for)) before the policy is asked
/// about its end.
#[derive(Clone, Debug)]
pub struct Attempts {
    count: u32,
    /// Whether the last one counted has not begun yet.
    is_ahead: bool,
    last_delay: Duration,
    /// When the series began.
    since: Option<Instant>,
    stable_after: Duration,
    latest: Latest,
}

/// The latest connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Latest {
    /// None was ever open.
    None,
    /// It ended before it was stable.
    Unstable,
    Stable,
}

impl Attempts {
    pub(super) fn new(stable_after: Duration) -> Self {
        Self {
            count: 0,
            is_ahead: false,
            last_delay: Duration::ZERO,
            since: None,
            stable_after,
            latest: Latest::None,
        }
    }

    /// The number of the latest attempt to reconnect, or of the one that is waited for, from 1. 0 for the first attempt to
    /// connect at all, and after a stable connection.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// An attempt to connect begins, the very first included.
    pub fn begin(&mut self, now: Instant) {
        self.is_ahead = false;
        self.begin_series(now);
    }

    /// A connection has ended that was open for so long. A stable one ends the series: what comes next is counted from 1,
    /// and has the first delay. It was stable if it was open for the longer of 10 s
    /// ([`Reconnect::stable_after`](crate::reconnect::Reconnect::stable_after)) and the last delay: a server that dies of each connection
    /// is not asked more and more often. Says whether it was stable.
    pub fn opened_for(&mut self, open: Duration) -> bool {
        let is_stable = open >= self.stable_after.max(self.last_delay);
        if is_stable {
            *self = Self { latest: Latest::Stable, ..Self::new(self.stable_after) };
        } else {
            self.latest = Latest::Unstable;
        }
        is_stable
    }

    /// The next attempt is made after `delay`. The policy says so by itself; this is for a user who wants it, whatever the
    /// policy. It takes the place of an attempt that was waited for.
    pub fn again(&mut self, delay: Duration) {
        if !self.is_ahead {
            self.count = self.count.saturating_add(1);
        }
        self.is_ahead = true;
        self.last_delay = delay;
    }

    pub(super) fn begin_series(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    pub(super) fn latest(&self) -> Latest {
        self.latest
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now - since)
    }
}

/// A count with a stability of 10 s.
impl Default for Attempts {
    fn default() -> Self {
        Self::new(STABLE_AFTER)
    }
}
