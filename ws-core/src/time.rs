//! The time that a machine knows. Its driver tells it.

use core::fmt;
use core::num::NonZero;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time, as the time since an epoch that the driver chose.
///
/// A machine never reads a clock. A driver takes any monotonic clock, calls the moment at which it starts the
/// epoch, and hands in what has passed since:
///
/// ```
/// use ws_core::Instant;
///
/// let epoch = std::time::Instant::now();
/// let now = Instant::since_epoch(epoch.elapsed());
/// assert!(now >= Instant::EPOCH);
/// ```
///
/// It is exact to the nanosecond for 584 years. Any later instant is the end of time, which never comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(
    /// The nanoseconds since the epoch, and one more, so that an `Option` of it takes no more room: connections hold many of them.
    NonZero<u64>,
);

impl Instant {
    /// The driver's epoch.
    pub const EPOCH: Self = Self(NonZero::<u64>::MIN);

    /// The end of time, which never comes.
    pub(crate) const NEVER: Self = Self(NonZero::<u64>::MAX);

    /// The instant at which `elapsed` has passed since the epoch.
    #[inline]
    pub const fn since_epoch(elapsed: Duration) -> Self {
        Self(Self::EPOCH.0.saturating_add(nanoseconds(elapsed)))
    }

    /// Time from the epoch to this instant; [`Duration::MAX`] at the end of time.
    pub const fn elapsed(self) -> Duration {
        if self.0.get() == Self::NEVER.0.get() {
            return Duration::MAX;
        }
        Duration::from_nanos(self.0.get() - 1)
    }

    /// Time from `earlier` to this instant; zero if `earlier` is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.elapsed().saturating_sub(earlier.elapsed())
    }
}

/// Saturates at the end of time, so that "never" may be written as [`Duration::MAX`].
impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }
}

/// The time between two instants; zero if `earlier` is later.
impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", self.elapsed())
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::EPOCH
    }
}

/// The length of a timeout, as small as an [`Instant`], for the timeouts that connections hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(Instant);

impl Span {
    /// An instant and this time give [`Instant::NEVER`].
    pub(crate) const FOREVER: Self = Self(Instant::NEVER);

    #[inline]
    const fn nanoseconds(self) -> u64 {
        self.0.0.get() - Instant::EPOCH.0.get()
    }

    pub(crate) fn duration(self) -> Duration {
        self.0.elapsed()
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(Instant::since_epoch(duration))
    }
}

/// Saturates, too.
impl Add<Span> for Instant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.nanoseconds()))
    }
}

/// One less than the most that there can be, at most.
#[inline]
const fn nanoseconds(duration: Duration) -> u64 {
    // One comparison, since the clock is read for each message that is written by itself.
    const SECOND: u64 = 1_000_000_000;
    if duration.as_secs() < u64::MAX / SECOND - 4 {
        duration.as_secs() * SECOND + duration.subsec_nanos() as u64
    } else {
        u64::MAX - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_is_later_than_all_else_and_never_comes() {
        let day = Duration::from_secs(24 * 60 * 60);
        let last = Instant::since_epoch(365 * 584 * day);
        assert_eq!(last.elapsed(), 365 * 584 * day);
        assert_eq!(Instant::since_epoch(Duration::new(3, 7)) - Instant::EPOCH, Duration::new(3, 7));
        assert_eq!(last + Span::from(day), last + day);
        for never in [Instant::EPOCH + Duration::MAX, last + 365 * day, Instant::since_epoch(Duration::MAX)] {
            assert!(never > last);
            assert_eq!(never.elapsed(), Duration::MAX);
            assert_eq!(never + day, never);
            assert_eq!(never + Span::from(day), never);
            assert_eq!(last + Span::from(Duration::MAX), never);
            assert_eq!(Instant::EPOCH - never, Duration::ZERO);
        }
    }

    #[test]
    fn what_may_be_none_takes_no_more_room() {
        assert_eq!((size_of::<Option<Instant>>(), size_of::<Option<Span>>()), (8, 8));
    }
}
