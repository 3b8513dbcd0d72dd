//! A message received as a stream: chunks as they come, of any total size.

use ws_core::bytes::Bytes;
use ws_core::{Chunk, CloseCode, Connection, DataPoll, Event, Machine, MessageKind, Role, ViolationKind};

use crate::support::*;

fn in_chunks(role: Role, config: &ws_core::Config) -> Connection {
    let mut connection = open(role, config);
    connection.receive_chunks(true);
    connection
}

/// The chunks of `seen` put together to messages.
fn whole(seen: Vec<Seen>) -> Vec<(MessageKind, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut begun = None;
    for seen in seen {
        let Seen::Event(Event::Chunk(Chunk { kind, bytes, last, .. })) = seen else { continue };
        let (_, message) = begun.get_or_insert((kind, Vec::new()));
        message.extend_from_slice(&bytes);
        if last {
            messages.extend(begun.take());
        }
    }
    assert_eq!(begun, None);
    messages
}

#[test]
fn chunks_come_as_their_bytes_do_also_inside_one_frame() {
    for role in ROLES {
        let bytes = frame(role.peer(), BINARY, b"abcdef");
        let head = bytes.len() - 6;
        let mut connection = in_chunks(role, &quiet());
        let mut chunk = |bytes: &[u8]| match &read(&mut connection, bytes, at(0))[..] {
            [] => None,
            [Seen::Event(Event::Chunk(chunk))] => Some((chunk.bytes.clone(), chunk.last)),
            other => panic!("{other:?}"),
        };
        assert_eq!(chunk(&bytes[..head]), None);
        assert_eq!(chunk(&bytes[head..head + 2]), Some((Bytes::from("ab"), false)));
        assert_eq!(chunk(&bytes[head + 2..head + 5]), Some((Bytes::from("cde"), false)));
        assert_eq!(chunk(&bytes[head + 5..]), Some((Bytes::from("f"), true)));
    }
}

#[test]
fn the_chunks_make_up_the_messages_wherever_the_bytes_are_cut() {
    let expected = vec![
        (MessageKind::Binary, b"in one frame".to_vec()),
        (MessageKind::Text, "in three främes".as_bytes().to_vec()),
        (MessageKind::Text, vec![]),
        (MessageKind::Binary, vec![]),
        (MessageKind::Binary, vec![9; 300]),
    ];
    for role in ROLES {
        let frame = |first, payload: &[u8]| frame(role.peer(), first, payload);
        let bytes = [
            frame(BINARY, b"in one frame"),
            frame(FIRST_TEXT, b"in three fr\xc3"),
            frame(PING, b""),
            frame(CONTINUATION, b""),
            frame(CONTINUATION, b"\xa4m"),
            frame(LAST, b"es"),
            frame(TEXT, b""),
            frame(FIRST_BINARY, b""),
            frame(LAST, b""),
            frame(BINARY, &[9; 300]),
        ]
        .concat();
        for chunk in 1..=bytes.len() {
            let mut connection = in_chunks(role, &quiet());
            let seen = bytes.chunks(chunk).flat_map(|part| read(&mut connection, part, at(0))).collect();
            assert_eq!(whole(seen), expected, "in chunks of {chunk}");
            assert!(!connection.is_within_chunks());
        }
    }
}

#[test]
fn chunks_may_be_asked_for_and_given_up_at_every_point_of_a_message() {
    for role in ROLES {
        for (first, text) in [(FIRST_TEXT, "fragmented téxt"), (TEXT, "téxt in a frame"), (BINARY, "binary")]
        {
            let rest = if first == FIRST_TEXT { frame(role.peer(), LAST, b"!") } else { vec![] };
            let bytes = [frame(role.peer(), first, text.as_bytes()), rest].concat();
            for on in 0..bytes.len() {
                for off in on + 1..bytes.len() {
                    let mut connection = open(role, &quiet());
                    let mut seen = read(&mut connection, &bytes[..on], at(0));
                    connection.receive_chunks(true);
                    seen.extend(read(&mut connection, &bytes[on..off], at(0)));
                    let was_within = connection.is_within_chunks();
                    connection.receive_chunks(false);
                    seen.extend(read(&mut connection, &bytes[off..], at(0)));
                    let got: Vec<u8> = seen
                        .iter()
                        .flat_map(|seen| match seen {
                            Seen::Event(Event::Chunk(chunk)) => chunk.bytes.to_vec(),
                            Seen::Event(Event::Message(message)) => message.as_bytes().to_vec(),
                            other => panic!("{other:?}"),
                        })
                        .collect();
                    let end = if first == FIRST_TEXT { "!" } else { "" };
                    assert_eq!(got, [text, end].concat().as_bytes(), "on at {on}, off at {off}");
                    let is_chunk =
                        matches!(seen.last(), Some(Seen::Event(Event::Chunk(chunk))) if chunk.last);
                    assert_eq!(is_chunk, was_within, "on at {on}, off at {off}");
                    assert_eq!(read(&mut connection, &frame(role.peer(), TEXT, b"x"), at(0)), [message("x")]);
                }
            }
        }
    }
}

