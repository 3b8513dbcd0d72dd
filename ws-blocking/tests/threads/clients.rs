//! The client that stays connected, in the threads that wait with it.

use std::thread;
use std::time::Duration;

use ws_blocking::{Client, ClientEvent, Listener};

use crate::support::bounded;

#[test]
fn a_user_who_only_ever_asks_and_never_waits_is_told_everything() {
    bounded(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap().0.accept().unwrap();
            socket.send("hello").unwrap();
            socket.recv()
        });
        let mut client = Client::builder(&url).build().unwrap();
        while !matches!(client.next_timeout(Duration::ZERO), Ok(Some(ClientEvent::Message(_)))) {
            thread::sleep(Duration::from_millis(1));
        }
        drop(client);
        assert!(server.join().unwrap().is_err());
    });
}
