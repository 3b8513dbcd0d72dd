//! The bytes that wait to be written.

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes};

/// Minimum length of a consumed prefix of the tail that is cut off. It is cut off when it is half of the tail, and instead of a growth
/// of the tail also when it is an eighth of it.
const COMPACT: usize = 4096;

/// The bytes that a machine wants written, oldest first.
///
/// Small frames are collected in one buffer; a large payload stands for itself, so that it need not be copied.
/// As a [`Buf`] it shows its chunks ([`Buf::chunks_vectored`] for a vectored write). What was written is reported with
/// [`Machine::handle_write`](crate::Machine::handle_write), which drops it.
///
/// Bytes that were taken out (by [`take_out`](Self::take_out) or [`Buf::advance`]) are *in flight*: they still count
/// in [`len`](Self::len) until they are reported as written, and they are reported before all others.
#[derive(Default)]
pub struct Outbound {
    /// Older than `tail`. Invariant: none of them is empty.
    segments: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// The bytes of `tail` that were consumed. Invariant: `start <= tail.len()`, and 0 if they are equal.
    start: usize,
    /// Taken out, not yet written.
    in_flight: usize,
    /// In `segments` and in `tail` from `start` on.
    waiting: usize,
    /// The position of the oldest byte that counts: how many were written before it.
    written: u64,
    finished: bool,
    /// Whether bytes were dropped instead of written.
    lost: bool,
}

impl Outbound {
    /// Bytes that were not yet written, those in flight included.
    #[inline]
    pub fn len(&self) -> usize {
        self.in_flight + self.waiting
    }

    /// Whether everything was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no byte will follow: once it is empty, the write side of the transport is to be shut down.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether anything that was queued was dropped instead of written, because the connection ended.
    #[inline]
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Takes up to `limit` bytes out, and at least one if any waits: for a driver that writes without holding the
    /// machine. They stay in flight until they are reported as written.
    pub fn take_out(&mut self, limit: usize) -> VecDeque<Bytes> {
        self.freeze_tail();
        if self.waiting <= limit {
            self.in_flight += self.waiting;
            self.waiting = 0;
            return core::mem::take(&mut self.segments);
        }
        let mut taken = VecDeque::new();
        let mut room = limit.max(1);
        while let Some(first) = self.segments.front_mut() {
            if first.len() <= room {
                room -= first.len();
                taken.extend(self.segments.pop_front());
            } else {
                if room > 0 {
                    taken.push_back(first.split_to(room));
                }
                break;
            }
        }
        let n = taken.iter().map(Bytes::len).sum::<usize>();
        self.waiting -= n;
        self.in_flight += n;
        taken
    }

    /// Gives back the memory that it holds for reuse. A driver calls this before it waits for the peer.
    pub fn release(&mut self) {
        drop(self.take_buffer());
    }

    /// Gives back the memory that it holds for reuse, as [`release`](Self::release) does, and hands out the most of it for the next
    /// writer. It is empty, and without memory if there was none or something waits.
    #[doc(hidden)]
    #[inline]
    pub fn take_buffer(&mut self) -> Vec<u8> {
        if self.waiting > 0 {
            return Vec::new();
        }
        if self.segments.capacity() > 0 {
            self.segments = VecDeque::new();
        }
        self.start = 0;
        let mut buffer = core::mem::take(&mut self.tail);
        buffer.clear();
        buffer
    }

