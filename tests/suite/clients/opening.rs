//! The opening phase, with a server that refuses everything before the login.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use ws_common::session::{ConfirmError, Delivery};
use ws_core::SendError;

use super::hooks::{about_to_panic, expect_panic};
use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::peer::{Peer, Server};
use crate::wire::{CLOSE, FIN, PING, PONG};

const DELIVERIES: [Delivery; 2] = [Delivery::AtMostOnce, Delivery::Confirmed];

/// The messages of a connection up to the Close frame, which answers that of the test. Pings are answered, and the login by `welcome`.
fn messages(mut peer: Peer) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let frame = peer.receive();
        match frame.opcode {
            PING => peer.frame(FIN | PONG, frame.payload),
            CLOSE => break,
            _ => texts.push(String::from_utf8(frame.payload).unwrap()),
        }
        if texts.first().is_some_and(|text| text != "login") {
            peer.close(1008, "log in first");
            panic!("{texts:?} came before the login");
        }
        if frame.opcode < CLOSE && texts.len() == 1 {
            peer.text("welcome");
        }
    }
    peer.end();
    texts
}

/// Serves two connections, and gives the messages of each. `scenario` gets a second hand on each connection, to close it.
fn two_connections(server: &Server, scenario: impl FnOnce(&dyn Fn() -> Peer)) -> [Vec<String>; 2] {
    let (peers, opened) = channel();
    thread::scope(|scope| {
        let serving = scope.spawn(move || {
            [(); 2].map(|()| {
                let peer = server.open();
                peers.send(peer.another()).unwrap();
                messages(peer)
            })
        });
        scenario(&|| opened.recv().unwrap());
        serving.join().unwrap()
    })
}

pub fn on_open_comes_first_on_every_connection<A: ClientAdapter>() {
    for delivery in DELIVERIES {
        let server = Server::new();
        let builder = persistent::<A>(&server.url()).delivery(delivery);
        let mut client = watched(builder.on_open(|_response| ["login", "topic"]));
        client.send("0").unwrap();
        let received = two_connections(&server, |peer| {
            client.expect(&["connected", "open", "message welcome"]);
            client.confirm().unwrap();
            peer().close(1001, "");
            client.expect(&["closing 1001", "closed 1001", "reconnecting 1"]);
            client.send("1").unwrap();
            client.expect(&["connected", "open", "message welcome"]);
            client.confirm().unwrap();
            peer().close(1001, "");
            client.expect(&["closing 1001", "closed 1001", "reconnecting 2"]);
            client.abort();
        });
        assert_eq!(received, [["login", "topic", "0"], ["login", "topic", "1"]]);
    }
}

pub fn the_outbox_waits_for_release_on_every_connection<A: ClientAdapter>() {
    for delivery in DELIVERIES {
        let server = Server::new();
        let mut client = watched(persistent::<A>(&server.url()).delivery(delivery).hold(true));
        client.send("0").unwrap();
        assert!(matches!(client.send_now("login"), Err(SendError::NotConnected(_))));
        assert!(!client.release());
        let received = two_connections(&server, |peer| {
            for number in 0..2 {
                client.expect(&["connected", "open"]);
                client.send(format!("{number} first")).unwrap();
                let handle = client.handle();
                assert_eq!(handle.confirm(), Err(ConfirmError::NothingSent));
                handle.send_now("login").unwrap();
                handle.confirm().unwrap();
                client.expect(&["message welcome"]);
                assert_eq!(client.within(Duration::from_millis(20)), [""; 0]);
                assert!(client.release());
                client.send(format!("{number} second")).unwrap();
                client.confirm().unwrap();
                peer().close(1001, "");
                let reconnecting = format!("reconnecting {}", number + 1);
                client.expect(&["closing 1001", "closed 1001", &reconnecting]);
            }
            client.abort();
        });
        assert_eq!(received[0], ["login", "0", "0 first", "0 second"]);
        assert_eq!(received[1], ["login", "1 first", "1 second"]);
    }
}

/// It may use the client, but for `send_now`.
pub fn on_open_runs_without_a_lock_and_its_panic_reaches_who_waits<A: ClientAdapter>() {
    let server = Server::new();
    let mut client = about_to_panic::<A>(&server, &["login", "order"], |give_handle| {
        persistent(&server.url()).on_open(move |_response| {
            let handle = give_handle();
            assert!(matches!(handle.send_now("early"), Err(SendError::NotConnected(_))));
            handle.try_send("order").unwrap();
            ["login"]
        })
    });
    thread::scope(|scope| {
        scope.spawn(|| server.open().read_to_end());
        expect_panic(&mut client);
        client.expect(&["open", "error setup", "closed 1006", "over"]);
    });
}
