//! Compressed messages that are received (RFC 7692 §6.2 and §7.2.2): frames in, events out, at every cut.

use std::ops::ControlFlow;

use ws_core::{Deflate, Event, ForEachEnd, Initiator, Machine, Message, MessageRef, Role, ViolationKind};

use crate::agreed::*;
use crate::support::*;

pub(crate) const COMPRESSED: u8 = 0xC1;
pub(crate) const FIRST_COMPRESSED: u8 = 0x41;

/// RFC 7692 §7.2.3: "Hello" in one block, again with a reference to the first, without compression, and in a block that calls
/// itself the last.
pub(crate) const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
pub(crate) const AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
const STORED: &[u8] = &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
const FINAL: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

pub(crate) fn takeover() -> Deflate {
    Deflate::default()
}

pub(crate) fn forgetful() -> Deflate {
    takeover().server_context_takeover(false).client_context_takeover(false)
}

/// A trace: compressed payloads, whole or in fragments, and the texts that they are.
struct Case {
    rule: &'static str,
    messages: Vec<(Vec<Vec<u8>>, String)>,
    /// Whether it needs what was in the messages before.
    refers: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |rule, refers, messages: &[(&[&[u8]], &str)]| {
        let messages = messages.iter().map(|(fragments, text)| {
            (fragments.iter().map(|fragment| fragment.to_vec()).collect(), (*text).to_owned())
        });
        cases.push(Case { rule, messages: messages.collect(), refers });
    };
    let split = |payload: &'static [u8], at: usize| [&payload[..at], &payload[at..]];
    case("one block", false, &[(&[HELLO], "Hello"), (&[HELLO], "Hello")]);
    case("a shared window", true, &[(&[HELLO], "Hello"), (&[AGAIN], "Hello"), (&[AGAIN], "Hello")]);
    case("no compression", false, &[(&[STORED], "Hello")]);
    case("a final block and an empty one", false, &[(&[FINAL, &[0]], "Hello"), (&[HELLO], "Hello")]);
    case("a final block alone", false, &[(&[FINAL], "Hello"), (&[HELLO], "Hello"), (&[FINAL], "Hello")]);
    case(
        "a window behind a final block",
        true,
        &[(&[HELLO], "Hello"), (&[FINAL], "Hello"), (&[AGAIN], "Hello")],
    );
    case(
        "a window behind an empty final one",
        true,
        &[(&[HELLO], "Hello"), (&[&[3, 0]], ""), (&[AGAIN], "Hello")],
    );
    case("blocks behind a final one", false, &[(&[&[FINAL, HELLO].concat()], "HelloHello")]);
    case("a reference over a final one", false, &[(&[&[FINAL, AGAIN].concat(), &[]], "HelloHello")]);
    case("three final ones", false, &[(&[&[FINAL, FINAL, FINAL].concat()], "HelloHelloHello")]);
    case("a final block of its own", false, &[(&[HELLO, &[0, 0, 0xff, 0xff], &[3, 0]], "Hello")]);
    case("a final block with bits left over", false, &[(&[&[0x03, 0x80]], ""), (&[HELLO], "Hello")]);
    case("a final block that the tail ends", false, &[(&[&[0x01]], ""), (&[HELLO], "Hello")]);
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    case("two blocks", false, &[(&[&two], "Hello")]);
    case("a cut within a tail between blocks", false, &[(&[&two[..6], &two[6..]], "Hello")]);
    for at in 0..=HELLO.len() {
        case(
            "fragments",
            false,
            &[(&split(HELLO, at), "Hello"), (&[&[0], &[]], ""), (&split(HELLO, at), "Hello")],
        );
    }
    case("empty fragments", false, &[(&[&[], HELLO, &[], &[]], "Hello")]);
    case("an empty message", true, &[(&[&[0]], ""), (&[HELLO], "Hello"), (&[&[0]], ""), (&[AGAIN], "Hello")]);
    case(
        "an empty payload",
        true,
        &[(&[&[]], ""), (&[HELLO], "Hello"), (&[&[], &[]], ""), (&[AGAIN], "Hello")],
    );
    case("an empty block with the shortest code", false, &[(&[&[2, 0]], ""), (&[HELLO], "Hello")]);
    cases
}

/// The bytes of a trace; with `between`, a ping before each fragment and an uncompressed message after each message.
fn to_bytes(sender: Role, case: &Case, between: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (fragments, _) in &case.messages {
        for (n, fragment) in fragments.iter().enumerate() {
            if between {
                bytes.extend(frame(sender, PING, b"p"));
            }
            let first = if n == 0 { FIRST_COMPRESSED } else { CONTINUATION };
            let fin = if n + 1 == fragments.len() { LAST } else { 0 };
            bytes.extend(frame(sender, first | fin, fragment));
        }
        if between {
            bytes.extend(frame(sender, TEXT, b"plain"));
        }
    }
    bytes
}

