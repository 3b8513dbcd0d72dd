//! Floods, and servers that take nothing: the memory of the client stays flat.

use std::thread;
use std::time::Duration;

use suite::watch::bounded;
use suite::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, close_payload};

use crate::testee::{Testee, for_every_runtime};

const FLOOD: usize = 100_000;

/// So much more a client may hold than before, in KiB, whatever comes.
const FLAT: u64 = 6 * 1024;

/// A client whose memory has been used for one round of everything, and what it has held so far.
fn warm(runtime: &str) -> (Testee, suite::peer::Peer, u64) {
    let (mut testee, mut peer) = Testee::open(runtime, &[]);
    peer.frame(FIN | PING, "warm");
    peer.text("up");
    assert_eq!(peer.receive().opcode, PONG);
    assert_eq!(peer.receive_text(), "up");
    for name in ["ping", "message"] {
        assert_eq!(testee.event().unwrap()["event"], name);
    }
    let peak = testee.peak();
    (testee, peer, peak)
}

fn flat(testee: &Testee, before: u64, what: &str) {
    let grown = testee.peak() - before;
    println!("{grown} KiB more after {what}");
    assert!(grown < FLAT, "{grown} KiB more after {what}");
}

#[test]
fn a_flood_of_pings_whose_pongs_nobody_reads() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (mut testee, mut peer, before) = warm(runtime);
            let mut flood = peer.another();
            let flooding = thread::spawn(move || {
                let pings = flood.encode(FIN | PING, [7; 125]).repeat(100);
                for _ in 0..FLOOD / 100 {
                    flood.send(&pings);
                }
                flood.text("after the flood");
            });
            for number in 0..FLOOD {
                assert_eq!(testee.event().unwrap()["event"], "ping", "{number}");
            }
            assert_eq!(testee.event().unwrap()["text"], "after the flood");
            flooding.join().unwrap();
            flat(&testee, before, "pings");
            // Now they are read: no more than were asked for, each whole, and the echo among the last.
            let pongs = (0..).find(|_| peer.receive().opcode == TEXT).unwrap();
            assert!(pongs <= FLOOD, "{pongs}");
            peer.close(1000, "");
            while peer.receive().opcode != CLOSE {}
            peer.end();
            assert_eq!(testee.outcome().status, Some(0));
        });
    });
}

#[test]
fn a_flood_of_empty_fragments_ends_with_1008() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (testee, mut peer, before) = warm(runtime);
            peer.frame(BINARY, "");
            let fragments = peer.encode(CONTINUATION, "").repeat(1024);
            for _ in 0..128 {
                peer.send_while_taken(&fragments, fragments.len());
            }
            assert_eq!(peer.receive_close().0, 1008);
            flat(&testee, before, "empty fragments");
            peer.end();
            let outcome = testee.outcome();
            assert!(outcome.failure("protocol").contains("fragments"), "{outcome:?}");
            assert_eq!(outcome.closed()["code"], 1008);
        });
    });
}

#[test]
fn nothing_is_allocated_because_a_header_announces_it() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (mut testee, mut peer, before) = warm(runtime);
            // Within the limit, and never sent.
            let announcement = [&[FIN | BINARY, 127][..], &(8u64 << 20).to_be_bytes(), &[0; 1000]].concat();
            peer.send([peer.encode(FIN | PING, "it comes"), announcement].concat());
            assert_eq!(testee.event().unwrap()["event"], "ping");
            // It came with the ping; what it is taken for has no event of its own.
            thread::sleep(Duration::from_millis(100));
            flat(&testee, before, "an announcement of 8 MiB");
            drop(peer);
            assert_eq!(testee.outcome().closed()["code"], 1006);
        });
    });
}

#[test]
fn a_server_that_reads_nothing() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (testee, mut peer, before) = warm(runtime);
            let message = peer.encode(FIN | BINARY, vec![1; 60_000]);
            let sent = peer.send_while_taken(&message.repeat(20), 256 << 20);
            assert!(sent < 256 << 20, "the client takes on and on");
            flat(&testee, before, "echoes that nobody reads");
            // With bytes unread: the connection is reset.
            drop(peer);
            let outcome = testee.outcome();
            outcome.failure("transport");
            assert_eq!(outcome.closed()["code"], 1006);
        });
    });
}

#[test]
fn a_close_frame_behind_a_flood_that_is_answered() {
    const MESSAGES: usize = 20_000;
    bounded(|| {
        for_every_runtime(|runtime| {
            let (testee, mut peer, _) = warm(runtime);
            let mut answers = peer.another();
            let reading = thread::spawn(move || {
                let mut echoes = 0_usize;
                loop {
                    let frame = answers.receive();
                    if frame.opcode == CLOSE {
                        assert_eq!(frame.close().0, 3000);
                        return echoes;
                    }
                    echoes += 1;
                }
            });
            let message = peer.encode(FIN | TEXT, "flood");
            for _ in 0..100 {
                peer.send(message.repeat(MESSAGES / 100));
            }
            peer.frame(FIN | CLOSE, close_payload(3000, "enough"));
            let running = thread::spawn(move || {
                // Its lines are read meanwhile: its output is a pipe, which holds little.
                testee.outcome()
            });
            // The client answers the Close frame when its user has replied to each message before it.
            assert_eq!(reading.join().unwrap(), MESSAGES);
            peer.end();
            let outcome = running.join().unwrap();
            let closed = outcome.closed();
            assert_eq!((&closed["code"], &closed["reason"]), (&3000.into(), &"enough".into()));
        });
    });
}
