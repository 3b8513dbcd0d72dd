//! What is reported when a connection breaks, and that the messages continue on the next one.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use ws_common::{reconnect::Reconnect, session::ClientEvent};
use ws_core::Initiator;

use super::watched::{persistent, watched};
use super::{ClientAdapter, Watched};
use crate::ends::{FAR, quiet};
use crate::nowhere::Nobody;
use crate::peer::Server;
use crate::sockets::free_port;
use crate::watch::takes;
use crate::witness::{Manner, Witness};
use ws_testkit::Fault::{Cut, Delay, HalfOpen, Reset, ResetAfter, Stall, Trickle};
use ws_testkit::Way::{Down, Up};
use ws_testkit::{Fault, FaultRelay};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Far more than an answer takes.
const SOON: Duration = Duration::from_millis(1500);

/// The length of the response: that of [`Witness`] has no field of variable length.
fn response() -> usize {
    crate::peer::response_to("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "").len()
}

fn echoing() -> Witness {
    Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() })
}

const OPENED: &[&str] = &["connected", "open"];
const GREETED: &[&str] = &["connected", "open", "message hi"];

/// The first connection meets the fault, with `one` in the outbox; it is reported as these events and those of every end.
fn breaks<A: ClientAdapter>(fault: Fault, events: &[&str]) {
    println!("{fault:?}");
    let witness = echoing();
    let proxy = FaultRelay::start(witness.address(), [fault]).unwrap();
    // The next connection has to be met in the same time.
    let (open_timeout, pong_timeout) = match fault {
        Stall(..) | HalfOpen(Down, 0) => (SOON, FAR),
        HalfOpen(..) => (FAR, SOON),
        _ => (FAR, FAR),
    };
    let config = quiet().ping_interval(millis(100)).pong_timeout(pong_timeout);
    let mut client = watched(persistent::<A>(&proxy.url()).config(config).open_timeout(open_timeout));
    client.try_send("one").unwrap();
    client.expect(events);
    client.expect(&["closed 1006", "reconnecting 1"]);
    // A reset may come before it was written.
    let was_taken = client.stats().messages_sent > 0;
    assert!(events.contains(&"open") || !was_taken, "a message went into the handshake");
    client.expect(GREETED);
    if !was_taken {
        client.expect(&["message one"]);
    }
    client.send("two").unwrap();
    client.expect(&["message two"]);
    let testimonies = witness.testimonies();
    let last: &[&str] = if was_taken { &["two"] } else { &["one", "two"] };
    assert_eq!(testimonies.last().unwrap().texts, last, "at most once, and no less: {testimonies:?}");
    client.close(ws_core::CloseCode::NORMAL);
    client.expect(&["closing 1000", "closed 1000", "over"]);
}

pub fn totals_outlive_a_connection<A: ClientAdapter>() {
    let witness = echoing();
    let proxy = FaultRelay::start(witness.address(), []).unwrap();
    let mut client = watched(persistent::<A>(&proxy.url()));
    client.until("message hi");
    for connections in 1..=3 {
        client.send("one").unwrap();
        client.until("message one");
        let stats = client.stats();
        assert_eq!((stats.connections, stats.messages_sent), (connections, connections));
        assert_eq!(stats.messages_received, 2 * connections);
        let connection = stats.connection.unwrap();
        assert_eq!((connection.sent.messages, connection.sent.payload_bytes), (1, 3));
        assert_eq!((connection.received.messages, connection.received.payload_bytes), (2, 5));
        proxy.hang_up();
        client.until("closed 1006");
        assert_eq!(client.stats().connection, None);
        client.until("message hi");
    }
    client.close(ws_core::CloseCode::NORMAL);
    client.until("over");
    assert_eq!((client.stats().connections, client.stats().connection), (4, None));
}

pub fn an_end_within_the_handshake<A: ClientAdapter>() {
    for fault in [Cut(Down, 0), Cut(Down, 20), Cut(Up, 50), ResetAfter(Down, 20), ResetAfter(Up, 50)] {
        breaks::<A>(fault, &["connected", "error handshake"]);
    }
}

pub fn an_end_without_close<A: ClientAdapter>() {
    let r = response();
    for (fault, events) in [(Cut(Down, r), OPENED), (Cut(Down, r + 1), OPENED), (Cut(Down, r + 4), GREETED)] {
        breaks::<A>(fault, &[events, &["error transport"]].concat());
    }
}

pub fn a_reset_of_an_open_connection<A: ClientAdapter>() {
    let r = response();
    for (after, events) in [(r + 1, OPENED), (r + 4, GREETED)] {
        breaks::<A>(ResetAfter(Down, after), &[events, &["error transport"]].concat());
    }
}

pub fn a_server_that_is_silent_after_connecting_costs_open_timeout<A: ClientAdapter>() {
    for fault in [Stall(Down, 0), Stall(Up, 30), HalfOpen(Down, 0)] {
        takes(SOON, || breaks::<A>(fault, &["connected", "error handshake"]));
    }
}

pub fn a_half_open_connection_costs_pong_timeout<A: ClientAdapter>() {
    let r = response();
    for (after, events) in [(r, OPENED), (r + 4, GREETED)] {
        takes(SOON, || {
            breaks::<A>(HalfOpen(Down, after), &[events, &["error timeout"]].concat());
        });
    }
}

