//! The wish of a listener for a connection, and the work of the background thread.

use ws_common::{duplex::Duplex, system::shutdown::Stopping};

use super::SharedConnection;
use crate::background::{self, Remaining, WriteInBackground};
use crate::driver::DriverState;
use crate::signal::Nudge;
use crate::transport::Transport;

impl<S: Transport> SharedConnection<S> {
    #[inline]
    pub(super) fn wish(&self) -> Option<Stopping> {
        self.signal.as_ref().and_then(|signal| signal.wish())
    }

    /// Does as the listener wishes.
    #[inline]
    pub(super) fn obey(&self, state: &mut DriverState<Duplex>) {
        if let Some(stopping) = self.wish() {
            stopping.apply(state.machine.connection(), self.driver.now());
        }
    }

    /// The same at once, and writes as much as the transport takes. `false` if another thread has the lock.
    fn obey_now(&self) -> bool {
        let Some(mut state) = self.driver.try_lock() else { return false };
        self.obey(&mut state);
        state.changed();
        self.driver.leave(self.driver.write_urgent(state));
        true
    }
}

impl<S: Transport> WriteInBackground for SharedConnection<S> {
    fn write_in_background(&self) -> Remaining {
        if self.wish().is_some() && !self.obey_now() {
            return Remaining::Stuck;
        }
        self.driver.write_in_background(|_| ())
    }
}

impl<S: Transport> Nudge for SharedConnection<S> {
    fn nudge(&self) {
        if self.wish() == Some(Stopping::Abort) {
            // Even behind a thread that has the lock: nothing leaves any more. Reads and writes under way come back.
            self.end(true);
        }
        if !self.obey_now() {
            // The thread that has the lock may need it for long. It looks at the wish when it goes on; if it leaves, the
            // background thread does.
            background::call(self.me.clone());
        }
    }
}
