//! Which ciphertext carries which plaintext.

use std::collections::VecDeque;

/// The records that wait to be written, so that the machine inside is told of its bytes when the transport has taken the whole
/// record that carries them: half a record is worth nothing to the peer.
#[derive(Default)]
pub(super) struct Records {
    /// Oldest first. Invariant: the ends rise, and all are behind `written`.
    waiting: VecDeque<Record>,
    /// How many bytes of ciphertext were queued and written, ever. Invariant: `written <= queued`.
    queued: u64,
    written: u64,
    /// The end of the last record with plaintext that was written whole. Invariant: at most `written`.
    whole: u64,
    /// Plaintext in `waiting`.
    carried: usize,
}

struct Record {
    end: u64,
    plaintext: usize,
}

impl Records {
    /// `ciphertext` bytes were queued, which carry `plaintext` bytes of the machine inside.
    pub(super) fn queued(&mut self, ciphertext: usize, plaintext: usize) {
        self.queued += ciphertext as u64;
        if plaintext > 0 {
            self.carried += plaintext;
            self.waiting.push_back(Record { end: self.queued, plaintext });
        }
    }

    /// The transport took `n` bytes of ciphertext: so many bytes of plaintext are with it now, whole.
    pub(super) fn wrote(&mut self, n: usize) -> usize {
        self.written += n as u64;
        let before = self.carried;
        while let Some(record) = self.waiting.front().filter(|record| record.end <= self.written) {
            self.carried -= record.plaintext;
            self.whole = record.end;
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        before - self.carried
    }

    /// Bytes that the transport has taken of records that were not written whole.
    pub(super) fn partial(&self) -> usize {
        let behind = if self.waiting.is_empty() { 0 } else { self.written - self.whole };
        usize::try_from(behind).unwrap_or(usize::MAX)
    }

    /// Plaintext whose records were not written whole.
    pub(super) fn carried(&self) -> usize {
        self.carried
    }

    /// What waits was dropped, or matters to nobody any more.
    pub(super) fn forget(&mut self) {
        self.waiting = VecDeque::new();
        self.carried = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_counts_when_its_record_is_written_whole() {
        let mut records = Records::default();
        records.queued(300, 0);
        records.queued(40, 20);
        records.queued(24, 0);
        records.queued(30, 10);
        assert_eq!(records.wrote(300), 0);
        assert_eq!(records.wrote(39), 0);
        assert_eq!(records.wrote(1), 20);
        assert_eq!(records.partial(), 0);
        assert_eq!(records.wrote(53), 0);
        assert_eq!(records.partial(), 53);
        assert_eq!(records.carried(), 10);
        assert_eq!(records.wrote(1), 10);
        assert_eq!((records.carried(), records.partial()), (0, 0));
    }

    #[test]
    fn one_write_may_complete_many_records() {
        let mut records = Records::default();
        (0..10).for_each(|_| records.queued(30, 8));
        assert_eq!(records.wrote(299), 72);
        assert_eq!(records.wrote(1), 8);
    }
}
