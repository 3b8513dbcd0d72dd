//! What a listener wishes of a connection, and what the background thread does for it.

use ws_common::{duplex::Duplex, system::shutdown::Stopping};

use super::Shared;
use crate::behind::{self, Behind, Left};
use crate::signal::Nudge;
use crate::state::State;
use crate::transport::Transport;

impl<S: Transport> Shared<S> {
    #[inline]
    fn wish(&self) -> Option<Stopping> {
        self.signal.as_ref().and_then(|signal| signal.wish())
    }

    /// Does as the listener wishes.
    #[inline]
    pub(super) fn obey(&self, state: &mut State<Duplex>) {
        if let Some(stopping) = self.wish() {
            stopping.apply(state.machine.connection(), self.driver.now());
        }
    }

    /// The same at once, and writes what the transport takes. `false` if another thread has the lock.
    fn obey_now(&self) -> bool {
        let Some(mut state) = self.driver.try_lock() else { return false };
        self.obey(&mut state);
        state.changes += 1;
        self.driver.leave(self.driver.write_urgent(state));
        true
    }
}

impl<S: Transport> Behind for Shared<S> {
    fn write_left(&self) -> Left {
        if self.wish().is_some() && !self.obey_now() {
            return Left::Stuck;
        }
        self.driver.write_left(|_| ())
    }
}

impl<S: Transport> Nudge for Shared<S> {
    fn nudge(&self) {
        if self.wish() == Some(Stopping::Abort) {
            // Even behind a thread that has the lock: nothing leaves any more. Reads and writes under way come back.
            self.end(true);
        }
        if !self.obey_now() {
            // Whoever has the lock may need it for long. It looks at the wish when it goes on; if it leaves, the background
            // thread does.
            behind::call(self.me.clone());
        }
    }
}
