//! What holds for any input: any messages, in any fragments, with any control frames between, cut anywhere.

use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::frame::{Header, Opcode, Rules};
use ws_core::{
    Chunk, CloseCode, Config, Connection, Event, ForEachEnd, Machine, Message, MessageKind, MessageRef, Role,
    SendError,
};

use crate::support::*;

/// A message as a peer may send it: its fragments, and the control frames before each of them.
#[derive(Clone, Debug)]
struct Sent {
    message: Message,
    fragments: Vec<(Vec<Control>, usize)>,
}

#[derive(Clone, Debug)]
enum Control {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn any_message() -> impl Strategy<Value = Message> {
    let len = prop_oneof![4 => 0..20usize, 2 => 100..150usize, 1 => 400..700usize, 1 => 65530..65540usize];
    let text = "(\\PC|[aé€𐍈]){0,40}";
    prop_oneof![
        (any::<u8>(), len).prop_map(|(byte, len)| {
            Message::binary((0..len).map(|i| byte.wrapping_add(i as u8)).collect::<Vec<u8>>())
        }),
        (text, 1..3usize).prop_map(|(text, times)| Message::text(text.repeat(times))),
    ]
}

fn any_control() -> impl Strategy<Value = Control> {
    let payload = prop_oneof![vec(any::<u8>(), 0..5), vec(any::<u8>(), 125)];
    (any::<bool>(), payload).prop_map(|(ping, payload)| match ping {
        true => Control::Ping(payload),
        false => Control::Pong(payload),
    })
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let fragment = (vec(any_control(), 0..2), any::<prop::sample::Index>());
    (any_message(), vec(fragment, 1..5)).prop_map(|(message, fragments)| {
        let mut fragments: Vec<_> = fragments
            .into_iter()
            .map(|(controls, index)| (controls, index.index(message.len() + 1)))
            .collect();
        fragments.sort_by_key(|(_, end)| *end);
        fragments.last_mut().unwrap().1 = message.len();
        Sent { message, fragments }
    })
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

/// Lengths of reads, used over and over.
fn any_chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1..8usize, 1..6), vec(1..5000usize, 1..6), Just(vec![usize::MAX])]
}

