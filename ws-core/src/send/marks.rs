//! What ends where in the stream that is sent.

use alloc::collections::VecDeque;
use core::mem;

/// What can be sent whole or not at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A data message, or the last part of a streamed one.
    Message,
    Ping,
    Pong,
    /// A part of a streamed message, or the opening handshake.
    Other,
}

/// The units that the transport has not taken whole, oldest first.
pub(super) struct Marks {
    /// Each with the position of its end. Invariant: the positions ascend, and all lie behind `boundary`.
    units: VecDeque<(u64, Unit)>,
    /// The end of the last unit that the transport has taken whole.
    boundary: u64,
    counts: Counts,
}

/// How many units there are of each type.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) messages: usize,
    pub(super) pings: usize,
    pub(super) pongs: usize,
}

impl Marks {
    /// Units will follow behind `boundary`.
    pub(super) fn new(boundary: u64) -> Self {
        Self { units: VecDeque::new(), boundary, counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    #[inline]
    pub(super) fn push(&mut self, end: u64, unit: Unit) {
        self.counts.add(unit);
        self.units.push_back((end, unit));
    }

    /// The transport has taken all bytes before `position`: the units that it has whole now, and had not before.
    #[inline]
    pub(super) fn written(&mut self, position: u64) -> Counts {
        // In most cases it takes all that waits: then none has to be looked at.
        match self.units.back() {
            Some(&(end, _)) if end <= position => {
                self.units.clear();
                self.boundary = end;
                mem::take(&mut self.counts)
            }
            _ => self.written_in_part(position),
        }
    }

    fn written_in_part(&mut self, position: u64) -> Counts {
        let mut whole = Counts::default();
        while let Some(&(end, unit)) = self.units.front().filter(|(end, _)| *end <= position) {
            self.units.pop_front();
            self.boundary = end;
            whole.add(unit);
        }
        self.counts.remove(whole);
        whole
    }

    /// Where the last unit ends of which some byte comes before `position`.
    pub(super) fn end_of_begun(&self, position: u64) -> u64 {
        if position == self.boundary {
            return position;
        }
        self.units.iter().map(|&(end, _)| end).find(|&end| end >= position).unwrap_or(position)
    }

    /// The bytes from `position` on were dropped.
    pub(super) fn truncate(&mut self, position: u64) {
        let mut dropped = Counts::default();
        while let Some(&(_, unit)) = self.units.back().filter(|(end, _)| *end > position) {
            self.units.pop_back();
            dropped.add(unit);
        }
        self.counts.remove(dropped);
    }
}

impl Counts {
    #[inline]
    fn add(&mut self, unit: Unit) {
        match unit {
            Unit::Message => self.messages += 1,
            Unit::Ping => self.pings += 1,
            Unit::Pong => self.pongs += 1,
            Unit::Other => {}
        }
    }

    fn remove(&mut self, other: Self) {
        self.messages -= other.messages;
        self.pings -= other.pings;
        self.pongs -= other.pongs;
    }
}
