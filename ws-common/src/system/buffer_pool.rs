//! The buffers that the idle connections of a thread have in common: those that a driver reads to, and those of machines within
//! TLS.
//!
//! A connection that waits holds none of them. It would have to allocate them for every message of a live feed, and free
//! them again, which costs more than all the rest of a small message; and large ones would go back to the system each time. The
//! few bytes of a frame or of a head that has not come whole wait in a buffer of their own size.

use std::cell::RefCell;

use ws_core::Outbound;
use ws_core::bytes::BytesMut;

/// So many of either kind are kept: a connection over TLS has one for ciphertext and one for plaintext.
const COUNT: usize = 2;

/// None of them is larger.
const LIMIT: usize = 128 * 1024;

/// Number of bytes up to which the bytes that are left go from one buffer to another.
const FEW: usize = 16 * 1024;

/// Room behind the bytes that are left, from which on a machine may have made it for the rest of a large message. It has done so
/// from 8 KiB on, for at most eight times the bytes that have come.
const ROOM: usize = 16 * 1024;

thread_local! {
    static READ: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static WRITE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for a read, so that the buffer holds `size` bytes in all, or half of that more than it has. If it has no room itself, it
/// becomes one of the thread's buffers, if that is not much larger than `size`: a message that is kept keeps the whole buffer that
/// it was read to.
#[inline]
pub fn take_into(buffer: &mut BytesMut, size: usize) {
    // So it is between the messages of a live feed. Such a buffer has nothing to reclaim, and no bytes to move.
    if buffer.capacity() == 0 {
        return take_pooled(buffer, size, size);
    }
    let len = buffer.len();
    let room = size.saturating_sub(len).max(size / 2);
    if buffer.capacity() - len < room && !buffer.try_reclaim(room) {
        move_to_larger(buffer, room, size);
    }
}

/// Replaces a buffer without memory: by one of the thread's buffers, if that has the capacity and is not much larger than `size`, or else
/// by a new one.
// A buffer that is returned by value is moved several times: a live feed costs 4 % more then (`bench`, small-reads).
#[inline(never)]
fn take_pooled(buffer: &mut BytesMut, capacity: usize, size: usize) {
    let _ = READ.try_with(|kept| {
        if let Some(pooled) = kept.borrow_mut().pop() {
            *buffer = pooled;
        }
    });
    if buffer.capacity() < capacity || buffer.capacity() > 2 * size {
        *buffer = BytesMut::with_capacity(capacity);
    }
}

/// Moves the bytes of a buffer to one with that room behind them.
#[inline(never)]
fn move_to_larger(buffer: &mut BytesMut, room: usize, size: usize) {
    let len = buffer.len();
    // Many bytes double their buffer, so that they are seldom moved. A buffer that grew by itself would double that of its parts, too.
    let capacity = len + if len > FEW { room.max(len) } else { room };
    let mut larger = BytesMut::new();
    if len > FEW {
        larger = BytesMut::with_capacity(capacity);
    } else {
        take_pooled(&mut larger, capacity, size);
    }
    larger.extend_from_slice(buffer);
    *buffer = larger;
}

/// Keeps the memory of a buffer for the next one that reads at least `size` bytes, unless messages still lie in it. A few bytes that
/// are left in it go to a buffer of their own size.
#[inline]
pub fn put_back(buffer: &mut BytesMut, size: usize) {
    let len = buffer.len();
    if len == 0 {
        keep_read(buffer, size);
    } else if len <= FEW && (len < FEW / 2 || buffer.capacity() - len < ROOM) {
        compact(buffer, size);
    }
}

/// The same for all bytes that are left.
#[inline(never)]
pub(crate) fn compact(buffer: &mut BytesMut, size: usize) {
    let left = BytesMut::from(&buffer[..]);
    buffer.clear();
    keep_read(buffer, size);
    *buffer = left;
}

/// Leaves the buffer without memory.
#[inline(never)]
fn keep_read(buffer: &mut BytesMut, size: usize) {
    let is_kept = buffer.try_reclaim(size)
        && buffer.capacity() <= LIMIT
        && READ.try_with(|kept| keep(&mut kept.borrow_mut(), || std::mem::take(buffer))) == Ok(true);
    if !is_kept {
        *buffer = BytesMut::new();
    }
}

/// The same as [`take_into`] for what is to be written in answer to what was read.
pub fn take_into_outbound(outbound: &mut Outbound) {
    if !outbound.has_memory() {
        let pooled = WRITE.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        outbound.adopt_buffer(pooled.unwrap_or_default());
    }
}

/// Keeps the memory of what was written, if nothing waits.
pub fn put_back_outbound(outbound: &mut Outbound) {
    let pooled = outbound.take_buffer();
    if (1..=LIMIT).contains(&pooled.capacity()) {
        let _ = WRITE.try_with(|kept| keep(&mut kept.borrow_mut(), || pooled));
    }
}

/// Gives back to the system what this thread keeps, for one that waits for a single connection.
pub fn release() {
    let _ = READ.try_with(RefCell::take);
    let _ = WRITE.try_with(RefCell::take);
}

/// Takes one more, and returns true, if there is a place for it.
fn keep<T>(kept: &mut Vec<T>, take: impl FnOnce() -> T) -> bool {
    let has_place = kept.len() < COUNT;
    if has_place {
        kept.push(take());
    }
    has_place
}

#[cfg(test)]
mod tests {
    use ws_core::bytes::Buf;

    use super::*;

    #[test]
    fn a_buffer_is_kept_unless_something_lies_in_it() {
        let mut buffer = BytesMut::with_capacity(100);
        buffer.extend_from_slice(b"message");
        let place = buffer.as_ptr();
        drop(buffer.split());
        put_back(&mut buffer, 100);
        assert_eq!(buffer.capacity(), 0);
        take_into(&mut buffer, 100);
        assert_eq!((buffer.as_ptr(), buffer.capacity()), (place, 100));

        buffer.extend_from_slice(b"message");
        let message = buffer.split();
        put_back(&mut buffer, 100);
        take_into(&mut buffer, 100);
        assert_ne!(buffer.as_ptr(), place, "{message:?} is still there");
    }

    #[test]
    fn a_few_bytes_that_are_left_wait_in_a_buffer_of_their_own() {
        let mut buffer = BytesMut::new();
        take_into(&mut buffer, 1000);
        let place = buffer.as_ptr();
        buffer.extend_from_slice(&[7; 800]);
        buffer.advance(795);
        put_back(&mut buffer, 1000);
        assert_eq!((&buffer[..], buffer.capacity()), (&[7; 5][..], 5));

        take_into(&mut buffer, 1000);
        assert_eq!((&buffer[..], buffer.as_ptr(), buffer.capacity()), (&[7; 5][..], place, 1000));
    }

    #[test]
    fn bytes_that_are_left_of_many_go_to_a_buffer_of_their_own_unless_the_machine_has_made_room() {
        for (len, capacity, expected) in [
            (FEW / 2 - 1, LIMIT, FEW / 2 - 1),
            (FEW / 2, LIMIT, LIMIT),
            (FEW / 2, FEW, FEW / 2),
            (FEW, 2 * FEW - 1, FEW),
            (FEW + 1, FEW + 1, FEW + 1),
        ] {
            let mut buffer = BytesMut::with_capacity(capacity);
            buffer.resize(len, 7);
            put_back(&mut buffer, FEW);
            assert_eq!((buffer.len(), buffer.capacity()), (len, expected));
        }
    }

    #[test]
    fn a_buffer_with_room_is_read_to_as_it_is() {
        let mut buffer = BytesMut::with_capacity(1000);
        let place = buffer.as_ptr();
        buffer.resize(1000, 7);
        buffer.advance(990);
        take_into(&mut buffer, 1000);
        assert_eq!((&buffer[..], buffer.as_ptr(), buffer.capacity()), (&[7; 10][..], place, 1000));
    }

    #[test]
    fn who_reads_little_gets_no_large_buffer() {
        let mut buffer = BytesMut::with_capacity(201);
        put_back(&mut buffer, 100);
        take_into(&mut buffer, 100);
        assert_eq!(buffer.capacity(), 100);

        let mut buffer = BytesMut::with_capacity(LIMIT + 1);
        put_back(&mut buffer, LIMIT);
        take_into(&mut buffer, LIMIT);
        assert_eq!(buffer.capacity(), LIMIT);
    }

    #[test]
    fn what_was_written_leaves_its_memory_to_the_next() {
        let mut outbound = Outbound::default();
        outbound.append(|tail| tail.extend_from_slice(b"message"));
        put_back_outbound(&mut outbound);
        assert!(outbound.has_memory(), "something waits in it");

        outbound.acknowledge(7);
        put_back_outbound(&mut outbound);
        assert!(!outbound.has_memory());

        let mut next = Outbound::default();
        take_into_outbound(&mut next);
        assert!(next.has_memory() && next.is_empty());
    }

    #[test]
    fn no_more_are_kept_than_one_connection_over_tls_has() {
        for _ in 0..=COUNT {
            put_back(&mut BytesMut::with_capacity(100), 100);
        }
        let borrowed = || {
            let mut buffer = BytesMut::new();
            // Less than the buffers have that are kept.
            take_into(&mut buffer, 60);
            buffer
        };
        let capacities = [borrowed(), borrowed(), borrowed()].map(|buffer| buffer.capacity());
        assert_eq!(capacities, [100, 100, 60]);
    }

    #[test]
    fn a_thread_can_be_left_without_any() {
        put_back(&mut BytesMut::with_capacity(100), 100);
        let mut outbound = Outbound::default();
        outbound.adopt_buffer(Vec::with_capacity(100));
        put_back_outbound(&mut outbound);

        release();
        let mut buffer = BytesMut::new();
        take_into(&mut buffer, 60);
        take_into_outbound(&mut outbound);
        assert!(buffer.capacity() == 60 && !outbound.has_memory());
    }
}
