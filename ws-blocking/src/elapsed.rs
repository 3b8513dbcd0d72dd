//! The limit of a wait.

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use crate::clock::{self, Clock};
use crate::driver::NextTurn;

/// The time of a wait is over, and the wait has no result. Nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time to wait is over")
    }
}

impl Error for Elapsed {}

/// The time that a thread waits at most.
pub(crate) struct Patience {
    start: Clock,
    timeout: Duration,
    turns: u32,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { start: clock::now(), timeout, turns: 0 }
    }

    /// Limits the next turn. A call with no time still does the work that needs no waiting, so that a user who only ever polls
    /// gets on: one turn, and all writes.
    pub(crate) fn limit(&mut self, next: NextTurn, writes_next: bool) -> ControlFlow<Elapsed, NextTurn> {
        let left = self.timeout.saturating_sub(clock::since(self.start));
        self.turns += 1;
        match left.is_zero() && self.turns > 1 && !writes_next {
            true => Break(Elapsed),
            false => Continue(NextTurn { longest: left.min(next.longest), ..next }),
        }
    }
}
