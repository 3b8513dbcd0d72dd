//! Statistics: each frame, message and byte counts once, however the bytes are split into reads.

use std::ops::ControlFlow;

use ws_core::{
    Accept, Config, Connection, Event, Machine, Message, MessageKind, Random, Role, ServerHandshake, Stats,
};

use crate::support::*;

/// Sends one message of each form and a ping, with a payload of 5 + 200 + 5000 + 10 + 0 bytes in 9 frames.
fn send_all(connection: &mut Connection) {
    connection.send("hello").unwrap();
    connection.send_ref(Message::binary(vec![1; 200]).as_ref()).unwrap();
    connection.send(vec![2; 5000]).unwrap();
    connection.ping("ping").unwrap();
    connection.start_message(MessageKind::Text).unwrap();
    for part in ["abcd", "efgh", "ij"] {
        connection.continue_message(part.as_bytes()).unwrap();
    }
    connection.finish_message(b"").unwrap();
    connection.send("").unwrap();
}

fn check_sent(stats: &Stats, role: Role) {
    let sent = stats.sent;
    assert_eq!((sent.messages, sent.payload_bytes, sent.frames), (5, 5215, 9));
    assert_eq!((sent.pings, sent.pongs), (1, 0));
    // Headers: two frames have a length of two bytes.
    let header = if role == Role::Client { 6 } else { 2 };
    assert_eq!(sent.bytes, 5215 + 4 + 9 * header + 2 * 2);
}

#[test]
fn both_ends_count_the_same_however_the_bytes_are_split() {
    for chunk in [1, 2, 7, 150, usize::MAX] {
        for role in ROLES {
            let mut pair = Pair::new(&quiet(), &quiet(), chunk);
            let (sender, _) = ends(&mut pair, role);
            send_all(sender);
            pair.settle();
            let (sender, receiver) = ends(&mut pair, role);
            check_sent(&sender.stats(), role);
            assert_eq!(receiver.stats().received, sender.stats().sent, "in reads of {chunk}");
            // The pong.
            let answer = receiver.stats().sent;
            assert_eq!((answer.messages, answer.payload_bytes, answer.frames, answer.pongs), (0, 0, 1, 1));
            assert_eq!(sender.stats().received, answer);
            assert_eq!((sender.stats().queued_bytes, sender.stats().unsent_messages), (0, 0));
        }
    }
}

fn ends(pair: &mut Pair, sender: Role) -> (&mut Connection, &mut Connection) {
    match sender {
        Role::Client => (&mut pair.client, &mut pair.server),
        Role::Server => (&mut pair.server, &mut pair.client),
    }
}

#[test]
fn every_way_to_receive_counts_the_same() {
    let ways: [fn(&mut Connection); 4] = [
        |connection| _ = drain(connection),
        |connection| _ = connection.for_each_borrowed(|_, _| ControlFlow::Continue(())),
        |connection| while !matches!(connection.poll_data(), Ok(ws_core::DataPoll::Pending)) {},
        |connection| {
            connection.receive_chunks(true);
            drain(connection);
        },
    ];
    for role in ROLES {
        let mut sender = open(role, &quiet());
        send_all(&mut sender);
        let bytes = write(&mut sender, at(0));
        for take in ways {
            for chunk in [1, 64, usize::MAX] {
                let mut receiver = open(role.peer(), &quiet());
                for part in bytes.chunks(chunk.min(bytes.len())) {
                    feed(&mut receiver, part, at(0));
                    take(&mut receiver);
                }
                assert_eq!(receiver.stats().received, sender.stats().sent);
            }
        }
    }
}

#[test]
fn a_message_counts_with_its_last_byte_and_a_payload_as_it_comes() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        let bytes = frame(role.peer(), TEXT, b"hello");
        let header = bytes.len() - 5;
        read(&mut connection, &bytes[..header - 1], at(0));
        assert_eq!(connection.stats().received.frames, 0);
        read(&mut connection, &bytes[header - 1..header + 3], at(0));
        let received = connection.stats().received;
        assert_eq!((received.frames, received.messages, received.payload_bytes), (1, 0, 3));
        read(&mut connection, &bytes[header + 3..], at(0));
        let received = connection.stats().received;
        assert_eq!((received.frames, received.messages, received.payload_bytes), (1, 1, 5));
        assert_eq!(received.bytes, bytes.len() as u64);
    }
}

