//! The boundaries of messages and control frames in the stream that is sent.

use alloc::vec::Vec;

/// Number of entries whose memory is kept when all have left. An idle connection does not hold the memory that a burst of small
/// messages took.
pub(super) const KEPT: usize = 256;

/// The shortest length that does not fit into one entry. Four entries with the length follow this one.
const LONG: u64 = (1 << 14) - 1;

/// The kind of a unit: bytes of the stream that are sent whole or not at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// A data message, or the last fragment of a streamed one.
    Message,
    Ping,
    Pong,
    /// Another fragment of a streamed message, a Close frame, or the opening handshake.
    Other,
}

/// The boundaries of the units that the transport has not taken whole, oldest first.
pub(super) struct Boundaries {
    /// The length and the kind of each unit. A small message is a few bytes, so its entry is small, too.
    entries: Vec<u16>,
    /// Number of entries of units that were taken whole and are not removed yet. Invariant: less than all, or 0.
    taken: usize,
    /// The position behind the last unit that the transport has taken whole.
    taken_to: u64,
    counts: Counts,
}

/// Number of units of each kind that the transport has not taken whole.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    /// Messages that were dropped are counted, too.
    pub(super) messages: usize,
    pub(super) pings: u32,
    pub(super) pongs: u32,
}

impl Boundaries {
    /// Units will follow behind `position`.
    pub(super) fn new(position: u64) -> Self {
        Self { entries: Vec::new(), taken: 0, taken_to: position, counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Number of entries in memory, about the number of units.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(super) fn push(&mut self, len: usize, kind: UnitKind) {
        self.counts.add(kind);
        let len = len as u64;
        if len < LONG {
            self.entries.push(entry(len, kind));
        } else {
            self.push_long(len, kind);
        }
    }

    #[cold]
    fn push_long(&mut self, len: u64, kind: UnitKind) {
        self.entries.push(entry(LONG, kind));
        self.entries.extend([48, 32, 16, 0].map(|shift| (len >> shift) as u16));
    }

    /// The transport has taken all bytes before `position`, the end of all units, of which none was dropped. Returns the number of pings
    /// among them.
    #[inline]
    pub(super) fn all_written(&mut self, position: u64) -> u32 {
        self.entries.clear();
        self.entries.shrink_to(KEPT);
        self.taken = 0;
        self.taken_to = position;
        core::mem::take(&mut self.counts).pings
    }

    /// The transport has taken all bytes before `position`. Returns the number of pings that were completed by that.
    pub(super) fn written(&mut self, position: u64) -> u32 {
        let whole;
        (self.taken, self.taken_to, whole) = self.whole_before(position);
        self.counts.remove(whole);
        if self.taken == self.entries.len() {
            self.entries.clear();
            self.entries.shrink_to(KEPT);
            self.taken = 0;
        } else if self.taken * 4 >= self.entries.len() {
            // They are removed when they are a quarter of all, so that each of the others is moved only a few times.
            self.entries.drain(..self.taken);
            self.taken = 0;
        }
        whole.pings
    }

    /// Position behind the unit that contains the byte before `position`; `position` itself between two units.
    pub(super) fn end_of_begun(&self, position: u64) -> u64 {
        if position == self.taken_to {
            return position;
        }
        self.iter().map(|boundary| boundary.end).find(|end| *end >= position).unwrap_or(position)
    }

    /// The beginning and the end of each pong behind `position`. There are at most 17.
    pub(super) fn pongs_behind(&self, position: u64) -> Vec<(u64, u64)> {
        let mut begin = self.taken_to;
        let spans = self.iter().map(|boundary| {
            let span = (core::mem::replace(&mut begin, boundary.end), boundary.end);
            (span, boundary.kind)
        });
        let is_behind =
            |((begin, _), kind): &((u64, u64), UnitKind)| *begin >= position && *kind == UnitKind::Pong;
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
        self.counts = Counts { messages: self.counts.messages, ..counts };
    }

    /// The units that end before `position`: the index behind their entries, the end of the last, their numbers.
    fn whole_before(&self, position: u64) -> (usize, u64, Counts) {
        let (mut next, mut end, mut counts) = (self.taken, self.taken_to, Counts::default());
        for boundary in self.iter().take_while(|boundary| boundary.end <= position) {
            (next, end) = (boundary.next, boundary.end);
            counts.add(boundary.kind);
        }
        (next, end, counts)
    }

    fn iter(&self) -> Iter<'_> {
        Iter { entries: &self.entries, next: self.taken, end: self.taken_to }
    }
}

fn entry(len: u64, kind: UnitKind) -> u16 {
    (len << 2) as u16 | kind as u16
}

/// The boundary behind a unit of the stream.
struct Boundary {
    /// The position behind the unit.
    end: u64,
    kind: UnitKind,
    /// The index of the next entry.
    next: usize,
}

struct Iter<'a> {
    entries: &'a [u16],
    next: usize,
    end: u64,
}

