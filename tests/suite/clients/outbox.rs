//! What is sent: before there is a connection, through handles, against pressure, and over a connection that takes nothing.

use std::thread;
use std::time::Duration;

use ws_common::session::Delivery;
use ws_core::{CloseCode, SendError};

use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::ends::quiet;
use crate::peer::Server;
use crate::proxy::Fault::{Cut, HalfOpen, Stall};
use crate::proxy::Proxy;
use crate::proxy::Way::Up;
use crate::watch::{eventually, takes};
use crate::wire::{FIN, PONG};
use crate::witness::{Manner, Witness};

const KIB: usize = 1024;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A message of that length, which [`Witness`] knows by its beginning.
fn long(name: &str, length: usize) -> String {
    name.to_owned() + &"-".repeat(length - name.len())
}

fn name(beginning: &str) -> &str {
    beginning.trim_end_matches('-')
}

pub fn what_is_sent_before_there_is_a_connection_comes_first<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let mut proxy = Proxy::new(witness.address(), []);
    proxy.refuse();
    let mut client = watched(persistent::<A>(&proxy.url()));
    // Borrowed for less than the life of the program.
    let numbers = String::from("012");
    client.send(&numbers[..1]).unwrap();
    client.try_send(&numbers[1..2]).unwrap();
    client.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    client.handle().send(&numbers[2..]).unwrap();
    proxy.listen();
    client.until("message hi");
    client.send("3").unwrap();
    client.close(CloseCode::NORMAL);
    let testimonies = witness.wait_until("Close", |all| all.iter().any(|one| one.close.is_some()));
    assert_eq!(testimonies[0].texts, ["0", "1", "2", "3"]);
    assert_eq!(testimonies[0].close, Some(1000));
}

/// Nothing of it is driven by `next`.
pub fn handles_drive_the_client_too<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let client = watched(persistent::<A>(&witness.url()));
    thread::scope(|scope| {
        for sender in 0..3 {
            let handle = client.handle();
            scope.spawn(move || {
                for number in 0..20 {
                    handle.send(format!("{sender} {number}")).unwrap();
                }
                handle.flush().unwrap();
                handle.confirm().unwrap();
            });
        }
    });
    in_order_of_each(&witness.texts(), 3, 20);
    client.handle().close(CloseCode::NORMAL);
    assert_eq!(client.handle().status(), ws_common::session::ClientStatus::Closed);
    assert!(matches!(client.handle().try_send("late"), Err(SendError::Closed(Some(_)))));
}

/// Only so many events are kept. Who waits for what stands behind them reads on as soon as they are taken.
pub fn events_that_are_taken_let_a_handle_read_on<A: ClientAdapter>() {
    let server = Server::new();
    let mut client = watched(persistent::<A>(&server.url()));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.open();
            (0..24).for_each(|_| peer.text(&"-".repeat(64 * KIB)));
            assert_eq!(peer.receive_text(), "is it there?");
            let ping = peer.receive();
            peer.frame(FIN | PONG, ping.payload);
            peer.read_to_end();
        });
        let handle = client.handle();
        handle.try_send("is it there?").unwrap();
        let waiting = scope.spawn(move || handle.confirm().unwrap());
        eventually("that 1 MiB is kept", || client.stats().messages_received >= 16);
        // So that it has most probably found that nothing more is to be read.
        thread::sleep(millis(50));
        assert!(!waiting.is_finished());
        for _ in 0..18 {
            client.event();
        }
        takes(Duration::ZERO, || waiting.join().unwrap());
        client.abort();
    });
}

/// Threads that share one handle are as many as those that have one each.
pub fn several_may_wait_with_one_handle<A: ClientAdapter>() {
    let server = Server::new();
    let client = watched(persistent::<A>(&server.url()));
    let handle = client.handle();
    handle.try_send("is it there?").unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| handle.confirm().unwrap())).collect();
        let mut peer = server.open();
        assert_eq!(peer.receive_text(), "is it there?");
        let ping = peer.receive();
        // So that they most probably all wait.
        thread::sleep(millis(50));
        peer.frame(FIN | PONG, ping.payload);
        takes(Duration::ZERO, || waiting.into_iter().for_each(|one| one.join().unwrap()));
        client.abort();
    });
}

