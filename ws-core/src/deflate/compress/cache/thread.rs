//! The compressor that a thread keeps.

use core::cell::Cell;

use super::CachedCompressor;

std::thread_local! {
    static CACHE: Cell<Option<CachedCompressor>> = const { Cell::new(None) };
}

pub(super) fn take() -> Option<CachedCompressor> {
    CACHE.try_with(Cell::take).ok().flatten()
}

pub(super) fn put(compressor: CachedCompressor) {
    // At the end of a thread there is no place for it any more.
    let _ = CACHE.try_with(|cached| cached.set(Some(compressor)));
}
