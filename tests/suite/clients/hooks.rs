//! A hook of the user that uses its own client, and then panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use ws_common::session::ClientBuilder;

use super::ClientAdapter;
use super::watched::{Watched, watched};
use crate::peer::Server;

/// Gives a hook a handle to its client in the first call. Each other call panics.
pub(super) type GiveHandle<C> = Arc<dyn Fn() -> <C as ClientAdapter>::Handle + Send + Sync>;

/// A client after a first connection, which has brought the server these texts. At the next attempt, its hook panics.
pub(super) fn about_to_panic<C: ClientAdapter>(
    server: &Server,
    texts: &[&str],
    builder: impl FnOnce(GiveHandle<C>) -> ClientBuilder<C>,
) -> Watched<C> {
    let (handles, handle) = channel();
    let handle = Mutex::new(handle);
    let mut client = watched(builder(Arc::new(move || handle.lock().unwrap().recv().unwrap())));
    handles.send(client.handle()).unwrap();
    let mut peer = thread::scope(|scope| {
        let opened = scope.spawn(|| server.open());
        client.expect(&["connected", "open"]);
        opened.join().unwrap()
    });
    client.flush().unwrap();
    for text in texts {
        assert_eq!(peer.receive_text(), *text);
    }
    client
}

/// The panic reaches the caller that waits.
pub(super) fn expect_panic<C: ClientAdapter>(client: &mut Watched<C>) {
    let panic = catch_unwind(AssertUnwindSafe(|| client.until("open")));
    assert!(panic.is_err());
}
