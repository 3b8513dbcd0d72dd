//! Facts that hold for any input: any messages, in any fragments, with any control frames between, cut anywhere.

mod frames;
mod sending;
mod strategies;

use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::{Chunk, Config, Connection, Event, ForEachEnd, Machine, MessageKind, MessageRef};

use crate::support::*;
use strategies::*;

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
fn borrowed_messages(connection: &mut Connection) -> Vec<Seen> {
    let mut shown = Vec::new();
    let end = connection.for_each_borrowed(|borrowed, _| {
        shown.push(match borrowed {
            MessageRef::Text(text) => message(text.to_owned()),
            MessageRef::Binary(bytes) => message(bytes.to_vec()),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(end.unwrap(), ForEachEnd::Drained);
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
            Way::Borrowed if !connection.is_within_chunks() => borrowed_messages(connection),
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
                    "borrowed" => seen.extend(borrowed_messages(&mut connection)),
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
}
