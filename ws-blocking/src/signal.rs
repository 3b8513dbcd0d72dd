//! How a listener reaches a connection that it accepted.

use std::net::Shutdown;
use std::sync::Weak;

use ws_common::sync::atomic::{AtomicU8, Ordering};
use ws_common::sync::{Mutex, lock};
use ws_common::system::shutdown::{Stop, Stopping};

use crate::transport::Transport;

/// Stands in the listener's register from the first byte of the handshake on.
///
/// The wish is set without a lock and at once. The thread that drives the connection looks at it at every turn.
#[derive(Default)]
pub(crate) struct Signal {
    wish: AtomicU8,
    target: Mutex<StopTarget>,
}

/// The receiver of a nudge. Invariant: the register does not keep it from being dropped.
#[derive(Default)]
enum StopTarget {
    /// Nobody yet.
    #[default]
    None,
    /// A thread that waits for the request.
    Handshake(Weak<dyn Transport>),
    Connection(Weak<dyn Nudge>),
}

/// An open connection that does as its signal says.
pub(crate) trait Nudge: Send + Sync {
    /// Looks at the signal soon. It does not wait.
    fn nudge(&self);
}

const CLOSE: u8 = 1;
const ABORT: u8 = 2;

impl Signal {
    /// The listener's wish, if it has one.
    #[inline]
    pub(crate) fn wish(&self) -> Option<Stopping> {
        match self.wish.load(Ordering::SeqCst) {
            0 => None,
            CLOSE => Some(Stopping::Close),
            _ => Some(Stopping::Abort),
        }
    }

    /// A thread waits for the request on this transport.
    pub(crate) fn begin(&self, transport: Weak<dyn Transport>) {
        *lock(&self.target) = StopTarget::Handshake(transport);
    }

    /// The connection is open, unless the listener has wanted something before.
    pub(crate) fn open(&self, connection: Weak<dyn Nudge>) -> Result<(), Stopping> {
        let mut target = lock(&self.target);
        *target = StopTarget::None;
        match self.wish() {
            Some(stopping) => Err(stopping),
            None => {
                *target = StopTarget::Connection(connection);
                Ok(())
            }
        }
    }
}

impl Stop for Signal {
    fn request(&self, stopping: Stopping) {
        let wish = match stopping {
            Stopping::Close => CLOSE,
            Stopping::Abort => ABORT,
        };
        self.wish.fetch_max(wish, Ordering::SeqCst);
    }

    fn nudge(&self) {
        let target = lock(&self.target);
        let connection = match &*target {
            StopTarget::None => return,
            StopTarget::Handshake(transport) => {
                // Under the lock: once the connection is open, it is not to lose its transport. Its read comes back.
                let how = if self.wish() == Some(Stopping::Abort) { Shutdown::Both } else { Shutdown::Read };
                if let Some(transport) = transport.upgrade() {
                    // A peer that is gone needs no shutdown.
                    let _ = transport.shutdown(how);
                }
                return;
            }
            StopTarget::Connection(connection) => connection.upgrade(),
        };
        drop(target);
        if let Some(connection) = connection {
            connection.nudge();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_wish_that_comes_before_the_connection_is_open_is_kept_and_only_grows() {
        let signal = Signal::default();
        assert_eq!(signal.wish(), None);
        signal.request(Stopping::Close);
        assert_eq!(signal.wish(), Some(Stopping::Close));
        signal.request(Stopping::Abort);
        signal.request(Stopping::Close);
        assert_eq!(signal.wish(), Some(Stopping::Abort));
        struct Nobody;
        impl Nudge for Nobody {
            fn nudge(&self) {}
        }
        let connection: Arc<dyn Nudge> = Arc::new(Nobody);
        assert_eq!(signal.open(Arc::downgrade(&connection)), Err(Stopping::Abort));
    }
}