#[test]
fn chunks_are_exempt_from_the_limits_on_size_and_fragments() {
    for role in ROLES {
        let mut connection = in_chunks(role, &quiet().max_message_size(10).max_fragments(3));
        let bytes = [
            frame(role.peer(), FIRST_BINARY, &[1; 100]),
            frame(role.peer(), CONTINUATION, &[1; 100]).repeat(100),
            header(role.peer(), LAST, 1 << 40),
        ];
        let seen = read(&mut connection, &bytes.concat(), at(0));
        assert_eq!(seen.len(), 101, "{:?}", seen.last());
        assert!(connection.is_within_chunks());
    }
}

#[test]
fn a_flood_of_empty_fragments_is_cut_off_in_chunks_too() {
    for role in ROLES {
        let mut connection = in_chunks(role, &quiet().max_fragments(10));
        read(&mut connection, &frame(role.peer(), FIRST_BINARY, b"x"), at(0));
        let empty = frame(role.peer(), CONTINUATION, b"");
        assert_eq!(read(&mut connection, &empty.repeat(10), at(0)), []);
        let seen = read(&mut connection, &empty, at(0));
        assert!(matches!(seen[..], [Seen::Violation(ViolationKind::TooManyFragments, _)]), "{seen:?}");
    }
}

#[test]
fn text_in_chunks_is_checked_within_the_read_that_brings_it() {
    for role in ROLES {
        let bytes = [header(role.peer(), FIRST_TEXT, 1000), frame(role.peer(), 0, b"ab\xff")[..].to_vec()];
        let head = bytes[0].len();
        let payload_at = bytes[1].len() - 3;
        let payload = &bytes[1][payload_at..];
        let mut connection = in_chunks(role, &quiet());
        let seen = read(&mut connection, &[&bytes[0], payload].concat(), at(0));
        assert_eq!(seen, [Seen::Violation(ViolationKind::InvalidUtf8, head as u64 + 2)]);
    }
}

/// What comes while the user waits for something else than receiving is read ahead.
fn ahead(role: Role, config: &ws_core::Config, bytes: &[u8]) -> Connection {
    let mut connection = in_chunks(role, config);
    feed(&mut connection, bytes, at(0));
    assert!(connection.read_ahead());
    connection
}