fn chunks<'a>(mut bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lengths.iter().cycle().map_while(move |&len| {
        let (chunk, rest) = bytes.split_at(len.min(bytes.len()));
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn to_bytes(sender: Role, all: &[Sent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Sent { message, fragments } in all {
        let mut first = u8::from(message.kind() == MessageKind::Text)
            + 2 * u8::from(message.kind() == MessageKind::Binary);
        let mut start = 0;
        for (n, (controls, end)) in fragments.iter().enumerate() {
            for control in controls {
                bytes.extend(match control {
                    Control::Ping(payload) => frame(sender, PING, payload),
                    Control::Pong(payload) => frame(sender, PONG, payload),
                });
            }
            let fin = if n + 1 == fragments.len() { 0x80 } else { 0 };
            bytes.extend(frame(sender, first | fin, &message.as_bytes()[start..*end]));
            (first, start) = (CONTINUATION, *end);
        }
    }
    bytes
}

fn to_events(all: &[Sent]) -> Vec<Seen> {
    let mut events = Vec::new();
    for Sent { message, fragments } in all {
        events.extend(fragments.iter().flat_map(|(controls, _)| controls).map(|control| {
            Seen::Event(match control {
                Control::Ping(payload) => Event::Ping(payload.clone().into()),
                Control::Pong(payload) => Event::Pong { payload: payload.clone().into(), round_trip: None },
            })
        }));
        events.push(Seen::Event(Event::Message(message.clone())));
    }
    events
}

/// Puts chunks together to messages; everything else stays as it is.
fn assembled(seen: Vec<Seen>) -> Vec<Seen> {
    let mut bytes = Vec::new();
    let join = |seen| match seen {
        Seen::Event(Event::Chunk(Chunk { kind, bytes: chunk, last, .. })) => {
            bytes.extend_from_slice(&chunk);
            let whole = last.then(|| std::mem::take(&mut bytes))?;
            Some(match kind {
                MessageKind::Text => message(String::from_utf8(whole).unwrap()),
                MessageKind::Binary => message(whole),
            })
        }
        other => Some(other),
    };
    seen.into_iter().filter_map(join).collect()
}

/// Shows the visitor what there is; gives what it was shown.
fn visited(connection: &mut Connection) -> Vec<Seen> {
    let mut shown = Vec::new();
    let visit = connection.for_each_borrowed(|borrowed, _| {
        shown.push(match borrowed {
            MessageRef::Text(text) => message(text.to_owned()),
            MessageRef::Binary(bytes) => message(bytes.to_vec()),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(visit.unwrap(), ForEachEnd::Drained);
    shown
}

/// How a user takes what has come.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    InChunks,
    /// Of what there is, so many events at most.
    SomeChunks(usize),
    Borrowed,
    /// Not yet.
    Ahead,
}

fn any_way() -> impl Strategy<Value = Way> {
    let some = (0..4usize).prop_map(Way::SomeChunks);
    prop_oneof![Just(Way::Whole), Just(Way::InChunks), some, Just(Way::Borrowed), Just(Way::Ahead)]
}

impl Way {
    fn take(self, connection: &mut Connection) -> Vec<Seen> {
        let is_in_chunks = matches!(self, Way::InChunks | Way::SomeChunks(_));
        if !matches!(self, Way::Ahead) {
            connection.receive_chunks(is_in_chunks);
        }
        match self {
            Way::Ahead => {
                connection.read_ahead();
                vec![]
            }
            // Whoever is shown messages is not shown the rest of one.
            Way::Borrowed if !connection.is_within_chunks() => visited(connection),
            Way::SomeChunks(most) => {
                (0..most).map_while(|_| connection.poll_event().unwrap().map(Seen::Event)).collect()
            }
            _ => drain(connection),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_same_events_come_however_messages_are_fragmented_interleaved_and_cut(
        role in any_role(), all in vec(any_sent(), 0..5), lengths in any_chunks(),
    ) {
        let bytes = to_bytes(role.peer(), &all);
        let expected = to_events(&all);
        let mut answers = Vec::new();
        for path in ["owned", "chunks", "ahead", "borrowed"] {
            let mut connection = open(role, &quiet());
            connection.receive_chunks(path == "chunks");
            let mut seen = Vec::new();
            let mut sent = Vec::new();
            for chunk in chunks(&bytes, &lengths) {
                feed(&mut connection, chunk, at(0));
                match path {
                    "borrowed" => seen.extend(visited(&mut connection)),
                    "ahead" => assert!(connection.read_ahead()),
                    _ => seen.extend(drain(&mut connection)),
                }
                sent.extend(write(&mut connection, at(0)));
            }
            if path == "ahead" {
                seen = drain(&mut connection);
            }
            if path == "borrowed" {
                let is_message = |seen: &&Seen| matches!(seen, Seen::Event(Event::Message(_)));
                let messages: Vec<Seen> = expected.iter().filter(is_message).cloned().collect();
                prop_assert_eq!(seen, messages);
            } else {
                prop_assert_eq!(assembled(seen), expected.clone(), "{}", path);
            }
            prop_assert!(connection.inbound().is_empty());
            answers.push(sent);
        }
        prop_assert!(answers.iter().all(|sent| *sent == answers[0]), "pongs are the same on every path");
    }

    #[test]
    fn the_same_messages_come_however_the_way_of_taking_them_changes(
        role in any_role(), all in vec(any_sent(), 1..5), lengths in any_chunks(), ways in vec(any_way(), 1..9),
    ) {
        let bytes = to_bytes(role.peer(), &all);
        let mut connection = open(role, &quiet());
        let mut seen = Vec::new();
        for (chunk, way) in chunks(&bytes, &lengths).zip(ways.iter().cycle()) {
            feed(&mut connection, chunk, at(0));
            seen.extend(way.take(&mut connection));
        }
        seen.extend(Way::Whole.take(&mut connection));
        let messages = |seen: Vec<Seen>| -> Vec<Seen> {
            seen.into_iter().filter(|seen| matches!(seen, Seen::Event(Event::Message(_)))).collect()
        };
        prop_assert_eq!(messages(assembled(seen)), messages(to_events(&all)));
        prop_assert!(connection.inbound().is_empty() && !connection.is_within_chunks());
    }

    #[test]
    fn reading_resumes_after_every_split_point(role in any_role(), sent in any_sent()) {
        let all = [sent];
        let bytes = to_bytes(role.peer(), &all);
        let expected = to_events(&all);
        for cut in (0..=bytes.len()).step_by(1 + bytes.len() / 500) {
            let mut connection = open(role, &quiet());
            let mut seen = read(&mut connection, &bytes[..cut], at(0));
            seen.extend(read(&mut connection, &bytes[cut..], at(0)));
            prop_assert_eq!(&seen, &expected, "cut at {}", cut);
        }
    }

    #[test]
    fn messages_go_round_through_both_roles_in_frames_of_any_size(
        messages in vec(any_message(), 0..5),
        frame_size in prop_oneof![1..10usize, 100..5000usize, Just(usize::MAX)],
        chunk in prop_oneof![1..30usize, 1000..100_000usize],
        borrowed in any::<bool>(),
    ) {
        let config = quiet().max_frame_size(frame_size);
        let mut pair = Pair::new(&config, &config, chunk);
        let expected: Vec<Seen> = messages.iter().cloned().map(message).collect();
        for message in messages {
            if borrowed {
                pair.client.send_ref(message.as_ref()).unwrap();
                pair.server.send_ref(message.as_ref()).unwrap();
            } else {
                pair.client.send(message.clone()).unwrap();
                pair.server.send(message).unwrap();
            }
        }
        pair.settle();
        prop_assert_eq!(&pair.client_seen, &expected);
        prop_assert_eq!(&pair.server_seen, &expected);
    }

    #[test]
    fn a_close_at_any_point_loses_nothing_of_who_begins_and_reorders_nothing(
        to_server in vec(any_message(), 0..6), to_client in vec(any_message(), 0..6),
        moves in 0..20usize, chunk in 1..200usize, beginner in any_role(),
    ) {
        let mut pair = Pair::new(&quiet(), &quiet(), chunk);
        to_server.iter().for_each(|message| pair.client.send(message.clone()).unwrap());
        to_client.iter().for_each(|message| pair.server.send(message.clone()).unwrap());
        (0..moves).for_each(|_| { pair.turn(); });
        match beginner {
            Role::Client => pair.client.close(CloseCode::NORMAL, pair.now),
            Role::Server => pair.server.close(CloseCode::NORMAL, pair.now),
        }
        pair.settle();
        for (seen, sent, sender, closed_by) in [
            (&pair.server_seen, &to_server, &pair.client, Role::Client),
            (&pair.client_seen, &to_client, &pair.server, Role::Server),
        ] {
            prop_assert!(ends_once(seen), "{:?}", seen);
            let is_message = |seen: &&Seen| matches!(seen, Seen::Event(Event::Message(_)));
            let got: Vec<Seen> = seen.iter().filter(is_message).cloned().collect();
            let expected: Vec<Seen> = sent.iter().cloned().map(message).collect();
            prop_assert_eq!(&got[..], &expected[..got.len()], "in order");
            let (code, _, _, clean, unsent) = closed(sender);
            prop_assert_eq!((code, clean, unsent), (1000, true, expected.len() - got.len()));
            prop_assert!(unsent == 0 || closed_by != beginner);
        }
    }

    #[test]
    fn a_header_that_is_written_is_read_back(
        opcode in 0..3usize, fin in any::<bool>(), mask in any::<Option<[u8; 4]>>(),
        len in prop_oneof![0..300u64, 65000..66000u64, 0..=i64::MAX as u64], control in 0..4usize,
    ) {
        let header = match control {
            1 => Header::control(Opcode::Close, mask, len as usize),
            2 => Header::control(Opcode::Ping, mask, len as usize),
            3 => Header::control(Opcode::Pong, mask, len as usize),
            _ => Header::data([Opcode::Continuation, Opcode::Text, Opcode::Binary][opcode], fin, mask, len),
        };
        let Some(header) = header else {
            prop_assert!(control > 0 && len > 125);
            return Ok(());
        };
        let (bytes, n) = header.encode();
        let sender = if mask.is_some() { Role::Client } else { Role::Server };
        let rules = Rules { sender, rsv1: false };
        prop_assert_eq!(Header::decode(&bytes[..n], rules), Ok(Some((header, n))));
        for cut in 0..n {
            prop_assert_eq!(Header::decode(&bytes[..cut], rules), Ok(None));
        }
        let wrong_way = Rules { sender: sender.peer(), rsv1: false };
        prop_assert!(Header::decode(&bytes[..n], wrong_way).is_err());
    }

    #[test]
    fn any_bytes_are_a_header_or_the_same_violation_from_some_byte_on(
        bytes in vec(prop_oneof![Just(0x81), Just(0x88), Just(126), Just(127), Just(255), Just(0), any::<u8>()], 0..16),
        sender in any_role(), rsv1 in any::<bool>(),
    ) {
        let rules = Rules { sender, rsv1 };
        let whole = Header::decode(&bytes, rules);
        for cut in 0..bytes.len() {
            let part = Header::decode(&bytes[..cut], rules);
            prop_assert!(part == Ok(None) || part == whole, "{:?} of {} bytes, then {:?}", part, cut, whole);
        }
        if let Ok(Some((header, n))) = whole {
            let (encoded, len) = header.encode();
            prop_assert_eq!(&encoded[..len], &bytes[..n]);
        }
        if bytes.len() >= Header::MAX_LEN {
            prop_assert_ne!(whole, Ok(None));
        }
    }

    #[test]
    fn any_bytes_end_in_the_same_events_however_they_are_cut(
        role in any_role(), lengths in any_chunks(),
        parts in vec(prop_oneof![
            4 => any_sent().prop_map(Ok),
            1 => vec(any::<u8>(), 1..20).prop_map(Err),
        ], 1..4),
        damage in any::<Option<(prop::sample::Index, u8)>>(),
    ) {
        let mut bytes: Vec<u8> = parts
            .iter()
            .flat_map(|part| match part {
                Ok(sent) => to_bytes(role.peer(), std::slice::from_ref(sent)),
                Err(bytes) => bytes.clone(),
            })
            .collect();
        if let Some((at, bits)) = damage {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        let run = |lengths: &[usize]| {
            let mut connection = open(role, &Config::default());
            let mut seen: Vec<Seen> =
                chunks(&bytes, lengths).flat_map(|part| read(&mut connection, part, at(0))).collect();
            connection.handle_read(0, at(0));
            seen.extend(drain(&mut connection));
            let sent = write(&mut connection, at(0));
            seen.extend(drain(&mut connection));
            (seen, sent)
        };
        let whole = run(&[usize::MAX]);
        prop_assert!(ends_once(&whole.0));
        prop_assert_eq!(run(&lengths), whole);
    }

    #[test]
    fn what_is_refused_comes_back_as_it_was(messages in vec(any_message(), 1..20), mark in 0..100_000usize) {
        let mut connection = open(Role::Client, &quiet().max_send_buffer(mark));
        for message in messages {
            let had_room = connection.has_room();
            match connection.send(message.clone()) {
                Ok(()) => prop_assert!(had_room),
                Err(SendError::Full { message: back, .. }) => {
                    prop_assert!(!had_room);
                    prop_assert_eq!(back, message);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
