//! Randomness of clients whose memory exists twice, as after a fork or in a restored virtual machine.

use std::thread;

use ws_core::Random;

use super::ClientAdapter;
use super::watched::{persistent, watching};
use crate::peer::{Server, field, response_to};

/// Each attempt of either client has a seed of its own, although both clients began with the same one.
pub fn clients_with_the_same_memory_send_different_keys_and_masks<A: ClientAdapter>() {
    const CLIENTS: usize = 2;
    const ATTEMPTS: usize = 3;
    let server = Server::new();
    let url = server.url();
    let peer = thread::spawn(move || {
        let sent = (0..CLIENTS * ATTEMPTS).map(|_| {
            let mut peer = server.accept();
            let head = peer.read_head();
            peer.send(response_to(&head, ""));
            let mask = peer.receive().key.expect("a client masks");
            (field(&head, "Sec-WebSocket-Key").unwrap().to_owned(), mask)
        });
        sent.unzip::<_, _, Vec<_>, Vec<_>>()
    });
    for _ in 0..CLIENTS {
        let session = persistent::<A>(&url).session(Random::from_seed([7; 32])).unwrap();
        let mut client = watching(A::from(session));
        for _ in 0..ATTEMPTS {
            client.until("open");
            client.send("one").unwrap();
            client.until("closed 1006");
        }
    }
    let (mut keys, mut masks) = peer.join().unwrap();
    keys.sort();
    keys.dedup();
    masks.sort();
    masks.dedup();
    assert_eq!((keys.len(), masks.len()), (CLIENTS * ATTEMPTS, CLIENTS * ATTEMPTS));
}
