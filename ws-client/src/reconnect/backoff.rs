//! Delays that grow, and are random.

use std::time::Duration;

/// Full jitter: before attempt n, counted from 0, a time that is uniform between zero and base·2ⁿ, or the cap if that is less,
/// and never less than the floor. Clients that were cut off together do not come back together.
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
        let factor = 1_u128.checked_shl(n).unwrap_or(u128::MAX);
        let ceiling = self.base.as_nanos().saturating_mul(factor).min(self.cap.as_nanos());
        // Over 500 years in nanoseconds.
        let ceiling = u64::try_from(ceiling).unwrap_or(u64::MAX);
        let drawn = (u128::from(ceiling) * u128::from(random)) >> 64;
        Duration::from_nanos(drawn as u64).max(self.floor)
    }
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
            (&default, 0, MAX / 10, ms(100)),
            (&default, 0, MAX / 2, ms(250)),
            (&default, 0, MAX, ms(500)),
            (&default, 1, MAX, ms(1000)),
            (&default, 6, MAX, ms(32_000)),
            (&default, 7, MAX, ms(60_000)),
            (&default, 7, MAX / 4, ms(15_000)),
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
}
