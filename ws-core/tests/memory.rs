//! What a peer or a user can make a connection hold, counted by the allocator. One test alone, since it counts for the
//! whole process.

#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use ws_core::bytes::BytesMut;
use ws_core::{
    ClientHandshake, ClientRequest, Config, Connection, Error, Event, Instant, Machine, MessageKind,
    MessageRef, Random, Role,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

/// A client, whose peer needs not mask.
fn open(config: Config) -> Connection {
    Connection::after_handshake(Role::Client, &config, Random::from_seed([1; 32]), BytesMut::new(), at(0))
}

fn feed<M: Machine>(machine: &mut M, bytes: &[u8]) {
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), at(0));
}

/// Takes every event; the error, if there was one.
fn drain(connection: &mut Connection) -> Option<Error> {
    loop {
        match connection.poll_event() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// A connection that is idle holds next to nothing, whatever it has sent.
fn what_a_burst_of_small_messages_leaves_behind() {
    // Of many, since the test's own harness allocates meanwhile, too.
    const MANY: usize = 32;
    let config = Config::default().max_send_buffer(64 * KIB);
    for role in [Role::Client, Role::Server] {
        let open = || {
            let random = Random::from_seed([1; 32]);
            Connection::after_handshake(role, &config, random, BytesMut::new(), at(0))
        };
        let mut connections: Vec<_> = (0..MANY).map(|_| open()).collect();
        let before = MEMORY.current_usage();
        for connection in &mut connections {
            while connection.send(vec![7]).is_ok() {}
            write(connection);
            connection.outbound().release();
        }
        let held = (MEMORY.current_usage() - before) / MANY;
        assert!(held < 2 * KIB, "{held} bytes for a {role:?}");
    }
}

/// Queues one more small item, if there is room.
type Queue = fn(&mut Connection, usize) -> bool;

/// All that can be queued in many small items.
const SMALL: [(&str, Queue); 6] = [
    ("empty messages", |connection, _| connection.send("").is_ok()),
    ("messages of few bytes", |connection, n| connection.send(vec![7; n % 40]).is_ok()),
    ("borrowed messages", |connection, n| connection.send_ref(MessageRef::Binary(&[7][..n % 2])).is_ok()),
    ("pings", |connection, _| connection.ping("").is_ok()),
    ("parts of a stream", |connection, n| {
        (n > 0 || connection.start_message(MessageKind::Binary).is_ok())
            && connection.continue_message(&[7]).is_ok()
    }),
    ("streams", |connection, _| {
        connection.start_message(MessageKind::Text).is_ok() && connection.finish_message(b"").is_ok()
    }),
];

/// The limit on what waits counts all that a small item keeps alive, however large its share of that is.
fn what_waits_in_small_items_holds_no_more_than_the_limit_allows() {
    for max in [50_000, 64 * KIB, 90_000] {
        for role in [Role::Client, Role::Server] {
            for (name, queue) in SMALL {
                let before = MEMORY.current_usage();
                let config = Config::default().max_send_buffer(max).ping_interval(None);
                let random = Random::from_seed([1; 32]);
                let mut connection =
                    Connection::after_handshake(role, &config, random, BytesMut::new(), at(0));
                // A transport takes no more, a little each time, or much.
                for (taken, times) in [(0, 1), (max / 50, 60), (max / 3, 5), (max - 1000, 5)] {
                    for _ in 0..times {
                        connection.handle_write(taken, at(0));
                        // A stream of which the end was refused goes on.
                        let _ = connection.finish_message(b"");
                        let mut n = 0;
                        while queue(&mut connection, n) {
                            n += 1;
                        }
                        let held = MEMORY.current_usage() - before;
                        assert!(
                            2 * held <= 5 * max,
                            "{name}, {role:?}: {held} bytes held for {max}, {taken} taken"
                        );
                    }
                }
            }
        }
    }
}

/// Of messages from 64 bytes on, as many wait as their bytes on the wire allow, within a few percent.
fn ordinary_messages_fill_the_limit_with_their_bytes() {
    for len in [64, 1000, 4096, 100_000] {
        for role in [Role::Client, Role::Server] {
            let config = Config::default();
            let random = Random::from_seed([1; 32]);
            let mut connection = Connection::after_handshake(role, &config, random, BytesMut::new(), at(0));
            while connection.send(vec![7; len]).is_ok() {}
            let waiting = connection.outbound().len();
            assert!(waiting >= KIB * KIB * 97 / 100, "{len}, {role:?}: {waiting}");
        }
    }
}

fn write(connection: &mut Connection) {
    let waiting = connection.outbound().len();
    connection.handle_write(waiting, at(0));
}

fn a_flood_of_pings_that_nobody_answers() {
    let mut connection = open(Config::default());
    let pings = [&[0x89, 125][..], &[7; 125]].concat().repeat(8);
    for _ in 0..20_000 {
        feed(&mut connection, &pings);
        assert!(drain(&mut connection).is_none());
    }
}

fn a_flood_of_empty_fragments() {
    let mut connection = open(Config::default());
    feed(&mut connection, &[0x01, 0]);
    let fragments = [0, 0].repeat(1000);
    let error = (0..1000).find_map(|_| {
        feed(&mut connection, &fragments);
        drain(&mut connection)
    });
    assert!(matches!(error, Some(Error::Violation(violation)) if u16::from(violation.code()) == 1008));
}

fn a_header_that_announces_16_mib() {
    for first in [0x01, 0x02, 0x81, 0x82] {
        let mut connection = open(Config::default());
        feed(&mut connection, &[first, 127, 0, 0, 0, 0, 1, 0, 0, 0, b'x']);
        assert!(drain(&mut connection).is_none());
    }
}

fn a_peer_that_never_answers_a_ping() {
    let mut connection = open(Config::default().pong_timeout(None));
    for _ in 0..100_000 {
        connection.handle_timeout(connection.poll_timeout().unwrap());
        write(&mut connection);
        connection.ping(vec![7; 125]).unwrap();
        write(&mut connection);
    }
}

fn a_message_without_end_sent_as_a_stream() {
    let mut connection = open(Config::default());
    connection.start_message(MessageKind::Binary).unwrap();
    let part = [7; 16 * KIB];
    for _ in 0..1 << 10 {
        connection.continue_message(&part).unwrap();
        write(&mut connection);
    }
}

fn a_message_without_end_received_in_chunks() {
    let mut connection = open(Config::default());
    connection.receive_chunks(true);
    feed(&mut connection, &[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
    let part = [b'x'; 16 * KIB];
    for _ in 0..1 << 10 {
        feed(&mut connection, &part);
        assert!(drain(&mut connection).is_none());
    }
}

fn what_follows_a_violation_or_a_close() {
    for end in [&[0xFF, 0xFF][..], &[0x88, 0]] {
        let mut connection = open(Config::default());
        feed(&mut connection, end);
        drain(&mut connection);
        for _ in 0..1 << 10 {
            feed(&mut connection, &[b'x'; 16 * KIB]);
            assert!(drain(&mut connection).is_none());
        }
    }
}

fn a_flood_of_empty_messages_while_the_user_sends() {
    let mut connection = open(Config::default().max_read_ahead(64 * KIB));
    let messages = [0x82, 0].repeat(1000);
    let mut is_reading = true;
    while is_reading {
        feed(&mut connection, &messages);
        is_reading = connection.read_ahead();
    }
}

fn a_message_of_a_mebibyte_that_comes_in_small_parts() {
    for first in [0x81, 0x82] {
        let mut connection = open(Config::default());
        feed(&mut connection, &[first, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]);
        for _ in 0..(1 << 20) / 64 {
            feed(&mut connection, &[b'x'; 64]);
            match connection.poll_event() {
                Ok(None) => {}
                Ok(Some(Event::Message(message))) => assert_eq!(message.len(), 1 << 20),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn a_few_small_messages_of_many_that_are_kept() {
    let mut connection = open(Config::default());
    let messages = [&[0x82, 16][..], &[7; 16]].concat().repeat(900);
    let kept: Vec<_> = (0..100)
        .map(|_| {
            feed(&mut connection, &messages);
            let first = connection.poll_event().unwrap().unwrap();
            assert!(drain(&mut connection).is_none());
            first
        })
        .collect();
    assert!(kept.iter().all(|event| matches!(event, Event::Message(_))));
}

fn an_endless_head_and_an_endless_body() {
    for start in [
        "HTTP/1.1 101 ",
        "HTTP/1.1 500 x\r\n\r\n",
        "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
    ] {
        let request = ClientRequest::new("a", "/").unwrap();
        let mut handshake =
            ClientHandshake::new(&request, Config::default(), Random::from_seed([1; 32]), at(10));
        feed(&mut handshake, start.as_bytes());
        let error = (0..1 << 10).find_map(|_| {
            feed(&mut handshake, &[b'x'; KIB]);
            handshake.poll_event().err()
        });
        assert!(error.is_some());
    }
}

fn pings_from_a_user_that_are_never_written() {
    let mut connection = open(Config::default().max_send_buffer(16 * KIB));
    while connection.ping(vec![7; 125]).is_ok() {}
    for _ in 0..100_000 {
        connection.handle_timeout(connection.poll_timeout().unwrap());
    }
}

/// A message of which half comes, and then a byte every 19 s for 120 s.
fn trickle(connection: &mut Connection, first: u8, size: usize) {
    let before = MEMORY.current_usage();
    feed(connection, &[[first, 127].as_slice(), &(size as u64).to_be_bytes()].concat());
    feed(connection, &vec![b'x'; size / 2]);
    assert!(drain(connection).is_none());
    assert!(MEMORY.current_usage() - before >= size / 2);
    for second in 1..=120 {
        if second % 19 == 0 {
            connection.inbound().extend_from_slice(b"x");
            connection.handle_read(1, at(second));
        }
        connection.handle_timeout(at(second));
        drain(connection);
        let n = connection.outbound().len();
        connection.handle_write(n, at(second));
    }
}

/// A message of 16 MiB of which half has come, and then a byte every 19 s; and one that waits for a peer which takes a byte every 29 s.
/// Neither is held for longer than two windows.
fn what_a_peer_without_progress_holds() {
    // Of many, since the test's own harness allocates meanwhile, too. The messages come one after the other.
    const MANY: usize = 8;
    let size = 16 * KIB * KIB;
    for first in [0x81, 0x82] {
        let mut connections: Vec<_> = (0..MANY).map(|_| open(Config::default())).collect();
        let idle = MEMORY.current_usage();
        for connection in &mut connections {
            trickle(connection, first, size);
        }
        let held = (MEMORY.current_usage() - idle) / MANY;
        assert!(held < KIB, "{held} bytes");
    }
    for role in [Role::Client, Role::Server] {
        let random = Random::from_seed([1; 32]);
        let config = Config::default().ping_interval(None);
        let mut connection = Connection::after_handshake(role, &config, random, BytesMut::new(), at(0));
        let before = MEMORY.current_usage();
        connection.send(vec![7; size]).unwrap();
        for second in 1..=120 {
            connection.handle_write(usize::from(second % 29 == 0), at(second));
            connection.handle_timeout(at(second));
            drain(&mut connection);
        }
        let held = MEMORY.current_usage() - before;
        assert!(held < KIB, "{held} bytes for a {role:?}");
    }
}

#[test]
fn memory_is_bounded() {
    what_a_peer_without_progress_holds();
    what_a_burst_of_small_messages_leaves_behind();
    ordinary_messages_fill_the_limit_with_their_bytes();
    what_waits_in_small_items_holds_no_more_than_the_limit_allows();
    let cases: [(&str, usize, fn()); 12] = [
        ("pings", 16 * KIB, a_flood_of_pings_that_nobody_answers),
        ("empty fragments", 8 * KIB, a_flood_of_empty_fragments),
        ("an announced length", 4 * KIB, a_header_that_announces_16_mib),
        ("no pong", 16 * KIB, a_peer_that_never_answers_a_ping),
        ("streamed out", 64 * KIB, a_message_without_end_sent_as_a_stream),
        ("streamed in", 64 * KIB, a_message_without_end_received_in_chunks),
        ("after the end", 64 * KIB, what_follows_a_violation_or_a_close),
        ("read ahead", 256 * KIB, a_flood_of_empty_messages_while_the_user_sends),
        ("small parts", 3 * KIB * KIB, a_message_of_a_mebibyte_that_comes_in_small_parts),
        ("kept", 100 * (KIB + 128) + 64 * KIB, a_few_small_messages_of_many_that_are_kept),
        ("heads and bodies", 128 * KIB, an_endless_head_and_an_endless_body),
        ("unwritten pings", 64 * KIB, pings_from_a_user_that_are_never_written),
    ];
    for (name, bound, case) in cases {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        case();
        let held = MEMORY.peak_usage() - before;
        assert!(held <= bound, "{name}: {held} bytes, over {bound}");
    }
}