#[test]
fn a_message_that_breaks_a_rule_does_not_count_and_bytes_behind_it_do() {
    let config = quiet().max_message_size(100);
    // The frame, and whether it is let in.
    for role in ROLES {
        let cases = [
            (frame(role.peer(), TEXT, b"\xFFabc"), 1),
            (frame(role.peer(), TEXT, &[b"abcdefgh".repeat(9).as_slice(), b"\xFF"].concat()), 1),
            (frame(role.peer(), BINARY, &[0; 101]), 0),
            (frame(role.peer(), LAST, b"no first"), 0),
        ];
        for (bytes, frames) in cases {
            for chunk in [3, bytes.len()] {
                let mut connection = open(role, &config);
                let hello = frame(role.peer(), BINARY, b"hello");
                read(&mut connection, &hello, at(0));
                bytes.chunks(chunk).for_each(|part| _ = read(&mut connection, part, at(0)));
                read(&mut connection, &[0; 10], at(0));
                let received = connection.stats().received;
                assert_eq!((received.messages, received.frames), (1, 1 + frames), "{bytes:?} in {chunk}");
                assert_eq!(received.bytes as usize, hello.len() + bytes.len() + 10);
            }
        }
    }
}

/// Streams that a peer may send: legal ones, broken ones, and such that break off.
fn streams(sender: Role) -> Vec<(&'static str, Vec<u8>)> {
    let frame = |first, payload: &[u8]| frame(sender, first, payload);
    let close = |code, reason: &[u8]| close(sender, code, reason);
    let long = |end: &[u8]| [b"abcdefgh".repeat(9).as_slice(), end].concat();
    let begun = || frame(FIRST_TEXT, b"ab");
    vec![
        ("messages", [frame(TEXT, "h\u{e9}".as_bytes()), frame(BINARY, &[1; 90])].concat()),
        ("empty messages", [frame(TEXT, b""), frame(BINARY, b"")].concat()),
        ("fragments", [begun(), frame(CONTINUATION, b"cd"), frame(PING, b"p"), frame(LAST, b"")].concat()),
        ("a cut text", header(sender, TEXT, 50)),
        ("a cut binary message", frame(BINARY, &[1; 90])[..50].to_vec()),
        ("short invalid text", frame(TEXT, b"ab\xFFcd")),
        ("long invalid text", frame(TEXT, &long(b"\xFFabc"))),
        ("text that ends within a character", frame(TEXT, b"ab\xE2\x82")),
        ("long text that ends within a character", frame(TEXT, &long(b"\xE2\x82"))),
        ("an invalid character of three bytes", frame(TEXT, b"ab\xE2\x82\xFFcd")),
        ("an invalid fragment", [begun(), frame(CONTINUATION, b"c\xFFd"), frame(LAST, b"e")].concat()),
        ("an invalid last fragment", [begun(), frame(LAST, b"c\xE2")].concat()),
        ("too large", frame(BINARY, &[0; 101])),
        ("too large text", frame(TEXT, &[b'x'; 101])),
        ("too large in fragments", [begun(), frame(LAST, &[b'x'; 99])].concat()),
        ("too many fragments", [begun(), frame(CONTINUATION, b"").repeat(9)].concat()),
        ("a continuation of nothing", frame(LAST, b"no first")),
        ("a message in a message", [begun(), frame(BINARY, b"cd")].concat()),
        ("a reserved opcode", frame(0x83, b"abc")),
        ("a wrong mask", crate::support::frame(sender.peer(), TEXT, b"abc")),
        ("a fragmented ping", frame(PING & 0x7F, b"abc")),
        ("a long ping", frame(PING, &[0; 126])),
        ("control frames", [frame(PING, b"ping"), frame(PONG, b""), frame(PING, b"")].concat()),
        ("a close", [close(1000, b"bye"), frame(TEXT, b"behind")].concat()),
        ("an empty close", frame(CLOSE, b"")),
        ("a close of one byte", frame(CLOSE, b"\x03")),
        ("an illegal code", close(1005, b"bye")),
        ("an invalid reason", close(1000, b"ab\xFFcd")),
        ("a reason that ends within a character", close(1000, b"ab\xE2\x82")),
        ("a broken close within a message", [begun(), close(1000, b"\xFF"), frame(LAST, b"")].concat()),
    ]
}

