//! Messages that do not get through with confirmed delivery, and callers that wait for them.

use std::thread;

use ws_common::session::{ConfirmError, Delivery};
use ws_core::SendError;

use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::peer::{Peer, Server};

/// Opens connections until one brings another text than this, and does this to the others when it is there.
fn until_another(server: &Server, text: &str, mut end: impl FnMut(Peer)) -> Peer {
    loop {
        let mut peer = server.open();
        if peer.receive_text() != text {
            return peer;
        }
        end(peer);
    }
}

/// Each of several waits in a thread of its own, with a handle that has sent the message.
pub fn a_message_that_is_given_up_is_told_to_who_waits_for_it<A: ClientAdapter>() {
    let server = Server::new();
    let builder = persistent::<A>(&server.url()).delivery(Delivery::Confirmed).max_deliveries(3);
    let mut client = watched(builder);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut peer = until_another(&server, "refused", |mut peer| {
                peer.close(1009, "");
                peer.end();
                peer.read_to_end();
            });
            peer.answer_pings();
        });
        let handle = client.handle();
        handle.send("refused").unwrap();
        let other = handle.clone();
        let flushing = scope.spawn(move || (handle.flush(), handle.flush()));
        let confirming = scope.spawn(move || other.confirm());
        client.until("undelivered refused");
        let (first, second) = flushing.join().unwrap();
        assert!(matches!(first, Err(SendError::Undelivered)), "{first:?}");
        second.unwrap();
        assert_eq!(confirming.join().unwrap(), Err(ConfirmError::Lost));
        assert!(matches!(client.flush(), Err(SendError::Undelivered)));
        client.send("accepted").unwrap();
        client.flush().unwrap();
        client.abort();
        serving.join().unwrap();
    });
}

pub fn a_stuck_message_can_be_skipped_while_others_wait<A: ClientAdapter>() {
    let server = Server::new();
    let builder = persistent::<A>(&server.url()).delivery(Delivery::Confirmed).max_deliveries(2);
    let mut client = watched(builder);
    assert!(!client.skip_stuck(), "nothing is stuck");
    thread::scope(|scope| {
        // It crashes.
        let serving = scope.spawn(|| until_another(&server, "poison", drop).answer_pings());
        let handle = client.handle();
        handle.send("poison").unwrap();
        handle.send("healthy").unwrap();
        let other = handle.clone();
        let flushing = scope.spawn(move || (handle.flush(), handle.flush()));
        client.until("stuck poison");
        assert!(!flushing.is_finished(), "it is sent again");
        assert!(other.skip_stuck());
        let (first, second) = flushing.join().unwrap();
        assert!(matches!(first, Err(SendError::Undelivered)), "{first:?}");
        second.unwrap();
        assert!(!client.skip_stuck());
        assert_eq!(client.take_unsent().len(), 0);
        client.abort();
        serving.join().unwrap();
    });
}
