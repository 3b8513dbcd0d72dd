//! The buffers that the idle connections of a thread have in common: those that a driver reads to, and those of machines within
//! TLS.
//!
//! A connection that waits holds none of its own. It would have to allocate them for every message of a live feed, and free
//! them again, which costs more than all the rest of a small message; and large ones would go back to the system each time.

use std::cell::RefCell;

use ws_core::Outbound;
use ws_core::bytes::BytesMut;

/// So many of either kind are kept: a connection over TLS has one for ciphertext and one for plaintext.
const COUNT: usize = 2;

/// None of them is larger.
const LIMIT: usize = 128 * 1024;

thread_local! {
    static READ: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static WRITE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Takes one of the thread's buffers for one that has no memory, if it is not much more than the `size` that is to be read: a
/// message that is kept keeps the whole buffer that it was read to.
pub fn take_into(buffer: &mut BytesMut, size: usize) {
    if buffer.capacity() > 0 {
        return;
    }
    // A thread that ends has none.
    let pooled = READ.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
    if let Some(pooled) = pooled.filter(|pooled| pooled.capacity() <= 2 * size) {
        *buffer = pooled;
    }
}

/// Keeps the memory of an empty buffer for the next one that reads at least `size` bytes, unless messages still lie in it.
pub fn put_back(buffer: &mut BytesMut, size: usize) {
    let mut buffer = std::mem::take(buffer);
    if buffer.try_reclaim(size) && buffer.capacity() <= LIMIT {
        let _ = READ.try_with(|kept| keep(&mut kept.borrow_mut(), buffer));
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
        let _ = WRITE.try_with(|kept| keep(&mut kept.borrow_mut(), pooled));
    }
}

/// Gives back to the system what this thread keeps, for one that waits for a single connection.
pub fn release() {
    let _ = READ.try_with(RefCell::take);
    let _ = WRITE.try_with(RefCell::take);
}

fn keep<T>(kept: &mut Vec<T>, pooled: T) {
    if kept.len() < COUNT {
        kept.push(pooled);
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(buffer.capacity(), 0, "{message:?} is still there");
    }

    #[test]
    fn who_reads_little_gets_no_large_buffer() {
        let mut buffer = BytesMut::with_capacity(201);
        put_back(&mut buffer, 100);
        take_into(&mut buffer, 100);
        assert_eq!(buffer.capacity(), 0);

        let mut buffer = BytesMut::with_capacity(LIMIT + 1);
        put_back(&mut buffer, LIMIT);
        take_into(&mut buffer, LIMIT);
        assert_eq!(buffer.capacity(), 0);
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
            take_into(&mut buffer, 100);
            buffer
        };
        let capacities = [borrowed(), borrowed(), borrowed()].map(|buffer| buffer.capacity());
        assert_eq!(capacities, [100, 100, 0]);
    }

    #[test]
    fn a_thread_can_be_left_without_any() {
        put_back(&mut BytesMut::with_capacity(100), 100);
        let mut outbound = Outbound::default();
        outbound.adopt_buffer(Vec::with_capacity(100));
        put_back_outbound(&mut outbound);

        release();
        let mut buffer = BytesMut::new();
        take_into(&mut buffer, 100);
        take_into_outbound(&mut outbound);
        assert!(buffer.capacity() == 0 && !outbound.has_memory());
    }
}
