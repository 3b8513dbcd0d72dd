//! The bytes that were read.

use bytes::{Buf, BytesMut};

/// The bytes that were received, from the first that was not taken on.
///
/// The fast path only counts what it takes: moving the beginning of the buffer for each message would cost as much as finding it.
#[derive(Default)]
pub(crate) struct Inbound {
    buffer: BytesMut,
    /// Invariant: at most the length of the buffer.
    taken: usize,
}

impl Inbound {
    /// The buffer without what was taken.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        if self.taken > 0 {
            self.buffer.advance(self.taken);
            self.taken = 0;
        }
        &mut self.buffer
    }

    /// The bytes that were not taken, where they lie.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer[self.taken..]
    }

    /// The same bytes, and the count that grows when the first of them are taken.
    #[inline(always)]
    pub(crate) fn bytes_and_taken(&mut self) -> (&mut [u8], &mut usize) {
        (&mut self.buffer[self.taken..], &mut self.taken)
    }

    /// The first `n` of these bytes are taken.
    #[inline(always)]
    pub(crate) fn take(&mut self, n: usize) {
        self.taken += n;
    }

    /// Drops what is there, and gives its memory back.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.taken
    }
}

impl From<BytesMut> for Inbound {
    fn from(buffer: BytesMut) -> Self {
        Self { buffer, taken: 0 }
    }
}
