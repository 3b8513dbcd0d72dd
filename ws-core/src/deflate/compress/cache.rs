//! A compressor that stays with the thread.
//!
//! Without context takeover, any compressor will do for the next message of any connection. To make one takes much longer than to
//! compress a small message: it is 380 kB, which some allocators fetch from the operating system each time.

#[cfg_attr(not(feature = "std"), path = "cache/disabled.rs")]
mod thread;

/// A compressor, and what it was made for.
pub(super) struct CachedCompressor {
    level: u8,
    bits: u8,
    pub(super) deflate: zlib_rs::Deflate,
}

impl CachedCompressor {
    pub(super) fn new(level: u8, bits: u8) -> Self {
        // A window of 8 bits is one of 9 that is not used to its end: zlib's matches stay 262 bytes below the size of the
        // window, which is 250 bytes back.
        Self { level, bits, deflate: zlib_rs::Deflate::new(i32::from(level), false, bits.clamp(9, 15)) }
    }

    /// One that knows no message, such as the last one that was given back.
    pub(super) fn take(level: u8, bits: u8) -> Self {
        if let Some(mut cached) = thread::take()
            && (cached.level, cached.bits) == (level, bits)
        {
            cached.deflate.reset();
            return cached;
        }
        Self::new(level, bits)
    }

    /// It is not needed any more.
    pub(super) fn give_back(self) {
        thread::put(self);
    }
}
