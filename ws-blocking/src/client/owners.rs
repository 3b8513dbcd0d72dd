//! The life of a client in the background.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use ws_common::session::Session;

use super::shared::SharedClient;

/// Dropped with the last of a client and its handles. The thread in the background does not count.
#[derive(Default)]
pub(super) struct Ownership {
    /// The client that a thread runs in the background.
    running: OnceLock<Arc<SharedClient>>,
}

impl Ownership {
    /// Starts the thread, unless it was started before.
    pub(super) fn run_in_background(self: &Arc<Self>, client: &Arc<SharedClient>) -> io::Result<()> {
        if self.running.get().is_some() {
            return Ok(());
        }
        let (running, owners) = (client.clone(), Arc::downgrade(self));
        spawn(move || running.drive_until(move || owners.strong_count() == 0))?;
        self.running.get_or_init(|| client.clone());
        Ok(())
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if let Some(client) = self.running.get() {
            // Ends the connection, and brings the thread to look for its owners.
            client.change(Session::abort);
        }
    }
}

/// Starts a thread that runs a client.
pub(super) fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("ws-client".into()).spawn(run).map(drop)
}