fn texts(case: &Case, between: bool) -> Vec<Message> {
    let plain = between.then(|| Message::from("plain"));
    case.messages.iter().flat_map(|(_, text)| [Some(text.clone().into()), plain.clone()]).flatten().collect()
}

/// Opens a connection, brings it the parts, and asks for events with `take` after each.
pub(crate) fn received<'a>(
    role: Role,
    deflate: &Deflate,
    parts: impl IntoIterator<Item = &'a [u8]>,
    mut take: impl FnMut(&mut ws_core::Connection) -> Vec<Message>,
) -> Vec<Message> {
    let mut connection = open_deflate(role, &quiet(), deflate);
    let mut messages = Vec::new();
    for part in parts {
        feed(&mut connection, part, at(0));
        messages.extend(take(&mut connection));
    }
    assert!(connection.is_open() && connection.inbound().is_empty());
    messages
}

/// Messages as events.
pub(crate) fn owned(connection: &mut ws_core::Connection) -> Vec<Message> {
    let message = |seen| match seen {
        Seen::Event(Event::Message(message)) => Some(message),
        Seen::Event(Event::Ping(_)) => None,
        other => panic!("{other:?}"),
    };
    drain(connection).into_iter().filter_map(message).collect()
}

/// Messages as a visitor is shown them.
fn borrowed(connection: &mut ws_core::Connection) -> Vec<Message> {
    let mut shown = Vec::new();
    let end = connection.for_each_borrowed(|message, _| {
        shown.push(match message {
            MessageRef::Text(text) => Message::text(text.to_owned()),
            MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(end.unwrap(), ForEachEnd::Drained);
    shown
}

/// Messages put together from chunks.
pub(crate) fn chunkd(begun: &mut Vec<u8>) -> impl FnMut(&mut ws_core::Connection) -> Vec<Message> {
    |connection| {
        connection.receive_chunks(true);
        let mut messages = Vec::new();
        for seen in drain(connection) {
            match seen {
                Seen::Event(Event::Chunk(chunk)) => {
                    assert!(chunk.last || !chunk.bytes.is_empty());
                    begun.extend_from_slice(&chunk.bytes);
                    if chunk.last {
                        messages.push(Message::text(String::from_utf8(std::mem::take(begun)).unwrap()));
                    }
                }
                Seen::Event(Event::Ping(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        messages
    }
}

#[test]
fn every_legal_payload_is_inflated_wherever_it_is_cut_and_whatever_comes_between() {
    for role in ROLES {
        for case in cases() {
            for between in [false, true] {
                for deflate in [takeover(), forgetful()].iter().take(if case.refers { 1 } else { 2 }) {
                    let bytes = to_bytes(role.peer(), &case, between);
                    let expected = texts(&case, between);
                    let rule = case.rule;
                    assert_eq!(received(role, deflate, [&bytes[..]], owned), expected, "{rule}");
                    assert_eq!(received(role, deflate, bytes.chunks(1), owned), expected, "{rule}, by bytes");
                    assert_eq!(received(role, deflate, [&bytes[..]], borrowed), expected, "{rule}, borrowed");
                    assert_eq!(
                        received(role, deflate, bytes.chunks(3), borrowed),
                        expected,
                        "{rule}, borrowed"
                    );
                    for n in [1, 2, usize::MAX] {
                        let chunks = received(role, deflate, bytes.chunks(n), chunkd(&mut Vec::new()));
                        assert_eq!(chunks, expected, "{rule}, in chunks");
                    }
                    for cut in 1..bytes.len() {
                        let (head, tail) = bytes.split_at(cut);
                        assert_eq!(
                            received(role, deflate, [head, tail], owned),
                            expected,
                            "{rule}, cut at {cut}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_chunk_has_at_most_16_kib_and_others_wait_for_it() {
    let deflate = takeover().min_size(0);
    for role in ROLES {
        let mut peer = open_deflate(role.peer(), &quiet(), &deflate);
        peer.send(vec![7; 100_000]).unwrap();
        peer.ping("after").unwrap();
        let mut connection = open_deflate(role, &quiet().max_message_size(10), &deflate);
        connection.receive_chunks(true);
        let seen = read(&mut connection, &write(&mut peer, at(0)), at(0));
        let lengths: Vec<(usize, bool)> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Event(Event::Chunk(chunk)) => Some((chunk.bytes.len(), chunk.last)),
                _ => None,
            })
            .collect();
        assert_eq!(lengths.iter().map(|(len, _)| len).sum::<usize>(), 100_000);
        assert!(lengths.iter().all(|(len, _)| *len <= 16 * 1024), "{lengths:?}");
        assert_eq!(lengths.iter().filter(|(_, last)| *last).count(), 1);
        assert_eq!(seen.last(), Some(&Seen::Event(Event::Ping("after".into()))));
    }
}

#[test]
fn the_mode_may_change_within_a_compressed_message() {
    let deflate = takeover().min_size(0);
    let text: String =
        crate::pairs::noise(1, 50_000).iter().map(|byte| char::from(b'a' + byte % 23)).collect();
    for role in ROLES {
        let mut peer = open_deflate(role.peer(), &quiet(), &deflate);
        peer.send(text.clone()).unwrap();
        peer.send(text.clone()).unwrap();
        let bytes = write(&mut peer, at(0));
        for cut in [1, 2, 10, 100, bytes.len() / 2, bytes.len() - 1] {
            for first_in_chunks in [false, true] {
                let mut connection = open_deflate(role, &quiet(), &deflate);
                connection.receive_chunks(first_in_chunks);
                let mut seen = read(&mut connection, &bytes[..cut], at(0));
                connection.receive_chunks(!first_in_chunks);
                seen.extend(read(&mut connection, &bytes[cut..], at(0)));
                let mut whole = Vec::new();
                for seen in seen {
                    match seen {
                        Seen::Event(Event::Chunk(chunk)) => whole.extend_from_slice(&chunk.bytes),
                        Seen::Event(Event::Message(message)) => whole.extend_from_slice(message.as_bytes()),
                        other => panic!("{other:?}"),
                    }
                }
                assert!(whole == text.repeat(2).as_bytes(), "cut at {cut}");
            }
        }
    }
}

#[test]
fn a_compressed_message_that_comes_while_the_user_sends_is_read_ahead() {
    for role in ROLES {
        let mut connection = open_deflate(role, &quiet().max_read_ahead(1000), &takeover());
        feed(&mut connection, &frame(role.peer(), COMPRESSED, HELLO), at(0));
        assert!(connection.read_ahead());
        let mut peer = open_deflate(role.peer(), &quiet(), &takeover());
        peer.send("x".repeat(5000)).unwrap();
        feed(&mut connection, &write(&mut peer, at(0))[..], at(0));
        assert!(!connection.read_ahead(), "what is inflated counts");
        assert_eq!(drain(&mut connection), [message("Hello"), message("x".repeat(5000))]);
    }
}

#[test]
fn an_oversized_message_that_was_read_ahead_in_chunks_is_the_same_error_wherever_it_is_cut() {
    for role in ROLES {
        let mut peer = open_deflate(role.peer(), &quiet().max_frame_size(20), &takeover());
        for text in ["a".repeat(90), (b'!'..b'~').map(char::from).collect(), "behind".to_owned()] {
            peer.send(text).unwrap();
        }
        let bytes = write(&mut peer, at(0));
        let config = quiet().max_message_size(91);
        let mut connection = open_deflate(role, &config, &takeover());
        let expected = (read(&mut connection, &bytes, at(0)), connection.stats().received);
        assert!(matches!(
            expected.0[..],
            [Seen::Event(_), Seen::Violation(ViolationKind::MessageTooBig(92), _)]
        ));
        for cut in 0..=bytes.len() {
            let mut connection = open_deflate(role, &config, &takeover());
            connection.receive_chunks(true);
            feed(&mut connection, &bytes[..cut], at(0));
            connection.read_ahead();
            connection.receive_chunks(false);
            let mut seen = drain(&mut connection);
            seen.extend(read(&mut connection, &bytes[cut..], at(0)));
            assert_eq!((seen, connection.stats().received), expected, "cut at {cut}");
        }
    }
}

#[test]
fn closing_is_as_ever() {
    for role in ROLES {
        let mut connection = open_deflate(role, &quiet(), &takeover());
        connection.start_message(ws_core::MessageKind::Text).unwrap();
        connection.continue_message(b"never finished").unwrap();
        let bytes =
            [frame(role.peer(), FIRST_COMPRESSED, &HELLO[..3]), close(role.peer(), 1000, b"bye")].concat();
        read(&mut connection, &bytes, at(0));
        connection.handle_read(0, at(0));
        write(&mut connection, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1000, "bye", Initiator::Remote, true, 1));
    }
}
