//! A connection that is taken apart.

use std::sync::Arc;

use ws_common::Parts;
use ws_common::sync::thread;
use ws_common::system::shutdown::Stopping;

use super::SharedConnection;
use crate::transport::Transport;

impl<S: Transport> SharedConnection<S> {
    /// The transport, unless it was reset, and the bytes that the connection holds. The caller has the only handle of the user.
    pub(crate) fn into_parts(connection: Arc<Self>) -> Option<Parts<S>> {
        let connection = alone(connection);
        let is_aborted = connection.wish() == Some(Stopping::Abort);
        let (transport, duplex, pending) = connection.driver.into_parts();
        if is_aborted || duplex.must_reset() {
            transport.reset();
            return None;
        }
        Some(duplex.into_parts(alone(transport), pending))
    }
}

/// The value itself. Besides the caller, only the background thread and a listener that stops refer to it, each during a call that does
/// not wait.
fn alone<T>(mut shared: Arc<T>) -> T {
    loop {
        match Arc::try_unwrap(shared) {
            Ok(value) => return value,
            Err(other) => shared = other,
        }
        thread::yield_now();
    }
}
