//! The clock of the machine. A model checker that has no time puts its own in its place here.

use std::time::Duration;

pub(crate) use ws_common::sync::Clock;

/// The present moment.
#[inline]
pub(crate) fn now() -> Clock {
    Clock::now()
}

/// The time since `moment`.
#[inline]
pub(crate) fn since(moment: Clock) -> Duration {
    moment.elapsed()
}
