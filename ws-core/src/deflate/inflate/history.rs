//! What was inflated last.

use alloc::vec::Vec;

/// What is inflated at a time should not be tiny because the window is.
const MIN: usize = 4096;

/// An inflater copies by vectors, and so writes behind the last byte that it tells of: in 0.6 of zlib-rs up to 31 bytes. In a ring
/// these are the oldest ones, which must not be a part of the window.
const MARGIN: usize = 64;

/// A ring into which the inflater writes, and which so remembers the last bytes of the stream. It grows with what
/// is written.
pub(super) struct History {
    ring: Vec<u8>,
    /// Where the next byte goes.
    next: usize,
    /// The size to which it grows.
    limit: usize,
    /// Whether there are older bytes from `next` on.
    has_wrapped: bool,
}

impl History {
    /// Remembers at least 2 to the power of `bits` bytes.
    pub(super) fn new(bits: u8) -> Self {
        Self { ring: Vec::new(), next: 0, limit: MIN.max((1 << bits) + MARGIN), has_wrapped: false }
    }

    /// Where to write: never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.next == self.ring.len() {
            if self.ring.len() < self.limit {
                let size = MIN.max(self.ring.len() * 2);
                self.ring.resize(if size + MARGIN < self.limit { size } else { self.limit }, 0);
            } else {
                (self.next, self.has_wrapped) = (0, true);
            }
        }
        &mut self.ring[self.next..]
    }

    /// `n` bytes were written there.
    pub(super) fn advance(&mut self, n: usize) {
        self.next += n;
    }

    /// The last `n` bytes of those that were written at once.
    pub(super) fn newest(&self, n: usize) -> &[u8] {
        &self.ring[self.next - n..self.next]
    }

    /// All that is remembered, the older part first.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        let (newer, older) = self.ring.split_at(self.next);
        (if self.has_wrapped { older } else { &[] }, newer)
    }
}
