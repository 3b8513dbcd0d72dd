//! The executor of async-std.

/// Runs `future` to its end.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    async_std::task::spawn(future);
}