pub fn bytes_one_by_one_and_late_are_no_fault<A: ClientAdapter>() {
    for fault in [Trickle, Delay(millis(20))] {
        let witness = echoing();
        let proxy = FaultRelay::start(witness.address(), [fault]).unwrap();
        let mut client = watched(persistent::<A>(&proxy.url()));
        client.try_send("one").unwrap();
        client.expect(GREETED);
        client.expect(&["message one"]);
        client.close(ws_core::CloseCode::NORMAL);
        client.expect(&["closing 1000", "closed 1000", "over"]);
        assert_eq!(witness.texts(), ["one"]);
    }
}

/// The reset may be there before the client has looked at its socket: then that is an error of connecting.
pub fn a_connection_that_is_reset_at_once<A: ClientAdapter>() {
    let witness = echoing();
    let proxy = FaultRelay::start(witness.address(), [Reset; 40]).unwrap();
    let mut client = watched(persistent::<A>(&proxy.url()));
    client.try_send("one").unwrap();
    for attempt in 1..=40 {
        let first = client.event();
        if first == "connected" {
            client.expect(&["error handshake"]);
        } else {
            assert_eq!(first, "error connect", "{}", client.error());
        }
        client.expect(&["closed 1006", &format!("reconnecting {attempt}")]);
    }
    client.expect(GREETED);
    client.expect(&["message one"]);
    assert_eq!(witness.texts(), ["one"]);
}

/// A server that refuses the connection has ended the attempt, and so it is reported; a socket of ours that fails did not even ask it.
pub fn an_attempt_that_our_own_socket_fails_is_ended_by_us<A: ClientAdapter>() {
    let nobody = Nobody::default();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}/", nobody.address());
    let client = || persistent::<A>(&url).reconnect(Reconnect::never());
    for (builder, initiator, text) in [
        (client(), Initiator::Remote, "refused"),
        (client().on_socket(|_| Err(io::Error::other("no such device"))), Initiator::Local, "no such device"),
        (client().bind(taken.local_addr().unwrap()), Initiator::Local, "cannot be used"),
    ] {
        let mut client = watched(builder);
        client.expect(&["error connect"]);
        assert!(client.error().contains(text), "{}", client.error());
        let Some(Some(ClientEvent::Closed(closed))) = client.next(FAR) else { panic!("{text}: no end") };
        assert_eq!((closed.code, closed.initiator), (1006, initiator), "{text}");
        client.expect(&["over"]);
    }
}

/// The server ends the connections, so that the system does not keep the port for a minute at our end.
pub fn a_port_that_is_set_is_had_again_by_each_connection_to_the_same_server<A: ClientAdapter>() {
    const CONNECTIONS: u32 = 8;
    for is_reset in [true, false] {
        let (local, server) = (free_port(), Server::new());
        let mut client = watched(persistent::<A>(&server.url()).bind(local));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..CONNECTIONS {
                    let mut peer = server.open();
                    assert_eq!(peer.remote_address(), local);
                    assert_eq!(peer.receive_text(), "here");
                    if is_reset {
                        peer.reset();
                    } else {
                        peer.end();
                        peer.expect_end();
                    }
                }
                server.open().answer_close();
            });
            for connection in 1..=CONNECTIONS {
                client.expect(OPENED);
                client.send("here").unwrap();
                let again = format!("reconnecting {connection}");
                client.expect(&["error transport", "closed 1006", &again]);
            }
            client.expect(OPENED);
            client.close(ws_core::CloseCode::NORMAL);
            client.expect(&["closing 1000", "closed 1000", "over"]);
        });
    }
}

pub fn a_refused_connection_is_tried_again<A: ClientAdapter>() {
    let witness = echoing();
    let mut proxy = FaultRelay::start(witness.address(), []).unwrap();
    proxy.refuse();
    let mut client = watched(persistent::<A>(&proxy.url()));
    client.try_send("one").unwrap();
    client.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    client.expect(&["error connect", "closed 1006", "reconnecting 2"]);
    assert!(client.error().contains(&proxy.address().to_string()), "{}", client.error());
    proxy.listen().unwrap();
    let seen = client.until("open");
    let (ends, opened) = seen.split_at(seen.len() - 2);
    assert_eq!(opened, OPENED);
    assert!(ends.chunks(3).all(|end| end[0] == "error connect" && end[1] == "closed 1006"), "{ends:?}");
    client.expect(&["message hi", "message one"]);
}

pub fn it_comes_back_after_a_close_of_the_server_if_it_always_does<A: ClientAdapter>() {
    let server = Server::new();
    let mut client: Watched<A> = watched(persistent(&server.url()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for code in [1000, 1001, 4000] {
                let mut peer = server.open();
                peer.close(code, "bye");
                assert_eq!(peer.receive_close().0, code, "Close is answered with Close");
                peer.end();
                peer.expect_end();
            }
            let mut peer = server.open();
            assert_eq!(peer.receive_text(), "still here");
            peer.answer_close();
        });
        for (attempt, code) in [(1, 1000), (2, 1001), (3, 4000)] {
            client.expect(OPENED);
            client.expect(&[&format!("closing {code}"), &format!("closed {code}")]);
            client.expect(&[&format!("reconnecting {attempt}")]);
        }
        client.expect(OPENED);
        client.send("still here").unwrap();
        client.close(ws_core::CloseCode::NORMAL);
        client.expect(&["closing 1000", "closed 1000", "over"]);
    });
}