#[test]
fn a_message_that_was_read_ahead_in_chunks_is_whole_for_a_user_who_wants_it_whole() {
    for role in ROLES {
        let bytes = [
            frame(role.peer(), FIRST_TEXT, b"in thr\xc3"),
            frame(role.peer(), PING, b"p"),
            frame(role.peer(), CONTINUATION, b"\xa4"),
            frame(role.peer(), LAST, b"e"),
            frame(role.peer(), BINARY, b"in one"),
        ]
        .concat();
        let expected =
            [Seen::Event(Event::Ping("p".into())), message("in thr\u{e4}e"), message(b"in one".to_vec())];
        for cut in 0..=bytes.len() {
            let mut connection = ahead(role, &quiet(), &bytes[..cut]);
            connection.receive_chunks(false);
            let mut seen = drain(&mut connection);
            seen.extend(read(&mut connection, &bytes[cut..], at(0)));
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }
}

#[test]
fn the_rest_of_a_message_ends_with_its_last_chunk_though_that_was_read_ahead() {
    for role in ROLES {
        let mut connection = in_chunks(role, &quiet());
        let seen = read(&mut connection, &frame(role.peer(), FIRST_BINARY, b"a"), at(0));
        assert_eq!(seen.len(), 1);
        let rest = [frame(role.peer(), LAST, b"b"), frame(role.peer(), FIRST_BINARY, b"c")].concat();
        feed(&mut connection, &rest, at(0));
        assert!(connection.read_ahead());
        assert!(connection.is_within_chunks());
        assert!(matches!(connection.poll_event(), Ok(Some(Event::Chunk(chunk))) if chunk.last));
        assert!(!connection.is_within_chunks());
    }
}

#[test]
fn what_was_read_ahead_in_chunks_has_a_limit_again_for_a_user_who_wants_it_whole() {
    for role in ROLES {
        let begun = frame(role.peer(), FIRST_BINARY, b"123456");
        let ended = [begun.clone(), frame(role.peer(), LAST, b"12345")].concat();
        for bytes in [begun, ended] {
            let config = quiet().max_message_size(10);
            let mut connection = ahead(role, &config, &bytes);
            connection.receive_chunks(false);
            let mut seen = drain(&mut connection);
            seen.extend(read(&mut connection, &frame(role.peer(), LAST, b"12345"), at(0)));
            assert!(matches!(seen[..], [Seen::Violation(ViolationKind::MessageTooBig(11), _)]), "{seen:?}");
        }
    }
}

#[test]
fn a_message_that_was_dropped_in_part_while_closing_does_not_look_whole() {
    for role in ROLES {
        let [begun, dropped, rest] = [
            frame(role.peer(), FIRST_BINARY, b"a"),
            frame(role.peer(), CONTINUATION, b"b"),
            [frame(role.peer(), LAST, b"c"), frame(role.peer(), BINARY, b"d")].concat(),
        ];
        for wants_chunks in [true, false] {
            let mut connection = in_chunks(role, &quiet().max_read_ahead(1));
            connection.close(CloseCode::NORMAL, at(0));
            feed(&mut connection, &[&begun[..], &dropped].concat(), at(0));
            assert!(connection.read_to_close());
            connection.receive_chunks(wants_chunks);
            let first = connection.poll_data().unwrap();
            assert_eq!(matches!(first, DataPoll::Chunk(chunk) if !chunk.last), wants_chunks);
            feed(&mut connection, &rest, at(0));
            let expected =
                if wants_chunks { DataPoll::Pending } else { DataPoll::Message(b"d".to_vec().into()) };
            assert_eq!(connection.poll_data().unwrap(), expected);
        }
    }
}

#[test]
fn an_oversized_message_that_was_read_ahead_in_chunks_is_the_same_error_wherever_it_is_cut() {
    for role in ROLES {
        let of = |first, payload: &[u8]| frame(role.peer(), first, payload);
        let behind =
            [of(PING, b"q"), of(FIRST_TEXT, b"an"), of(LAST, b"other"), of(BINARY, b"third")].concat();
        let cases = [
            [of(FIRST_BINARY, b"123456"), of(PING, b"p"), of(LAST, b"12345")].concat(),
            [of(FIRST_BINARY, b"123456"), of(CONTINUATION, b"12345"), of(LAST, b"1")].concat(),
            [of(BINARY, b"first"), of(FIRST_TEXT, b""), of(PING, b"p"), of(LAST, b"12345678901")].concat(),
            of(TEXT, b"12345678901"),
        ];
        for bytes in cases.map(|bytes| [bytes, behind.clone()].concat()) {
            let config = quiet().max_message_size(10);
            let mut connection = open(role, &config);
            let expected = (read(&mut connection, &bytes, at(0)), connection.stats().received);
            let is_too_big =
                |seen: &Seen| matches!(seen, Seen::Violation(ViolationKind::MessageTooBig(11), _));
            assert!(expected.0.iter().any(is_too_big), "{expected:?}");
            for (cut, is_ahead) in (0..=bytes.len()).flat_map(|cut| [(cut, true), (cut, false)]) {
                let mut connection = in_chunks(role, &config);
                feed(&mut connection, &bytes[..cut], at(0));
                let mut seen = Vec::new();
                if is_ahead {
                    connection.read_ahead();
                } else {
                    seen = drain(&mut connection);
                }
                if seen.iter().any(|seen| matches!(seen, Seen::Event(Event::Chunk(_)))) {
                    continue;
                }
                connection.receive_chunks(false);
                seen.extend(drain(&mut connection));
                seen.extend(read(&mut connection, &bytes[cut..], at(0)));
                assert_eq!((seen, connection.stats().received), expected, "cut at {cut}");
            }
        }
    }
}
