//! What ends where in the stream that is sent.

use alloc::vec::Vec;

/// Room for so many units is kept when all have left: an idle connection does not hold what a burst of small messages took.
const KEPT: usize = 64;

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
    units: Vec<(u64, Unit)>,
    /// How many of them were taken whole, and are yet to be removed. Invariant: less than all, or 0.
    taken: usize,
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

/// How many of those that matter then were taken whole.
pub(super) struct Taken {
    pub(super) messages: usize,
    pub(super) pings: usize,
}

impl Marks {
    /// Units will follow behind `boundary`.
    pub(super) fn new(boundary: u64) -> Self {
        Self { units: Vec::new(), taken: 0, boundary, counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    #[inline]
    pub(super) fn push(&mut self, end: u64, unit: Unit) {
        self.counts.add(unit);
        self.units.push((end, unit));
    }

    /// The transport has taken all bytes before `position`: the units that it has whole now, and had not before.
    #[inline]
    pub(super) fn written(&mut self, position: u64) -> Taken {
        // In most cases it takes all that waits: then none has to be looked at.
        match self.units.last() {
            Some(&(end, _)) if end <= position => {
                self.units.clear();
                self.units.shrink_to(KEPT);
                self.taken = 0;
                self.boundary = end;
                let Counts { messages, pings, .. } = self.counts;
                self.counts = Counts::default();
                Taken { messages, pings }
            }
            _ => self.written_in_part(position),
        }
    }

    fn written_in_part(&mut self, position: u64) -> Taken {
        let mut whole = Counts::default();
        while let Some(&(end, unit)) = self.units.get(self.taken).filter(|(end, _)| *end <= position) {
            self.taken += 1;
            self.boundary = end;
            whole.add(unit);
        }
        // Removed at last when they are the greater part, so that each is moved only once.
        if self.taken * 2 >= self.units.len() {
            self.units.drain(..self.taken);
            self.taken = 0;
        }
        self.counts.remove(whole);
        Taken { messages: whole.messages, pings: whole.pings }
    }

    /// Where the last unit ends of which some byte comes before `position`.
    pub(super) fn end_of_begun(&self, position: u64) -> u64 {
        if position == self.boundary {
            return position;
        }
        self.units[self.taken..].iter().map(|&(end, _)| end).find(|&end| end >= position).unwrap_or(position)
    }

    /// The bytes from `position` on were dropped.
    pub(super) fn truncate(&mut self, position: u64) {
        let mut dropped = Counts::default();
        while let Some((_, unit)) = self.units.pop_if(|(end, _)| *end > position) {
            dropped.add(unit);
        }
        if self.taken == self.units.len() {
            self.units.clear();
            self.taken = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: [Unit; 6] =
        [Unit::Message, Unit::Ping, Unit::Message, Unit::Pong, Unit::Other, Unit::Message];

    /// Units of ten bytes each, behind byte 100.
    fn sample() -> Marks {
        let mut marks = Marks::new(100);
        for (i, unit) in UNITS.into_iter().enumerate() {
            marks.push(110 + 10 * i as u64, unit);
        }
        marks
    }

    #[test]
    fn a_unit_is_taken_once_with_its_last_byte_however_the_writes_are_cut() {
        for step in 1..=60 {
            let mut marks = sample();
            let (mut messages, mut pings) = (0, 0);
            for position in (100 + step..160).step_by(step as usize).chain([160]) {
                let taken = marks.written(position);
                messages += taken.messages;
                pings += taken.pings;
                let whole = &UNITS[..(position - 100) as usize / 10];
                assert_eq!(messages, whole.iter().filter(|unit| **unit == Unit::Message).count());
                assert_eq!(pings, whole.iter().filter(|unit| **unit == Unit::Ping).count());
                let begun = (position - 100).div_ceil(10) * 10 + 100;
                assert_eq!(marks.end_of_begun(position), begun);
            }
            assert_eq!(marks.counts().pongs, 0);
        }
    }

    #[test]
    fn units_that_were_dropped_are_never_taken() {
        for written in 100..=160 {
            let mut marks = sample();
            let before = marks.written(written).messages;
            let end = marks.end_of_begun(written);
            marks.truncate(end);
            let whole = &UNITS[..(end - 100) as usize / 10];
            let messages = whole.iter().filter(|unit| **unit == Unit::Message).count();
            assert_eq!(before + marks.written(end).messages, messages);
            marks.push(end + 5, Unit::Message);
            assert_eq!(marks.written(end + 4).messages, 0);
            assert_eq!(marks.written(end + 5).messages, 1);
        }
    }
}
