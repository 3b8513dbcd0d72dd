//! The progress of a transport, both directions together.

use std::time::Duration;

use ws_core::Instant;

use crate::call::{AT_ONCE, PATIENCE};

/// The end of the last call, and the number of calls that moved nothing.
#[derive(Default)]
pub(super) struct Pace {
    /// When the last read or write was over.
    now: Instant,
    /// Number of reads and writes in a row that have moved nothing.
    fruitless: u32,
}

impl Pace {
    /// The pace of the next phase.
    pub(super) fn next_phase(now: Instant) -> Self {
        Self { now, fruitless: 0 }
    }

    /// Another transport is not judged by the last one.
    pub(super) fn begin_anew(&mut self) {
        self.fruitless = 0;
    }

    /// A call has moved bytes, or the end of the stream.
    pub(super) fn moved(&mut self, now: Instant) {
        *self = Self { now, fruitless: 0 };
    }

    /// A call has used up its time.
    pub(super) fn stuck(&mut self, now: Instant) {
        *self = Self { now, fruitless: self.fruitless.saturating_add(1) };
    }

    /// A call is over, and says nothing about the pace.
    pub(super) fn finished(&mut self, now: Instant) {
        self.now = now;
    }

    /// When the last read or write was over.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Longest time of the next call while bytes wait: 1 ms, and twice as long after each call that moved nothing, up to 64 ms.
    pub(super) fn backoff(&self) -> Duration {
        PATIENCE.min(AT_ONCE * (1 << self.fruitless.min(16)))
    }
}
