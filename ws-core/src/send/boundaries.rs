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

    /// The units behind `position` that are kept when the others are dropped: pongs, of which there are at most 17, and the messages that
    /// `keeps` says. It is asked with the number of each message behind `position`, where 0 is the oldest that was not taken whole.
    pub(super) fn kept_behind(&self, position: u64, mut keeps: impl FnMut(usize) -> bool) -> Vec<Unit> {
        let (mut begin, mut messages) = (self.taken_to, 0);
        let mut kept = Vec::new();
        for Boundary { end, kind, .. } in self.iter() {
            let unit = Unit { begin: core::mem::replace(&mut begin, end), end, kind };
            let is_behind = unit.begin >= position;
            let is_kept = match kind {
                UnitKind::Pong => is_behind,
                UnitKind::Message => {
                    messages += 1;
                    is_behind && keeps(messages - 1)
                }
                UnitKind::Ping | UnitKind::Other => false,
            };
            if is_kept {
                kept.push(unit);
            }
        }
        kept
    }

    /// A unit that was dropped is queued again, behind all others.
    pub(super) fn push_again(&mut self, len: usize, kind: UnitKind) {
        // A message that was dropped is still counted.
        self.counts.messages -= usize::from(kind == UnitKind::Message);
        self.push(len, kind);
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

/// A unit, and its place in the stream.
pub(super) struct Unit {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) kind: UnitKind,
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
    fn messages_that_are_kept_are_counted_once() {
        for written in 100..=160 {
            let mut boundaries = sample();
            boundaries.written(written);
            let end = boundaries.end_of_begun(written);
            let waiting = boundaries.counts().messages;
            let mut asked = Vec::new();
            let kept = boundaries.kept_behind(end, |n| {
                asked.push(n);
                n + 1 == waiting
            });
            let messages = |units: &[UnitKind]| count(units, UnitKind::Message);
            let behind = messages(&UNITS[(end - 100) as usize / 10..]);
            assert_eq!(asked, (waiting - behind..waiting).collect::<Vec<_>>());
            boundaries.truncate(end);
            kept.iter().for_each(|unit| boundaries.push_again(10, unit.kind));
            assert_eq!(boundaries.counts().messages, waiting);
            let dropped = behind - behind.min(1);
            assert_eq!(messages_written(&mut boundaries, end + 10 * kept.len() as u64), waiting - dropped);
            assert_eq!(boundaries.counts().messages, dropped);
            assert_eq!(boundaries.counts().pongs, 0);
        }
    }

    #[test]
    fn units_that_were_dropped_are_never_taken() {
        for written in 100..=160 {
            let mut boundaries = sample();
            boundaries.written(written);
            let end = boundaries.end_of_begun(written);
            let kept = boundaries.kept_behind(end, |_| false);
            let kept: Vec<_> = kept.iter().map(|unit| (unit.begin, unit.end)).collect();
            assert_eq!(kept, if end <= 130 { vec![(130, 140)] } else { vec![] });
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
