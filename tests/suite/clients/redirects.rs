//! Redirects of the client that stays connected.

use std::sync::{Arc, OnceLock};
use std::thread;

use ws_common::reconnect::Reconnect;
use ws_common::redirect::RedirectDecision;
use ws_core::CloseCode;

use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::peer::Server;
use crate::witness::{Manner, Witness};

pub fn a_redirect_is_followed_as_the_hook_decides_which_may_use_the_client<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() });
    for is_allowed in [true, false] {
        let (server, target) = (Server::new(), witness.address());
        let url = server.url();
        let peer = thread::spawn(move || {
            let mut peer = server.accept();
            peer.read_head();
            let location = format!("Location: ws://{target}/\r\n");
            peer.send(format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"));
            peer.read_to_end();
        });
        let handle: Arc<OnceLock<A::Handle>> = Arc::default();
        let inner = handle.clone();
        let builder =
            persistent::<A>(&url).reconnect(Reconnect::never()).max_redirects(1).on_redirect(move |step| {
                assert_eq!(step.to.port(), target.port());
                // No lock is held, so that the hook may use the client.
                inner.get().unwrap().try_send("from the hook").unwrap();
                match is_allowed {
                    true => RedirectDecision::Follow,
                    false => RedirectDecision::Refuse("it is not allowed".into()),
                }
            });
        let mut client = watched(builder);
        assert!(handle.set(client.handle()).is_ok());
        if is_allowed {
            client.expect(&["connected", "connected", "open", "message hi", "message from the hook"]);
            client.close(CloseCode::NORMAL);
            client.expect(&["closing 1000", "closed 1000", "over"]);
        } else {
            client.expect(&["connected", "error handshake", "closed 1006", "over"]);
            assert!(client.error().ends_with("is refused: it is not allowed"), "{}", client.error());
        }
        peer.join().unwrap();
    }
}