impl Iterator for Iter<'_> {
    type Item = Boundary;

    fn next(&mut self) -> Option<Boundary> {
        let entry = *self.entries.get(self.next)?;
        self.next += 1;
        let kind = match entry & 3 {
            0 => UnitKind::Message,
            1 => UnitKind::Ping,
            2 => UnitKind::Pong,
            _ => UnitKind::Other,
        };
        let mut len = u64::from(entry >> 2);
        if len == LONG {
            let long = self.entries.get(self.next..self.next + 4)?;
            len = long.iter().fold(0, |len, part| len << 16 | u64::from(*part));
            self.next += 4;
        }
        self.end += len;
        Some(Boundary { end: self.end, kind, next: self.next })
    }
}

impl Counts {
    #[inline]
    fn add(&mut self, kind: UnitKind) {
        match kind {
            UnitKind::Message => self.messages += 1,
            UnitKind::Ping => self.pings += 1,
            UnitKind::Pong => self.pongs += 1,
            UnitKind::Other => {}
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

    const UNITS: [UnitKind; 6] = [
        UnitKind::Message,
        UnitKind::Ping,
        UnitKind::Message,
        UnitKind::Pong,
        UnitKind::Other,
        UnitKind::Message,
    ];

    /// The number of messages that are taken whole by a write to `position`.
    fn messages_written(boundaries: &mut Boundaries, position: u64) -> usize {
        let before = boundaries.counts().messages;
        boundaries.written(position);
        before - boundaries.counts().messages
    }

    #[test]
    fn a_unit_of_any_length_is_taken_with_its_last_byte() {
        let lengths = [1, 63, LONG - 1, LONG, LONG + 1, 1 << 16, (1 << 40) + 7, 2];
        let mut boundaries = Boundaries::new(5);
        let mut ends = vec![5];
        for len in lengths {
            boundaries.push(len as usize, UnitKind::Message);
            ends.push(ends.last().unwrap() + len);
        }
        for end in ends.windows(2) {
            assert_eq!(boundaries.end_of_begun(end[0] + 1), end[1]);
            assert_eq!(messages_written(&mut boundaries, end[1] - 1), 0);
            assert_eq!(messages_written(&mut boundaries, end[1]), 1);
        }
        assert!(boundaries.entries.is_empty());
    }

    /// Units of ten bytes each, behind byte 100.
    fn sample() -> Boundaries {
        let mut boundaries = Boundaries::new(100);
        for kind in UNITS {
            boundaries.push(10, kind);
        }
        boundaries
    }

    fn count(units: &[UnitKind], kind: UnitKind) -> usize {
        units.iter().filter(|unit| **unit == kind).count()
    }

    #[test]
    fn a_unit_is_taken_once_with_its_last_byte_however_the_writes_are_cut() {
        for step in 1..=60 {
            let mut boundaries = sample();
            let mut pings = 0;
            for position in (100 + step..160).step_by(step as usize).chain([160]) {
                pings += boundaries.written(position) as usize;
                let (whole, left) = UNITS.split_at((position - 100) as usize / 10);
                assert_eq!(boundaries.counts().messages, count(left, UnitKind::Message));
                assert_eq!(pings, count(whole, UnitKind::Ping));
                let begun = (position - 100).div_ceil(10) * 10 + 100;
                assert_eq!(boundaries.end_of_begun(position), begun);
            }
            assert_eq!(boundaries.counts().pongs, 0);
        }
    }

    #[test]
    fn units_that_were_dropped_are_never_taken() {
        for written in 100..=160 {
            let mut boundaries = sample();
            boundaries.written(written);
            let end = boundaries.end_of_begun(written);
            let pongs = if end <= 130 { vec![(130, 140)] } else { vec![] };
            assert_eq!(boundaries.pongs_behind(end), pongs);
            boundaries.truncate(end);
            let kept = count(&UNITS[..(end - 100) as usize / 10], UnitKind::Message);
            let whole = count(&UNITS[..(written - 100) as usize / 10], UnitKind::Message);
            assert_eq!(messages_written(&mut boundaries, end), kept - whole);
            assert_eq!(boundaries.counts().messages, count(&UNITS, UnitKind::Message) - kept);
            boundaries.push(5, UnitKind::Message);
            assert_eq!(messages_written(&mut boundaries, end + 4), 0);
            assert_eq!(messages_written(&mut boundaries, end + 5), 1);
        }
    }
}
