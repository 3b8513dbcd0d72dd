//! What goes over the wire when messages are compressed (RFC 7692 §6.1 and §7.2.1).

use ws_core::{Config, Connection, Deflate, MessageKind, MessageRef, Role, SendError, StreamError};

use crate::agreed::*;
use crate::oracle::Decoder;
use crate::support::*;

pub(crate) const COMPRESSED_TEXT: u8 = 0xC1;
pub(crate) const COMPRESSED_BINARY: u8 = 0xC2;
const FIRST_COMPRESSED_TEXT: u8 = 0x41;
const FIRST_COMPRESSED_BINARY: u8 = 0x42;
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

fn all() -> Deflate {
    Deflate::default().min_size(0)
}

fn forgetful() -> Deflate {
    all().server_context_takeover(false).client_context_takeover(false)
}

fn open(role: Role, deflate: &Deflate) -> Connection {
    open_deflate(role, &quiet(), deflate)
}

fn sent(connection: &mut Connection) -> Vec<(u8, Vec<u8>)> {
    frames(connection.role(), &write(connection, at(0)))
}

#[test]
fn rfc_7692_section_7_2_3_examples() {
    for role in ROLES {
        let mut connection = open(role, &all());
        connection.send("Hello").unwrap();
        connection.send("Hello").unwrap();
        let hello = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let again = vec![0xf2, 0x00, 0x11, 0x00, 0x00];
        let expected = [(COMPRESSED_TEXT, hello.clone()), (COMPRESSED_TEXT, again)];
        assert_eq!(sent(&mut connection), expected);

        let mut connection = open(role, &forgetful().level(9));
        for _ in 0..2 {
            connection.send("Hello".repeat(9)).unwrap();
        }
        let frames = sent(&mut connection);
        assert_eq!((frames[0].0, &frames[0]), (COMPRESSED_TEXT, &frames[1]), "nothing is taken over");
    }
}

#[test]
fn an_empty_message_is_one_byte_and_leaves_the_context_as_it_is() {
    for role in ROLES {
        let mut connection = open(role, &all());
        for text in ["Hello", "", "Hello", ""] {
            connection.send(text).unwrap();
        }
        let frames = sent(&mut connection);
        assert_eq!(frames[1], (COMPRESSED_TEXT, vec![0]));
        assert_eq!(frames[2], (COMPRESSED_TEXT, vec![0xf2, 0x00, 0x11, 0x00, 0x00]));
        assert_eq!(frames[3], (COMPRESSED_TEXT, vec![0]));
    }
}

#[test]
fn what_is_small_or_not_to_be_compressed_goes_out_as_it_is() {
    for role in ROLES {
        let mut connection = open(role, &Deflate::default());
        connection.send("x".repeat(63)).unwrap();
        connection.send("x".repeat(64)).unwrap();
        connection.compress(false);
        connection.send("x".repeat(64)).unwrap();
        connection.send_ref(MessageRef::Binary(&[0; 5000])).unwrap();
        connection.start_message(MessageKind::Text).unwrap();
        // What has begun goes on as it began.
        connection.compress(true);
        connection.finish_message(b"part").unwrap();
        connection.send_ref(MessageRef::Binary(&[0; 5000])).unwrap();
        connection.ping("ping").unwrap();
        let firsts: Vec<u8> = sent(&mut connection).iter().map(|(first, _)| *first).collect();
        let expected = [TEXT, COMPRESSED_TEXT, TEXT, BINARY, FIRST_TEXT | LAST, COMPRESSED_BINARY, PING];
        assert_eq!(firsts, expected);
    }
}

