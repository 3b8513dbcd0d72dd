//! The limit on the ratio of a message to its compressed payload.
//!
//! The limit must not depend on how the payload was split into reads. An inflater may take bytes before it has given all that those
//! before them make. So the payload goes to the inflater one unit at a time, and all that a unit makes comes out before the next one.
//! The units that have begun are then the same for each byte that comes out, however the payload comes in.

use core::num::NonZero;

/// The counts of one message.
pub(super) struct Ratio {
    max: NonZero<u32>,
    /// Bytes of the payload that the inflater has taken, and bytes that it has made of them.
    used: u64,
    made: u64,
    is_exceeded: bool,
}

impl Ratio {
    /// Bytes of the payload that are counted at a time.
    const UNIT: u64 = 1024;

    /// Size of a message up to which its ratio does not count, in bytes.
    const FREE: u64 = 64 * 1024;

    pub(super) fn new(max: NonZero<u32>) -> Self {
        Self { max, used: 0, made: 0, is_exceeded: false }
    }

    /// The limit, if the message has exceeded it.
    pub(super) fn exceeded(&self) -> Option<NonZero<u32>> {
        self.is_exceeded.then_some(self.max)
    }

    /// Number of the next `len` bytes of the payload that may go to the inflater. `is_drained` says that it has given all that it can.
    pub(super) fn feed(&self, len: usize, is_drained: bool) -> usize {
        let within = self.used % Self::UNIT;
        if within == 0 && !is_drained { 0 } else { len.min((Self::UNIT - within) as usize) }
    }

    /// Number of bytes that `fed` further bytes of the payload may make, without the first that is too many.
    pub(super) fn room(&self, fed: usize) -> usize {
        let units = (self.used + fed as u64).div_ceil(Self::UNIT);
        let limit = (units * Self::UNIT).saturating_mul(self.max.get().into()).max(Self::FREE);
        usize::try_from(limit.saturating_sub(self.made)).unwrap_or(usize::MAX)
    }

    /// The inflater has taken `used` bytes of the payload and made `made` of them, where `room` were allowed. Returns the number of
    /// bytes that fit.
    pub(super) fn count(&mut self, used: usize, made: usize, room: usize) -> usize {
        self.used += used as u64;
        self.made += made as u64;
        self.is_exceeded = made > room;
        made.min(room)
    }

    /// The message has ended.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.max);
    }
}
