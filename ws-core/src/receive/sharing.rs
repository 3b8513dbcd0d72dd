//! Payloads that share the read buffer.
//!
//! A payload that is split off keeps the whole buffer alive. Therefore:
//!
//! - A buffer for a large message is made here, just large enough for it. Smaller messages behind it do not share that buffer.
//! - A message that waits in a queue shares no other buffer. It keeps at most twice its size alive.
//! - A message that is handed out may share the buffer that the driver has made. The driver chooses the size.

use bytes::{Buf, Bytes, BytesMut};

use super::Receive;

/// Size of a payload, in bytes, from which on a buffer is made for it.
pub(super) const LARGE: usize = 64 * 1024;

/// Size of a read that fits behind a message in a buffer that is made for it, in bytes. The read buffers of the drivers of this library
/// have no more, so that none of them lets this buffer grow, over TLS neither.
pub(super) const READ: usize = 128 * 1024;

/// The buffer that was made for a large message. It is recognised by its end.
#[derive(Clone, Copy, Default)]
pub(super) struct LargeBuffer {
    /// The low bits of the address behind it.
    end: u32,
    /// Its size in KiB, rounded up; 0 if there is none.
    kib: u32,
}

impl LargeBuffer {
    fn new(buffer: &BytesMut) -> Self {
        let kib = buffer.capacity().div_ceil(1024).try_into().unwrap_or(u32::MAX);
        Self { end: end(buffer), kib }
    }

    /// The size of this buffer in bytes, if `buffer` is a part of it.
    fn size(self, buffer: &BytesMut) -> Option<usize> {
        (self.kib > 0 && self.end == end(buffer)).then(|| (self.kib as usize).saturating_mul(1024))
    }
}

fn end(buffer: &BytesMut) -> u32 {
    (buffer.as_ptr() as usize).wrapping_add(buffer.capacity()) as u32
}

/// Makes room for `additional` bytes at the end of a buffer.
pub(super) fn make_small_room(inbound: &mut BytesMut, additional: usize) {
    if !inbound.try_reclaim(additional) {
        move_to_larger(inbound, additional);
    }
}

/// A buffer that grows by itself would double its size, and keep the messages that lay before its bytes.
fn move_to_larger(inbound: &mut BytesMut, additional: usize) {
    let mut larger = BytesMut::with_capacity(inbound.len().saturating_add(additional));
    larger.extend_from_slice(inbound);
    *inbound = larger;
}

fn copy_out(inbound: &mut BytesMut, n: usize) -> Bytes {
    let payload = Bytes::copy_from_slice(&inbound[..n]);
    inbound.advance(n);
    payload
}

impl Receive {
    /// Makes room for `left` more bytes of a large message that begins the buffer.
    pub(super) fn make_room(&mut self, inbound: &mut BytesMut, left: usize) {
        let additional = left.saturating_add(READ);
        if inbound.try_reclaim(additional) {
            return;
        }
        move_to_larger(inbound, additional);
        self.large = LargeBuffer::new(inbound);
    }

    /// Takes the first `n` bytes out of the buffer for a payload that is handed out.
    #[inline(always)]
    pub(super) fn split(&mut self, inbound: &mut BytesMut, n: usize) -> Bytes {
        if self.large.kib > 0
            && let Some(payload) = self.leave_large_buffer(inbound, n)
        {
            return payload;
        }
        inbound.split_to(n).freeze()
    }

    /// Moves the content of the large buffer to another one, if a payload of `n` bytes is too short to keep it alive. All of it is moved,
    /// since many short messages may follow. As long as that is more than a read buffer holds, the payload alone is copied.
    #[cold]
    #[inline(never)]
    fn leave_large_buffer(&mut self, inbound: &mut BytesMut, n: usize) -> Option<Bytes> {
        match self.large.size(inbound) {
            Some(size) if size <= n.saturating_mul(2) => return None,
            Some(_) if inbound.len() > READ.max(n) => return Some(copy_out(inbound, n)),
            Some(_) => *inbound = BytesMut::from(&inbound[..]),
            // The driver has left it.
            None => {}
        }
        self.large = LargeBuffer::default();
        None
    }

    /// Takes the first `n` bytes out of the buffer for a payload that waits in a queue.
    pub(super) fn split_kept(&mut self, inbound: &mut BytesMut, n: usize) -> Bytes {
        if self.large.size(inbound).is_some_and(|size| size <= n.saturating_mul(2)) {
            return inbound.split_to(n).freeze();
        }
        copy_out(inbound, n)
    }
}