#[test]
fn without_takeover_what_does_not_become_smaller_goes_out_as_it_is() {
    let incompressible = crate::pairs::noise(3, 5000);
    for role in ROLES {
        let mut connection = open(role, &forgetful());
        connection.send(incompressible.clone()).unwrap();
        assert_eq!(sent(&mut connection), [(BINARY, incompressible.clone())]);
        // With takeover, it may make later messages smaller.
        let mut connection = open(role, &all());
        connection.send(incompressible.clone()).unwrap();
        connection.send(incompressible.clone()).unwrap();
        let frames = sent(&mut connection);
        assert_eq!(frames[0].0, COMPRESSED_BINARY);
        assert!(frames[1].1.len() < 100, "{}", frames[1].1.len());
    }
}

#[test]
fn a_result_of_any_length_is_whole() {
    for level in [0, 1, 6] {
        let mut connection = open(Role::Server, &all().level(level));
        let mut peer = open(Role::Client, &all());
        // Around the room that is made at a time, so that it is also filled to its last byte.
        for len in (16_340..16_400).chain(32_730..32_780) {
            let sent = crate::pairs::noise(len as u64, len);
            connection.send(sent.clone()).unwrap();
            let bytes = write(&mut connection, at(0));
            assert_eq!(bytes[0], COMPRESSED_BINARY);
            assert!(read(&mut peer, &bytes, at(0)) == [message(sent)], "{len} bytes, level {level}");
        }
    }
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    for role in ROLES {
        for len in [5000, 100_000] {
            let message = crate::pairs::noise(5, len);
            let mut connection = open_deflate(role, &quiet().max_frame_size(1500), &all());
            connection.send(message.clone()).unwrap();
            let frames = sent(&mut connection);
            let (last, others) = frames.split_last().unwrap();
            assert_eq!((others[0].0, last.0), (FIRST_COMPRESSED_BINARY, LAST));
            assert!(others[1..].iter().all(|(first, _)| *first == CONTINUATION));
            assert!(others.iter().all(|(_, payload)| payload.len() == 1500));
            let payload: Vec<u8> = frames.into_iter().flat_map(|(_, payload)| payload).collect();
            let mut decoder = Decoder::default();
            decoder.decode(&[&payload[..], &TAIL].concat());
            assert!(decoder.output == message);
        }
    }
}

#[test]
fn each_part_of_a_streamed_message_can_be_inflated_as_soon_as_it_is_there() {
    for role in ROLES {
        for deflate in [all(), forgetful()] {
            let mut connection = open(role, &deflate);
            let mut peer = open(role.peer(), &deflate);
            peer.receive_chunks(true);
            for _ in 0..2 {
                connection.start_message(MessageKind::Text).unwrap();
                let mut firsts = Vec::new();
                for (part, last) in [("é".repeat(50), false), ("part".into(), false), (String::new(), true)]
                {
                    // Within a character.
                    let (head, tail) = part.as_bytes().split_at(part.len().min(3));
                    for (part, last) in [(head, false), (tail, last)] {
                        match last {
                            true => connection.finish_message(part).unwrap(),
                            false => connection.continue_message(part).unwrap(),
                        }
                        let bytes = write(&mut connection, at(0));
                        firsts.extend(frames(role, &bytes).iter().map(|(first, _)| *first));
                        let chunks: Vec<u8> = read(&mut peer, &bytes, at(0))
                            .into_iter()
                            .flat_map(|seen| match seen {
                                Seen::Event(ws_core::Event::Chunk(chunk)) => chunk.bytes.to_vec(),
                                other => panic!("{other:?}"),
                            })
                            .collect();
                        assert_eq!(chunks, part);
                    }
                }
                assert_eq!(firsts, [FIRST_COMPRESSED_TEXT, CONTINUATION, CONTINUATION, CONTINUATION, LAST]);
            }
            assert_eq!((connection.unsent(), peer.is_within_chunks()), (0, false));
        }
    }
}