/// Another thread waits for the peer meanwhile, far longer than the test does.
pub fn what_is_queued_leaves_while_another_thread_waits<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() });
    let config = quiet();
    let mut client = watched(persistent::<A>(&witness.url()).config(config));
    client.until("message hi");
    let handle = client.handle();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            client.expect(&["message tried", "message sent", "closing 1000", "closed 1000", "over"]);
        });
        // It may wait already, or only later.
        thread::sleep(millis(100));
        takes(Duration::ZERO, || {
            handle.try_send("tried").unwrap();
            witness.wait_until("the message", |all| all[0].texts == ["tried"]);
            handle.send("sent").unwrap();
            witness.wait_until("the message", |all| all[0].texts == ["tried", "sent"]);
            handle.confirm().unwrap();
            handle.close(CloseCode::NORMAL);
            waiting.join().unwrap();
        });
    });
}

/// While another thread drives, too.
pub fn waiting_for_an_event_ends_in_time<A: ClientAdapter>() {
    let witness = Witness::new(Manner { pongs: false, ..Manner::default() });
    let mut client = watched(persistent::<A>(&witness.url()));
    client.expect(&["connected", "open"]);
    let handle = client.handle();
    let confirming = thread::spawn(move || {
        handle.send("one").unwrap();
        handle.confirm()
    });
    thread::sleep(millis(100));
    for _ in 0..3 {
        assert_eq!(takes(millis(200), || client.within(millis(200))), [""; 0]);
    }
    client.abort();
    assert!(confirming.join().unwrap().is_err());
}

pub(crate) fn in_order_of_each(texts: &[String], senders: usize, count: usize) {
    assert_eq!(texts.len(), senders * count, "{texts:?}");
    for sender in 0..senders {
        let beginning = format!("{sender} ");
        let own: Vec<_> = texts.iter().filter(|text| text.starts_with(&beginning)).collect();
        let numbers = own.iter().map(|text| name(text)[beginning.len()..].parse::<usize>().unwrap());
        assert!(numbers.eq(0..count), "messages of one sender are out of order: {own:?}");
    }
}

pub fn senders_wait_while_the_peer_takes_nothing<A: ClientAdapter>() {
    const SENDERS: usize = 4;
    const COUNT: usize = 60;
    let witness = Witness::new(Manner::default());
    let proxy = Proxy::new(witness.address(), [Stall(Up, 2000)]);
    let mut client = watched(persistent::<A>(&proxy.url()).max_send_buffer(64 * KIB));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let handle = client.handle();
                scope.spawn(move || {
                    for number in 0..COUNT {
                        handle.send(long(&format!("{sender} {number}"), 32 * KIB)).unwrap();
                    }
                })
            })
            .collect();
        client.until("full");
        // The socket takes something before it takes nothing more. No event tells: what it takes is queued anew at once.
        let mut written = 0;
        while client.stats().bytes_written > written {
            written = client.stats().bytes_written;
            client.within(millis(500));
        }
        assert!(senders.iter().any(|sender| !sender.is_finished()), "nobody waits for room");
        assert!(matches!(client.try_send("no room"), Err(SendError::Full { .. })));
        proxy.release();
        client.until("drained");
        // The outbox may be full and empty again many times until all is sent.
        while senders.iter().any(|sender| !sender.is_finished()) {
            client.within(millis(20));
        }
    });
    client.flush().unwrap();
    client.confirm().unwrap();
    in_order_of_each(&witness.texts(), SENDERS, COUNT);
}

