//! Delays that grow, and are random.

use std::time::Duration;

/// Full jitter: before attempt n, counted from 0, a time that is uniform between the floor and base·2ⁿ, or the cap if that is
/// less; the floor itself if that is more. Clients that were cut off together do not reconnect together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    floor: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            floor: Duration::from_millis(100),
        }
    }
}

impl Backoff {
    /// The longest first delay. Default: 500 ms.
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest delay. Default: 60 s.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The shortest delay, even if the cap is less. Default: 100 ms.
    #[must_use]
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// The delay before attempt `n`, counted from 0, from 64 uniformly random bits.
    pub fn delay(&self, n: u32, random: u64) -> Duration {
        between(self.floor, self.ceiling(n), random)
    }

    /// The delay before an attempt that has little hope: uniform between half the cap and the cap, and at least the floor.
    pub(super) fn slow(&self, random: u64) -> Duration {
        between(self.floor.max(self.cap / 2), self.cap, random)
    }

    pub(super) fn longest(&self) -> Duration {
        self.cap
    }

    /// The longest delay before attempt `n`, unless the floor is longer.
    pub(super) fn ceiling(&self, n: u32) -> Duration {
        let factor = 1_u128.checked_shl(n).unwrap_or(u128::MAX);
        let ceiling = self.base.as_nanos().saturating_mul(factor).min(self.cap.as_nanos());
        // Over 500 years in nanoseconds.
        Duration::from_nanos(u64::try_from(ceiling).unwrap_or(u64::MAX))
    }
}

/// A time that is uniform between the two, from 64 uniformly random bits; the first if the second is less.
pub(super) fn between(least: Duration, most: Duration, random: u64) -> Duration {
    // Over 500 years in nanoseconds.
    let span = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
    let drawn = (u128::from(span) * u128::from(random)) >> 64;
    least.saturating_add(Duration::from_nanos(drawn as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = u64::MAX;

    #[test]
    fn delays_grow_to_the_cap_and_keep_above_the_floor() {
        let ms = Duration::from_millis;
        let default = Backoff::default();
        let fine = Backoff::default().base(Duration::from_nanos(1)).cap(Duration::MAX).floor(Duration::ZERO);
        let odd = Backoff::default().base(ms(7)).cap(ms(30)).floor(ms(50));
        for (backoff, n, random, expected) in [
            (&default, 0, 0, ms(100)),
            (&default, 0, MAX / 10, ms(140)),
            (&default, 0, MAX / 2, ms(300)),
            (&default, 0, MAX, ms(500)),
            (&default, 1, MAX, ms(1000)),
            (&default, 6, MAX, ms(32_000)),
            (&default, 7, MAX, ms(60_000)),
            (&default, 7, MAX / 4, ms(15_075)),
            (&default, 1000, MAX, ms(60_000)),
            (&default, u32::MAX, MAX, ms(60_000)),
            (&default, u32::MAX, 0, ms(100)),
            (&fine, 40, MAX, Duration::from_nanos(1 << 40)),
            (&fine, 127, MAX, Duration::from_nanos(MAX)),
            (&fine, 128, MAX, Duration::from_nanos(MAX)),
            (&odd, 0, MAX, ms(50)),
            (&odd, 1000, MAX, ms(50)),
            (&default.clone().base(Duration::ZERO), 1000, MAX, ms(100)),
            (&default.clone().base(Duration::MAX), 1000, MAX, ms(60_000)),
        ] {
            let delay = backoff.delay(n, random);
            let off = delay.abs_diff(expected);
            assert!(
                off <= Duration::from_nanos(1),
                "{backoff:?}, {n}, {random}: {delay:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn slow_delays_are_between_half_the_cap_and_the_cap() {
        let secs = Duration::from_secs;
        let low = Backoff::default().cap(secs(1)).floor(secs(3));
        for (backoff, random, expected) in [
            (Backoff::default(), 0, secs(30)),
            (Backoff::default(), MAX / 2, secs(45)),
            (Backoff::default(), MAX, secs(60)),
            (low, MAX, secs(3)),
        ] {
            assert!(backoff.slow(random).abs_diff(expected) <= Duration::from_nanos(1), "{expected:?}");
        }
    }
}
