//! Which cells are measured.

use crate::contender::{self, Entry};
use crate::scenario::{self, Case, SIZES, Scenario};

/// Everything, less what was not named where something was.
#[derive(Default)]
pub struct Selection {
    pub scenarios: Vec<&'static Scenario>,
    pub sizes: Vec<usize>,
    pub contenders: Vec<&'static Entry>,
}

impl Selection {
    pub fn scenarios(&self) -> Vec<&'static Scenario> {
        or_all(&self.scenarios, scenario::ALL.iter())
    }

    pub fn sizes(&self) -> Vec<usize> {
        or_all(&self.sizes, SIZES.into_iter())
    }

    /// Those that take the scenario.
    pub fn contenders(&self, scenario: &Scenario) -> Vec<&'static Entry> {
        let mut contenders = or_all(&self.contenders, contender::ALL.iter());
        contenders.retain(|entry| entry.takes(scenario));
        contenders
    }
}

fn or_all<T: Copy>(named: &[T], all: impl Iterator<Item = T>) -> Vec<T> {
    if named.is_empty() { all.collect() } else { named.to_vec() }
}

/// A case with so many messages that buffers have their final size well before the end, and that it hardly matters
/// whether one read more or less falls into it.
pub fn case(scenario: &'static Scenario, size: usize) -> Case {
    const BYTES: usize = 8 * 1024 * 1024;
    let count = (BYTES / size.max(1)).clamp(64, 16_384);
    // A whole number of batches, so that twice as many messages are twice as many flushes.
    Case { scenario, size, count: count.next_multiple_of(64) }
}