/// The socket takes a part of them, and then nothing more.
pub fn a_writer_that_makes_no_progress_costs_write_timeout<A: ClientAdapter>() {
    const COUNT: usize = 192;
    let witness = Witness::new(Manner::default());
    let proxy = Proxy::new(witness.address(), [HalfOpen(Up, 2000)]);
    let config = quiet().write_timeout(millis(1500));
    let mut client = watched(persistent::<A>(&proxy.url()).config(config).max_send_buffer(16_000 * KIB));
    let names: Vec<_> = (0..COUNT).map(|number| format!("m{number}")).collect();
    for name in &names {
        // A quarter of what the system holds unsent.
        client.try_send(long(name, 32 * KIB)).unwrap();
    }
    takes(millis(1500), || {
        client.expect(&["connected", "open", "error timeout", "closed 1006", "reconnecting 1"]);
    });
    let taken = client.stats().messages_sent as usize;
    assert!(taken < COUNT, "the socket has taken everything");
    client.expect(&["connected", "open"]);
    client.flush().unwrap();
    assert!(client.confirm().is_err(), "what the first socket had taken is lost");
    // The next proof is about what comes next, and all before it.
    client.try_send("last").unwrap();
    client.confirm().unwrap();
    let texts = witness.texts();
    let mut seen: Vec<_> = texts.iter().map(|text| name(text)).collect();
    assert_eq!(seen.pop(), Some("last"));
    assert_eq!(seen, names[taken..], "what was not taken whole is sent again, whole, and nothing else");
}

pub fn confirm_is_a_proof_or_an_error<A: ClientAdapter>() {
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        let witness = Witness::new(Manner { greetings: &["hi"], pongs: false, ..Manner::default() });
        let mut proxy = Proxy::new(witness.address(), []);
        let mut client = watched(persistent::<A>(&proxy.url()).delivery(delivery));
        client.until("message hi");
        let handle = client.handle();
        let waiting = thread::spawn(move || {
            handle.send("one").unwrap();
            handle.confirm()
        });
        witness.wait_until("the message", |all| all[0].texts == ["one"]);
        assert!(!waiting.is_finished(), "there is no proof yet");
        proxy.refuse();
        proxy.hang_up();
        client.until("error connect");
        match delivery {
            Delivery::AtMostOnce => assert!(waiting.join().unwrap().is_err(), "it may be lost"),
            _ => {
                assert!(!waiting.is_finished(), "it is sent again");
                client.close(CloseCode::NORMAL);
                assert!(waiting.join().unwrap().is_err(), "it was not proven");
                let unsent = client.take_unsent();
                assert!(unsent.iter().map(|message| message.as_text().unwrap()).eq(["one"]), "{unsent:?}");
            }
        }
    }
}

pub fn confirmed_messages_come_again_and_are_proven<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let proxy = Proxy::new(witness.address(), [Cut(crate::proxy::Way::Down, 133 + 5)]);
    let mut client = watched(persistent::<A>(&proxy.url()).delivery(Delivery::Confirmed));
    client.until("message hi");
    let handle = client.handle();
    let waiting = thread::spawn(move || {
        handle.send("one").unwrap();
        handle.confirm()
    });
    client.until("reconnecting 1");
    client.until("message hi");
    client.flush().unwrap();
    waiting.join().unwrap().unwrap();
    assert_eq!(witness.texts(), ["one", "one"], "twice, since the first was not proven");
}

pub fn nothing_comes_while_reading_is_paused<A: ClientAdapter>() {
    let witness = Witness::new(Manner { echoes: true, ..Manner::default() });
    let config = quiet().ping_interval(millis(50)).pong_timeout(millis(1500));
    let mut client = watched(persistent::<A>(&witness.url()).config(config));
    client.expect(&["connected", "open"]);
    client.pause();
    client.send("one").unwrap();
    witness.wait_until("the message", |all| all[0].texts == ["one"]);
    let seen = client.within(millis(2000));
    assert!(seen.is_empty(), "neither the echo nor the deadline of a pong: {seen:?}");
    client.resume();
    client.expect(&["message one"]);
    client.send("two").unwrap();
    client.expect(&["message two"]);
}

/// Also of one that opens later.
pub fn a_pause_outlasts_the_connection<A: ClientAdapter>() {
    let witness = Witness::new(Manner { echoes: true, ..Manner::default() });
    let mut client = watched(persistent::<A>(&witness.url()));
    client.pause();
    client.try_send("one").unwrap();
    client.expect(&["connected", "open"]);
    client.flush().unwrap();
    witness.wait_until("the message", |all| all[0].texts == ["one"]);
    let seen = takes(millis(200), || client.within(millis(200)));
    assert!(seen.is_empty(), "{seen:?}");
    client.resume();
    client.expect(&["message one"]);
}
