//! A build without threads, in which no compressor is kept.

use super::CachedCompressor;

pub(super) fn take() -> Option<CachedCompressor> {
    None
}

pub(super) fn put(_compressor: CachedCompressor) {}
