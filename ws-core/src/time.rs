//! The time that a machine knows: what the driver tells it.

use core::fmt;
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's epoch.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The instant at which `elapsed` has passed since the epoch.
    pub const fn since_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the epoch this instant is.
    pub const fn elapsed(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this instant is; zero if it is not.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the end of time, so that "never" may be written as [`Duration::MAX`].
impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
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
        write!(f, "+{:?}", self.0)
    }
}
