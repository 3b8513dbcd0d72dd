//! The ends of messages and control frames in the stream that is sent.

use alloc::vec::Vec;

/// Room for so many entries is kept when all have left: an idle connection does not hold the room that a burst of small messages
/// took.
pub(super) const KEPT: usize = 256;

/// The first length that does not fit into an entry of its own: four entries with the length follow this one.
const LONG: u64 = (1 << 14) - 1;

/// What can be sent whole or not at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A data message, or the last part of a streamed one.
    Message,
    Ping,
    Pong,
    /// A part of a streamed message, a Close frame, or the opening handshake.
    Other,
}

/// The units that the transport has not taken whole, oldest first.
pub(super) struct Marks {
    /// For each unit its length and its type. A small message is a few bytes, so its entry is small, too.
    entries: Vec<u16>,
    /// How many entries are of units that were taken whole, and are yet to be removed. Invariant: less than all, or 0.
    taken: usize,
    /// The end of the last unit that the transport has taken whole.
    boundary: u64,
    counts: Counts,
}

/// How many units there are of each type.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) messages: usize,
    pub(super) pings: u32,
    pub(super) pongs: u32,
}

/// How many of those that matter then were taken whole.
pub(super) struct Taken {
    pub(super) messages: usize,
    pub(super) pings: u32,
}

impl Marks {
    /// Units will follow behind `boundary`.
    pub(super) fn new(boundary: u64) -> Self {
        Self { entries: Vec::new(), taken: 0, boundary, counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Number of entries in memory. It is about that of the units.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(super) fn push(&mut self, len: usize, unit: Unit) {
        self.counts.add(unit);
        let len = len as u64;
        if len < LONG {
            self.entries.push(entry(len, unit));
        } else {
            self.push_long(len, unit);
        }
    }

    #[cold]
    fn push_long(&mut self, len: u64, unit: Unit) {
        self.entries.push(entry(LONG, unit));
        self.entries.extend([48, 32, 16, 0].map(|shift| (len >> shift) as u16));
    }

    /// The transport has taken all bytes before `position`, which is the end of all units.
    #[inline]
    pub(super) fn all_written(&mut self, position: u64) -> Taken {
        self.entries.clear();
        self.entries.shrink_to(KEPT);
        self.taken = 0;
        self.boundary = position;
        let Counts { messages, pings, .. } = core::mem::take(&mut self.counts);
        Taken { messages, pings }
    }

    /// The transport has taken all bytes before `position`: the units that it has whole now, and had not before.
    pub(super) fn written(&mut self, position: u64) -> Taken {
        let whole;
        (self.taken, self.boundary, whole) = self.whole_before(position);
        if self.taken == self.entries.len() {
            return self.all_written(self.boundary);
        }
        // Removed at last when they are a good part of all, so that each of the others is moved only a few times.
        if self.taken * 4 >= self.entries.len() {
            self.entries.drain(..self.taken);
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
        self.iter().map(|mark| mark.end).find(|end| *end >= position).unwrap_or(position)
    }

    /// Where the pongs begin and end that come behind `position`. At most 17 are there at a time.
    pub(super) fn pongs_behind(&self, position: u64) -> Vec<(u64, u64)> {
        let mut begin = self.boundary;
        let spans = self.iter().map(|mark| {
            let span = (core::mem::replace(&mut begin, mark.end), mark.end);
            (span, mark.unit)
        });
        let is_behind = |((begin, _), unit): &((u64, u64), Unit)| *begin >= position && *unit == Unit::Pong;
        spans.filter(is_behind).map(|(span, _)| span).collect()
    }

    /// The bytes from `position` on were dropped.
    pub(super) fn truncate(&mut self, position: u64) {
        let (kept, _, counts) = self.whole_before(position);
        self.entries.truncate(kept);
        if self.taken == kept {
            self.entries.clear();
            self.taken = 0;
        }
        self.counts = counts;
    }

    /// The units that end before `position`: the index behind their entries, the end of the last, their number.
    fn whole_before(&self, position: u64) -> (usize, u64, Counts) {
        let (mut next, mut end, mut counts) = (self.taken, self.boundary, Counts::default());
        for mark in self.iter().take_while(|mark| mark.end <= position) {
            (next, end) = (mark.next, mark.end);
            counts.add(mark.unit);
        }
        (next, end, counts)
    }

    fn iter(&self) -> Iter<'_> {
        Iter { entries: &self.entries, next: self.taken, end: self.boundary }
    }
}

fn entry(len: u64, unit: Unit) -> u16 {
    (len << 2) as u16 | unit as u16
}

/// A unit in the stream.
struct Mark {
    /// The position behind it.
    end: u64,
    unit: Unit,
    /// The index of the next one's entry.
    next: usize,
}

struct Iter<'a> {
    entries: &'a [u16],
    next: usize,
    end: u64,
}

impl Iterator for Iter<'_> {
    type Item = Mark;

    fn next(&mut self) -> Option<Mark> {
        let entry = *self.entries.get(self.next)?;
        self.next += 1;
        let unit = match entry & 3 {
            0 => Unit::Message,
            1 => Unit::Ping,
            2 => Unit::Pong,
            _ => Unit::Other,
        };
        let mut len = u64::from(entry >> 2);
        if len == LONG {
            let long = self.entries.get(self.next..self.next + 4)?;
            len = long.iter().fold(0, |len, part| len << 16 | u64::from(*part));
            self.next += 4;
        }
        self.end += len;
        Some(Mark { end: self.end, unit, next: self.next })
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
    use alloc::vec;

    use super::*;

    const UNITS: [Unit; 6] =
        [Unit::Message, Unit::Ping, Unit::Message, Unit::Pong, Unit::Other, Unit::Message];

    #[test]
    fn a_unit_of_any_length_is_taken_with_its_last_byte() {
        let lengths = [1, 63, LONG - 1, LONG, LONG + 1, 1 << 16, (1 << 40) + 7, 2];
        let mut marks = Marks::new(5);
        let mut ends = vec![5];
        for len in lengths {
            marks.push(len as usize, Unit::Message);
            ends.push(ends.last().unwrap() + len);
        }
        for end in ends.windows(2) {
            assert_eq!(marks.end_of_begun(end[0] + 1), end[1]);
            assert_eq!(marks.written(end[1] - 1).messages, 0);
            assert_eq!(marks.written(end[1]).messages, 1);
        }
        assert!(marks.entries.is_empty());
    }

    /// Units of ten bytes each, behind byte 100.
    fn sample() -> Marks {
        let mut marks = Marks::new(100);
        for unit in UNITS {
            marks.push(10, unit);
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
                pings += taken.pings as usize;
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
            let pongs = if end <= 130 { vec![(130, 140)] } else { vec![] };
            assert_eq!(marks.pongs_behind(end), pongs);
            marks.truncate(end);
            let whole = &UNITS[..(end - 100) as usize / 10];
            let messages = whole.iter().filter(|unit| **unit == Unit::Message).count();
            assert_eq!(before + marks.written(end).messages, messages);
            marks.push(5, Unit::Message);
            assert_eq!(marks.written(end + 4).messages, 0);
            assert_eq!(marks.written(end + 5).messages, 1);
        }
    }
}
