//! What is made of compressed messages (RFC 7692 §6.2 and §7.2.2): frames in, events out, at every cut.

use std::ops::ControlFlow;

use ws_core::{Deflate, Event, ForEachEnd, Initiator, Machine, Message, MessageRef, Role, ViolationKind};

use crate::agreed::*;
use crate::support::*;

pub(crate) const COMPRESSED: u8 = 0xC1;
pub(crate) const FIRST_COMPRESSED: u8 = 0x41;

/// RFC 7692 §7.2.3: "Hello" in one block, again with a reference to the first, without compression, and in a block that calls
/// itself the last.
pub(crate) const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
const STORED: &[u8] = &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
const FINAL: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn takeover() -> Deflate {
    Deflate::default()
}

fn forgetful() -> Deflate {
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
fn received<'a>(
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
fn owned(connection: &mut ws_core::Connection) -> Vec<Message> {
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
    let visit = connection.for_each_borrowed(|message, _| {
        shown.push(match message {
            MessageRef::Text(text) => Message::text(text.to_owned()),
            MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(visit.unwrap(), ForEachEnd::Drained);
    shown
}

/// Messages put together from chunks.
fn chunkd(begun: &mut Vec<u8>) -> impl FnMut(&mut ws_core::Connection) -> Vec<Message> {
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
fn without_takeover_nothing_is_remembered() {
    for role in ROLES {
        let mut connection = open_deflate(role, &quiet(), &forgetful());
        let bytes = [frame(role.peer(), COMPRESSED, HELLO), frame(role.peer(), COMPRESSED, AGAIN)].concat();
        let seen = read(&mut connection, &bytes, at(0));
        let kind = ViolationKind::InvalidDeflate;
        let offset = frame(role.peer(), COMPRESSED, HELLO).len() as u64;
        assert_eq!(seen, [message("Hello"), Seen::Violation(kind, offset)]);
    }
}

#[test]
fn a_message_larger_than_the_window_is_inflated_in_any_cut_after_a_final_block_too() {
    let text: String =
        crate::pairs::noise(11, 90_000).iter().map(|byte| char::from(b'a' + byte % 16)).collect();
    let again = text[text.len() - 32_000..].to_owned();
    for bits in [8, 9, 12, 15] {
        let compressed = |peer: &mut zlib_rs::Deflate, text: &str, flush| {
            let mut output = vec![0; text.len() + 100];
            let before = peer.total_out();
            peer.compress(text.as_bytes(), &mut output, flush).unwrap();
            output.truncate((peer.total_out() - before) as usize);
            output
        };
        let mut first = zlib_rs::Deflate::new(6, false, 15.min(bits.max(9)));
        let mut payload = compressed(&mut first, &text, zlib_rs::DeflateFlush::Finish);
        // A stream that knows the one before it, though that has ended.
        let mut second = zlib_rs::Deflate::new(6, false, 15.min(bits.max(9)));
        second.set_dictionary(text.as_bytes()).unwrap();
        let mut next = compressed(&mut second, &again, zlib_rs::DeflateFlush::SyncFlush);
        next.truncate(next.len() - 4);
        assert!(bits < 15 || next.len() < 1000, "it refers to the first: {}", next.len());
        payload.push(0);
        let deflate = takeover().server_max_window_bits(bits).client_max_window_bits(bits);
        for role in ROLES {
            let bytes =
                [frame(role.peer(), COMPRESSED, &payload), frame(role.peer(), COMPRESSED, &next)].concat();
            for chunk in [1, 100, 4096, usize::MAX] {
                let messages = received(role, &deflate, bytes.chunks(chunk), owned);
                assert!(messages == [Message::from(text.clone()), Message::from(again.clone())], "{bits}");
                let messages = received(role, &deflate, bytes.chunks(chunk), chunkd(&mut Vec::new()));
                assert!(messages == [Message::from(text.clone()), Message::from(again.clone())], "{bits}");
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

/// Bits of DEFLATE (RFC 1951 §3.1.1), the first one lowest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= (bit as u8) << (self.len % 8);
        self.len += 1;
    }

    /// A number, its lowest bit first.
    fn number(&mut self, number: u32, n: u32) -> &mut Self {
        (0..n).for_each(|i| self.bit(number >> i & 1));
        self
    }

    /// A code, its highest bit first.
    fn code(&mut self, code: u32, n: u32) -> &mut Self {
        (0..n).rev().for_each(|i| self.bit(code >> i & 1));
        self
    }
}

/// zlib and its descendants refer 262 bytes less far back, but other compressors to the end of the window.
#[test]
fn the_oldest_byte_of_the_window_outlives_a_final_block() {
    let noise = crate::pairs::noise(5, 32_768);
    let text: String = noise.iter().map(|byte| char::from(b'a' + byte % 16)).collect();
    // A block without compression that fills the window, and then a final one: 40 letters, and three of them again.
    let mut first = vec![0x00, 0x00, 0x80, 0xFF, 0x7F];
    first.extend_from_slice(text.as_bytes());
    let mut bits = Bits::default();
    bits.number(1, 1).number(1, 2);
    for n in 0..40 {
        bits.code(0x30 + u32::from(b'A') + n, 8);
    }
    bits.code(257 - 256, 7).code(10, 5).number(40 - 33, 4).code(0, 7);
    first.extend(bits.bytes);
    let letters: String = (0..40).map(|n| char::from(b'A' + n)).collect();
    // 31 bytes from the window's beginning, and the empty block of which the tail is removed.
    let mut bits = Bits::default();
    bits.number(0, 1).number(1, 2).code(272 - 256, 7).number(0, 2).code(29, 5).number(8191, 13).code(0, 7);
    bits.number(0, 3);
    let expected = [text.clone() + &letters + "ABC", text[43..74].to_owned()].map(Message::from);
    for role in ROLES {
        let bytes =
            [frame(role.peer(), COMPRESSED, &first), frame(role.peer(), COMPRESSED, &bits.bytes)].concat();
        for chunk in [1, 100, usize::MAX] {
            assert!(received(role, &takeover(), bytes.chunks(chunk), owned) == expected, "by {chunk} bytes");
        }
    }
}
