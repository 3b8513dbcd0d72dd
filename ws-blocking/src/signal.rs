//! How a listener reaches a connection that it accepted.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ws_client::{Stop, Stopping};

/// Stands in the listener's register from the first byte of the handshake on.
#[derive(Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Default)]
struct State {
    wanted: Option<Stopping>,
    /// Once it is open. Invariant: the register does not keep it from being dropped.
    connection: Option<Weak<dyn Stoppable>>,
}

/// A connection that does what its listener wants.
pub(crate) trait Stoppable: Send + Sync {
    fn stop(&self, stopping: Stopping);
}

impl Signal {
    /// The connection is open; the listener may have wanted something before.
    pub(crate) fn connect(&self, connection: &Arc<impl Stoppable + 'static>) {
        let wanted = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let connection: Arc<dyn Stoppable> = connection.clone();
            state.connection = Some(Arc::downgrade(&connection));
            state.wanted
        };
        if let Some(stopping) = wanted {
            connection.stop(stopping);
        }
    }
}

impl Stop for Signal {
    fn request(&self, stopping: Stopping) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.wanted = state.wanted.max(Some(stopping));
    }

    fn nudge(&self) {
        let (wanted, connection) = {
            let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (state.wanted, state.connection.as_ref().and_then(Weak::upgrade))
        };
        if let (Some(stopping), Some(connection)) = (wanted, connection) {
            connection.stop(stopping);
        }
    }
}
