//! How a listener reaches a connection that it accepted.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ws_client::Stop;

/// Stands in the listener's register from the first byte of the handshake on.
#[derive(Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Default)]
struct State {
    wanted: Option<Stopping>,
    /// Once it is open. Invariant: the register does not keep it from being dropped.
    connection: Option<Weak<dyn Stop>>,
}

/// What the listener wants.
#[derive(Clone, Copy)]
enum Stopping {
    Close,
    Abort,
}

impl Signal {
    /// The connection is open; the listener may have wanted something before.
    pub(crate) fn connect(&self, connection: &Arc<impl Stop + 'static>) {
        let wanted = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let connection: Arc<dyn Stop> = connection.clone();
            state.connection = Some(Arc::downgrade(&connection));
            state.wanted
        };
        if let Some(stopping) = wanted {
            stopping.apply(&**connection);
        }
    }

    fn set(&self, stopping: Stopping) {
        let connection = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.wanted = Some(stopping);
            state.connection.as_ref().and_then(Weak::upgrade)
        };
        if let Some(connection) = connection {
            stopping.apply(&*connection);
        }
    }
}

impl Stopping {
    fn apply(self, connection: &dyn Stop) {
        match self {
            Self::Close => connection.close(),
            Self::Abort => connection.abort(),
        }
    }
}

impl Stop for Signal {
    fn close(&self) {
        self.set(Stopping::Close);
    }

    fn abort(&self) {
        self.set(Stopping::Abort);
    }
}