#[test]
fn counts_do_not_depend_on_how_the_bytes_are_split() {
    let config = quiet().max_message_size(100).max_fragments(4);
    for role in ROLES {
        for (name, stream) in streams(role.peer()) {
            let bytes = [frame(role.peer(), TEXT, b"before"), stream].concat();
            for in_chunks in [false, true] {
                let count = |chunk: usize| {
                    let mut connection = open(role, &config);
                    connection.receive_chunks(in_chunks);
                    bytes.chunks(chunk).for_each(|part| _ = read(&mut connection, part, at(0)));
                    let before_the_end = connection.stats();
                    connection.handle_read(0, at(0));
                    drain(&mut connection);
                    (before_the_end, connection.stats())
                };
                let whole = count(bytes.len());
                for chunk in [1, 2, 3, 7, 20, 64] {
                    assert_eq!(count(chunk), whole, "{role:?}: {name} in reads of {chunk}, {in_chunks}");
                }
            }
        }
    }
}

#[test]
fn sent_bytes_are_those_that_the_transport_took() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("hello").unwrap();
        connection.send("world").unwrap();
        let all = connection.outbound().len();
        let stats = connection.stats();
        assert_eq!((stats.sent.messages, stats.sent.bytes), (2, 0));
        assert_eq!((stats.queued_bytes, stats.unsent_messages), (all, 2));
        write_some(&mut connection, all / 2 + 1, at(0));
        let stats = connection.stats();
        assert_eq!((stats.sent.messages, stats.sent.bytes as usize), (2, all / 2 + 1));
        assert_eq!((stats.queued_bytes, stats.unsent_messages), (all - all / 2 - 1, 1));
    }
}

#[test]
fn frames_that_the_connection_sends_by_itself_count() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        for _ in 0..100 {
            read(&mut connection, &frame(role.peer(), PING, b"ping"), at(0));
        }
        let stats = connection.stats();
        assert_eq!((stats.received.pings, stats.received.frames), (100, 100));
        // The last of them stands for the pings that had no pong.
        assert_eq!(stats.sent.pongs, 15);
        let sent = frames(role, &write(&mut connection, at(0)));
        let sent = sent.len() + frames(role, &write(&mut connection, at(0))).len();
        assert_eq!(connection.stats().sent.pongs as usize, sent);
        connection.close(ws_core::CloseCode::NORMAL, at(0));
        assert_eq!(connection.stats().sent.frames as usize, sent + 1);
        assert_eq!(connection.stats().sent.messages, 0);
    }
}

#[test]
fn the_opening_handshake_does_not_count() {
    let mut handshake = ServerHandshake::new(Config::default(), Random::from_seed([1; 32]), at(10));
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let hello = frame(Role::Client, TEXT, b"hello");
    feed(&mut handshake, &[request.as_bytes(), &hello].concat(), at(0));
    handshake.poll_event().unwrap().unwrap();
    let mut connection = handshake.accept(&Accept::default(), at(0)).unwrap();
    assert_eq!(connection.stats().received.bytes as usize, hello.len());
    assert_eq!(drain(&mut connection), [message("hello")]);
    let stats = connection.stats();
    assert_eq!((stats.received.messages, stats.received.bytes as usize), (1, hello.len()));
    assert!(stats.queued_bytes > 0, "the response waits");
    connection.send("hello").unwrap();
    write(&mut connection, at(0));
    assert_eq!(connection.stats().sent.bytes, 7);
}

#[test]
fn round_trips_are_the_last_and_the_shortest() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        assert_eq!(connection.stats().last_round_trip, None);
        for (left, came, last, min) in [(1, 4, 3, 3), (10, 12, 2, 2), (20, 25, 5, 2)] {
            connection.ping("ping").unwrap();
            write(&mut connection, at(left));
            let seen = read(&mut connection, &frame(role.peer(), PONG, b"ping"), at(came));
            assert!(matches!(&seen[..], [Seen::Event(Event::Pong { round_trip: Some(_), .. })]));
            let stats = connection.stats();
            assert_eq!(stats.last_round_trip, Some(seconds(last)));
            assert_eq!(stats.min_round_trip, Some(seconds(min)));
        }
        // A pong that answers no ping has no round-trip time.
        read(&mut connection, &frame(role.peer(), PONG, b"other"), at(30));
        let stats = connection.stats();
        assert_eq!((stats.received.pongs, stats.last_round_trip), (4, Some(seconds(5))));
    }
}