    /// Uses the memory of `buffer`, unless this has memory of its own. The content of `buffer` is dropped.
    #[doc(hidden)]
    pub fn adopt_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.tail.capacity() == 0 {
            buffer.clear();
            self.tail = buffer;
        }
    }

    /// Whether it has memory to write to.
    #[doc(hidden)]
    pub fn has_memory(&self) -> bool {
        self.tail.capacity() > 0
    }

    /// The position in the stream behind the newest byte.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.written + self.len() as u64
    }

    /// The position before which the bytes have left the machine, written or in flight.
    pub(crate) fn begun(&self) -> u64 {
        self.written + self.in_flight as u64
    }

    /// How many bytes were written so far.
    #[inline]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// No byte will follow. For the machine itself.
    #[doc(hidden)]
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Lets `append` add to the newest bytes; what it appended is counted afterwards. The vector may hold older ones, which are
    /// to be left as they are. For the machine itself.
    #[doc(hidden)]
    #[inline]
    pub fn append(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.tail(0);
        let before = tail.len();
        append(tail);
        let n = tail.len() - before;
        self.appended(n);
    }

    /// Where the newest bytes are. The caller adds about `additional` bytes, and tells [`appended`](Self::appended) their number.
    #[inline]
    pub(crate) fn tail(&mut self, additional: usize) -> &mut Vec<u8> {
        if self.start >= COMPACT {
            self.compact(additional);
        }
        &mut self.tail
    }

    fn compact(&mut self, additional: usize) {
        let (len, start) = (self.tail.len(), self.start);
        let grows = self.tail.capacity() - len < additional;
        if start * 2 >= len || grows && start * 8 >= len {
            self.tail.drain(..start);
            self.start = 0;
        }
    }

    #[inline]
    pub(crate) fn appended(&mut self, n: usize) {
        self.waiting += n;
    }

    /// Queues a buffer without copying it. For the machine itself.
    #[doc(hidden)]
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.freeze_tail();
        self.waiting += bytes.len();
        self.segments.push_back(bytes);
    }

    /// Queues a few bytes that go before a buffer which is pushed next. Where no other small ones wait, they do not begin the
    /// tail, whose memory would go away with them.
    pub(crate) fn push_copied(&mut self, bytes: &[u8]) {
        if self.tail.is_empty() {
            self.push(Bytes::copy_from_slice(bytes));
        } else {
            self.append(|tail| tail.extend_from_slice(bytes));
        }
    }

    /// A copy of the bytes between two positions, none of which has left the machine.
    pub(crate) fn copy(&self, begin: u64, end: u64) -> Vec<u8> {
        let chunks = self.segments.iter().map(|segment| &segment[..]).chain([&self.tail[self.start..]]);
        let mut position = self.begun();
        let mut copy = Vec::new();
        for chunk in chunks {
            // Within the chunk, so that both fit.
            let at = |of: u64| of.saturating_sub(position).min(chunk.len() as u64) as usize;
            copy.extend_from_slice(&chunk[at(begin)..at(end)]);
            position += chunk.len() as u64;
        }
        copy
    }

    /// Drops all bytes from `position` on. Bytes in flight cannot be dropped.
    pub(crate) fn truncate(&mut self, position: u64) {
        let mut excess = usize::try_from(self.end().saturating_sub(position)).unwrap_or(usize::MAX);
        excess = excess.min(self.waiting);
        self.lost |= excess > 0;
        self.waiting -= excess;
        let from_tail = excess.min(self.tail.len() - self.start);
        self.tail.truncate(self.tail.len() - from_tail);
        if self.start == self.tail.len() {
            self.tail.clear();
            self.start = 0;
        }
        excess -= from_tail;
        while let Some(last) = self.segments.back_mut().filter(|_| excess > 0) {
            let n = last.len().min(excess);
            last.truncate(last.len() - n);
            excess -= n;
            if last.is_empty() {
                self.segments.pop_back();
            }
        }
    }

    /// The transport took the `n` oldest bytes. What was in flight when all was [cleared](Self::clear) counts no more.
    /// For the machine itself, in its [`handle_write`](crate::Machine::handle_write).
    #[doc(hidden)]
    #[inline]
    pub fn acknowledge(&mut self, n: usize) {
        // In most cases the transport takes all that waits, and that lies in one chunk.
        if n == self.waiting && self.in_flight == 0 && self.segments.is_empty() {
            self.written += n as u64;
            self.waiting = 0;
            self.tail.clear();
            self.start = 0;
            return;
        }
        self.acknowledge_piecemeal(n);
    }

    fn acknowledge_piecemeal(&mut self, n: usize) {
        let n = n.min(self.len());
        self.written += n as u64;
        let from_flight = n.min(self.in_flight);
        self.in_flight -= from_flight;
        self.consume(n - from_flight);
    }

    /// Something was dropped that would have become a part of it, as if it had been dropped here. For the machine itself.
    #[doc(hidden)]
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Drops what waits, for a transport that takes nothing any more. For the machine itself, in its
    /// [`handle_error`](crate::Machine::handle_error).
    #[doc(hidden)]
    pub fn clear(&mut self) {
        self.lost |= !self.is_empty();
        self.in_flight = 0;
        self.waiting = 0;
        self.release();
    }

    #[inline]
    fn consume(&mut self, mut n: usize) {
        self.waiting -= n;
        while let Some(first) = self.segments.front_mut() {
            if first.len() > n {
                first.advance(n);
                return;
            }
            n -= first.len();
            self.segments.pop_front();
        }
        self.start += n;
        if self.start == self.tail.len() {
            self.tail.clear();
            self.start = 0;
        }
    }

    fn freeze_tail(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut bytes = Bytes::from(core::mem::take(&mut self.tail));
        bytes.advance(core::mem::take(&mut self.start));
        self.segments.push_back(bytes);
    }
}

impl Buf for Outbound {
    #[inline]
    fn remaining(&self) -> usize {
        self.waiting
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.segments.front().map_or(&self.tail[self.start..], |first| first)
    }

    /// Takes the `n` oldest bytes out; they are in flight from then on.
    fn advance(&mut self, n: usize) {
        self.consume(n);
        self.in_flight += n;
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let tail = &self.tail[self.start..];
        let chunks = self.segments.iter().map(|segment| &segment[..]);
        let chunks = chunks.chain((!tail.is_empty()).then_some(tail));
        slices.iter_mut().zip(chunks).map(|(slice, chunk)| *slice = std::io::IoSlice::new(chunk)).count()
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("waiting", &self.waiting)
            .field("in_flight", &self.in_flight)
            .field("written", &self.written)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}
