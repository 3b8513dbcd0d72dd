//! The executor of smol.

/// Runs `future` to its end.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    smol::spawn(future).detach();
}
