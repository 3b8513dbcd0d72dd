//! A client in a task of its own.

use ws_common::session::ClientEvent;

use super::{Client, Handle};
use crate::runtime::Spawn;

impl<R: Spawn> Client<R> {
    /// Runs the client in a task of its own. Gives a handle, and the client again, for its events.
    pub fn spawn(self) -> (Handle<R>, Self) {
        if let Some(driving) = self.access.drive() {
            R::spawn(driving);
        }
        (self.handle(), self)
    }

    /// Runs the client in a task of its own, which calls `on_event` with each event.
    pub fn spawn_with(mut self, mut on_event: impl FnMut(ClientEvent) + Send + 'static) -> Handle<R> {
        let handle = self.handle();
        // Other handles may be left, and nobody would drive for them.
        let aborting = AbortOnPanic(self.handle());
        R::spawn(async move {
            let _aborting = aborting;
            while let Some(event) = self.next_event().await {
                on_event(event);
            }
        });
        handle
    }
}

/// Ends the client if the closure of the user panics.
struct AbortOnPanic<R: Spawn>(Handle<R>);

impl<R: Spawn> Drop for AbortOnPanic<R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abort();
        }
    }
}
