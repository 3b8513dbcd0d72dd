//! A client that runs in the background, and one that nobody drives.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ws_common::session::{ClientEvent, ClientStatus};
use ws_core::CloseCode;

use super::watched::{persistent, watching};
use super::{ClientAdapter, ClientHandle};
use crate::ends::quiet;
use crate::peer::Server;
use crate::watch::eventually;
use crate::witness::{Manner, Witness};

const KIB: usize = 1024;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// It connects, sends, keeps the heartbeat, and reconnects.
pub fn nobody_has_to_wait_for_a_client_in_the_background<A: ClientAdapter>() {
    let server = Server::new();
    let config = quiet().ping_interval(millis(20));
    let (handle, events) = persistent::<A>(&server.url()).config(config).build().unwrap().spawn();
    handle.try_send("first").unwrap();
    let mut peer = server.open();
    assert_eq!(peer.receive_text(), "first");
    // The ping of its heartbeat.
    assert_eq!(peer.receive().opcode, crate::wire::PING);
    drop(peer);
    let mut peer = server.open();
    eventually("that it is open", || handle.status() == ClientStatus::Open);
    handle.try_send("second").unwrap();
    let texts = std::iter::from_fn(|| Some(peer.receive())).filter(|frame| frame.opcode == crate::wire::TEXT);
    assert_eq!(texts.map(|frame| frame.payload).next().unwrap(), b"second");
    let mut events = watching(events);
    assert_eq!(events.event(), "connected");
    assert_eq!(events.event(), "open");
    handle.abort();
    assert_eq!(events.until("over").last().unwrap(), "over");
}

/// Messages wait up to 1 MiB, and no more is read.
pub fn events_wait_for_the_program<A: ClientAdapter>() {
    const COUNT: usize = 64;
    let server = Server::new();
    let (handle, events) = persistent::<A>(&server.url()).build().unwrap().spawn();
    let mut peer = server.open();
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..COUNT).for_each(|_| peer.text(&"-".repeat(64 * KIB)));
            peer.answer_close();
        });
        eventually("that 1 MiB is kept", || events.stats().messages_received >= 16);
        thread::sleep(millis(50));
        assert!(events.stats().messages_received < 40, "{:?}", events.stats());
        let mut events = watching(events);
        let mut messages = 0;
        while messages < COUNT {
            messages += usize::from(events.event().starts_with("message"));
        }
        handle.close(CloseCode::NORMAL);
    });
}

pub fn the_last_handle_ends_a_client_in_the_background<A: ClientAdapter>() {
    let server = Server::new();
    let before = A::tasks();
    let (handle, events) = persistent::<A>(&server.url()).build().unwrap().spawn();
    let mut peer = server.open();
    drop(events);
    // Nobody takes them, and nobody has to.
    (0..32).for_each(|_| peer.text(&"-".repeat(64 * KIB)));
    let other = handle.clone();
    drop(handle);
    other.try_send("still there").unwrap();
    assert_eq!(peer.receive_text(), "still there");
    drop(other);
    peer.expect_end();
    eventually("that the task has ended", || A::tasks() <= before);
}

pub fn a_closure_gets_each_event_to_the_end<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    let client = persistent::<A>(&witness.url()).build().unwrap();
    // The handle is not needed.
    client.spawn_with(move |client, event| {
        let word = match event {
            ClientEvent::Open(_) => {
                client.try_send("hello").unwrap();
                "open"
            }
            ClientEvent::Message(_) => {
                client.start_close(CloseCode::NORMAL);
                "message"
            }
            ClientEvent::Closed(_) => "closed",
            ClientEvent::GaveUp { .. } => "gave up",
            _ => return,
        };
        all.lock().unwrap().push(word);
    });
    eventually("the end", || seen.lock().unwrap().last() == Some(&"gave up"));
    assert_eq!(*seen.lock().unwrap(), ["open", "message", "closed", "gave up"]);
    assert_eq!(witness.texts(), ["hello"]);
}

/// Nobody waits, but a program that sends now and then.
pub fn a_client_that_only_sends_drives_itself<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let client = persistent::<A>(&witness.url()).build().unwrap();
    for number in 0..10 {
        client.send(format!("0 {number}")).unwrap();
        thread::sleep(millis(100));
    }
    assert_eq!(client.status(), ClientStatus::Open);
    super::outbox::in_order_of_each(&witness.texts(), 1, 10);
}
