//! The outbox when there is no connection, times to live, signs of life, and calls that skip a wait.

use std::thread;
use std::time::Duration;

use ws_common::reconnect::Reconnect;
use ws_common::session::{ClientStatus, OutboxPolicy};
use ws_core::{CloseCode, SendError};

use super::watched::{Watched, persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::ends::FAR;
use crate::peer::Server;
use crate::proxy::Proxy;
use crate::watch::takes;
use crate::wire::PING;
use crate::witness::{Manner, Witness};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn the_outbox_can_be_dropped_with_the_connection<A: ClientAdapter>() {
    let server = Server::with_small_window();
    let builder = persistent::<A>(&server.url()).when_lost(OutboxPolicy::Drop).max_send_buffer(64 << 20);
    let mut client = watched(builder);
    thread::scope(|scope| {
        let opened = scope.spawn(|| server.open());
        client.expect(&["connected", "open"]);
        let peer = opened.join().unwrap();
        // More than the system takes.
        client.send("-".repeat(16 << 20)).unwrap();
        client.send("dropped").unwrap();
        assert_eq!(client.stats().outbox_messages, 2);
        server.widen_window();
        peer.reset();
        assert!(client.until("closed 1006").contains(&"error transport".into()));
        assert_eq!((client.stats().outbox_messages, client.stats().messages_dropped), (0, 2));
        client.send("kept").unwrap();
        let serving = scope.spawn(|| server.open().receive_text());
        client.flush().unwrap_err();
        client.flush().unwrap();
        assert_eq!(serving.join().unwrap(), "kept");
        client.abort();
    });
}

pub fn messages_can_be_refused_while_there_is_no_connection<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let mut client = watched(persistent::<A>(&witness.url()).when_lost(OutboxPolicy::Refuse));
    for refused in [client.try_send("0"), client.send("0"), client.handle().send("0")] {
        assert!(matches!(refused, Err(SendError::NotConnected(message)) if message == "0"));
    }
    client.expect(&["connected", "open"]);
    client.send("1").unwrap();
    client.close(CloseCode::NORMAL);
    assert!(matches!(client.send("2"), Err(SendError::Closed(Some(_)))));
    assert_eq!(witness.texts(), ["1"]);
}

/// A caller that waits for room learns that the connection is lost.
pub fn a_refusal_wakes_a_sender_that_waits_for_room<A: ClientAdapter>() {
    let server = Server::with_small_window();
    let builder = persistent::<A>(&server.url()).when_lost(OutboxPolicy::Refuse);
    let mut client = watched(builder.reconnect(Reconnect::after(FAR)));
    thread::scope(|scope| {
        let opened = scope.spawn(|| server.open());
        client.expect(&["connected", "open"]);
        let peer = opened.join().unwrap();
        client.send("-".repeat(16 << 20)).unwrap();
        let handle = client.handle();
        let sending = scope.spawn(move || handle.send("waits"));
        // So that it most probably waits.
        thread::sleep(millis(50));
        peer.reset();
        assert!(client.until("closed 1006").contains(&"full".into()));
        takes(Duration::ZERO, || {
            let refused = sending.join().unwrap();
            assert!(matches!(refused, Err(SendError::NotConnected(message)) if message == "waits"));
        });
        client.abort();
    });
}

pub fn a_message_expires_and_the_outbox_can_be_cleared<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let mut proxy = Proxy::new(witness.address(), []);
    proxy.refuse();
    let builder = persistent::<A>(&proxy.url()).reconnect(Reconnect::after(FAR));
    let mut client = watched(builder);
    client.send("cleared").unwrap();
    assert_eq!((client.stats().outbox_messages, client.stats().outbox_bytes), (1, 13));
    assert_eq!(client.clear(), 1);
    assert_eq!(client.handle().clear(), 0);
    client.try_send_with_ttl("stale", millis(30)).unwrap();
    client.handle().send_with_ttl("stale", millis(30)).unwrap();
    client.send_with_ttl("fresh", FAR).unwrap();
    client.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    assert_eq!(client.within(millis(200)), [""; 0]);
    assert_eq!((client.stats().messages_expired, client.stats().outbox_messages), (2, 1));
    proxy.listen();
    client.reconnect_now();
    client.expect(&["connected", "open"]);
    assert!(matches!(client.flush(), Err(SendError::Undelivered)));
    client.confirm().unwrap_err();
    client.confirm().unwrap();
    assert_eq!(witness.texts(), ["fresh"]);
    client.abort();
}

pub fn a_feed_without_data_costs_idle_timeout<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["tick"], ..Manner::default() });
    let config = crate::ends::quiet().ping_interval(millis(20));
    let builder = persistent::<A>(&witness.url()).config(config).idle_timeout(millis(300));
    let mut client = watched(builder);
    client.until("message tick");
    takes(millis(250), || client.expect(&["closing 1001", "error timeout", "closed 1001", "reconnecting 1"]));
    assert_eq!(client.error(), "no byte of a data message came in 300ms (idle_timeout)");
    client.until("message tick");
    client.abort();
}

pub fn a_heartbeat_is_a_message_that_the_outbox_does_not_hold_up<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let builder = persistent::<A>(&witness.url()).hold(true).heartbeat(millis(20), "beat");
    let mut client = watched(builder);
    client.expect(&["connected", "open"]);
    assert_eq!(client.within(millis(100)), [""; 0]);
    assert_eq!(witness.texts(), [""; 0]);
    assert!(client.release());
    let handle = client.handle();
    thread::scope(|scope| {
        scope.spawn(|| client.until("over"));
        witness.wait_until("heartbeats", |all| all[0].texts.len() >= 3);
        handle.close(CloseCode::NORMAL);
    });
    assert!(witness.texts().iter().all(|text| text == "beat"));
}

pub fn a_check_ends_a_connection_that_does_not_answer<A: ClientAdapter>() {
    let server = Server::new();
    let builder = persistent::<A>(&server.url()).reconnect(Reconnect::after(FAR));
    let mut client = watched(builder);
    client.check_now(millis(100));
    let open = |client: &mut Watched<A>| {
        thread::scope(|scope| {
            let opened = scope.spawn(|| server.open());
            client.expect(&["connected", "open"]);
            opened.join().unwrap()
        })
    };
    let mut peer = open(&mut client);
    let handle = client.handle();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.expect(&["error timeout", "closed 1006", "reconnecting 1"]));
        // It probably waits for long then.
        thread::sleep(millis(200));
        takes(millis(100), || {
            handle.check_now(millis(150));
            assert_eq!(peer.receive().opcode, PING);
            waiting.join().unwrap();
        });
    });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| open(&mut client));
        // The same.
        thread::sleep(millis(50));
        takes(Duration::ZERO, || {
            handle.reconnect_now();
            peer = waiting.join().unwrap();
        });
    });
    client.check_now(FAR);
    assert_eq!(peer.receive().opcode, PING);
    assert_eq!(client.status(), ClientStatus::Open);
    client.abort();
}