#[test]
fn nothing_refers_farther_back_than_was_agreed() {
    // Repetitions at every distance, the largest matches included.
    let mut message = crate::pairs::noise(9, 300);
    for distance in (1..270).step_by(3).chain([400, 508, 760, 1000, 2000, 4090, 8000, 16_000, 33_000]) {
        message.extend(crate::pairs::noise(distance, 5));
        let from = message.len().saturating_sub(distance as usize);
        message.extend_from_within(from..(from + 300).min(message.len()));
    }
    for bits in 8..=15 {
        for level in 0..=9 {
            let deflate = all().level(level).server_max_window_bits(bits).client_max_window_bits(bits);
            let mut connection = open(ROLES[usize::from(level % 2)], &deflate);
            let mut decoder = Decoder::default();
            for part in message.chunks(30_000) {
                connection.send(part.to_vec()).unwrap();
                let [(COMPRESSED_BINARY, payload)] = &sent(&mut connection)[..] else { panic!() };
                decoder.decode(&[&payload[..], &TAIL].concat());
            }
            assert!(decoder.output == message, "{bits} bits, level {level}");
            let window = 1 << bits;
            assert!(decoder.farthest <= window, "{} of {window}, level {level}", decoder.farthest);
            assert!(level == 0 || decoder.farthest > window / 4, "{} of {window}", decoder.farthest);
        }
    }
}

#[test]
fn what_waits_is_counted_as_it_goes_over_the_wire() {
    for role in ROLES {
        let config: Config = quiet().max_send_buffer(1000);
        let mut connection = open_deflate(role, &config, &all());
        for n in 1..=10 {
            connection.send("x".repeat(50_000)).unwrap();
            assert_eq!((connection.unsent(), connection.has_room()), (n, true));
        }
        connection.send(crate::pairs::noise(1, 50_000)).unwrap();
        assert!(!connection.has_room());
        assert!(matches!(connection.send("more"), Err(SendError::Full { .. })));
        connection.start_message(MessageKind::Text).unwrap();
        assert_eq!(connection.continue_message(b"more"), Err(StreamError::Full(1000)));
        let mut bytes = write_some(&mut connection, 500, at(0));
        assert!(connection.unsent() < 11);
        bytes.extend(write(&mut connection, at(0)));
        assert_eq!((connection.unsent(), connection.has_room()), (0, true));
        // What was refused has left no trace in the context.
        connection.finish_message(b"more").unwrap();
        bytes.extend(write(&mut connection, at(0)));
        let seen = read(&mut open(role.peer(), &all()), &bytes, at(0));
        assert_eq!((seen.len(), &seen[0], &seen[11]), (12, &message("x".repeat(50_000)), &message("more")));
    }
}

#[test]
fn a_streamed_text_that_is_not_utf_8_is_refused_before_it_is_compressed() {
    for role in ROLES {
        let mut connection = open(role, &all());
        connection.start_message(MessageKind::Text).unwrap();
        connection.continue_message(b"abc").unwrap();
        assert_eq!(connection.continue_message(b"\xff"), Err(StreamError::InvalidUtf8));
        connection.finish_message(b"def").unwrap();
        let mut peer = open(role.peer(), &all());
        let bytes = write(&mut connection, at(0));
        assert_eq!(read(&mut peer, &bytes, at(0)), [message("abcdef")]);
    }
}

#[test]
fn statistics_tell_payloads_from_the_bytes_that_they_became() {
    for role in ROLES {
        let mut sender = open(role, &all());
        let mut receiver = open(role.peer(), &all());
        sender.send("compressible ".repeat(1000)).unwrap();
        sender.start_message(MessageKind::Binary).unwrap();
        sender.continue_message(&[7; 3000]).unwrap();
        sender.finish_message(&[]).unwrap();
        let bytes = write(&mut sender, at(0));
        for part in bytes.chunks(10) {
            read(&mut receiver, part, at(0));
        }
        let sent = sender.stats().sent;
        assert_eq!((sent.messages, sent.payload_bytes, sent.frames), (2, 16_000, 3));
        assert_eq!(sent.bytes as usize, bytes.len());
        assert!(sent.bytes < 400, "{sent:?}");
        assert_eq!(receiver.stats().received, sent);
    }
}
