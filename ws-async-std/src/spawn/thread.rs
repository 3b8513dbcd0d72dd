//! No executor: a thread for each future.

use std::thread;

/// Runs `future` to its end.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    thread::spawn(move || async_io::block_on(future));
}
