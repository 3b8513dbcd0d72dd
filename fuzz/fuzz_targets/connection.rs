//! Any bytes give the same events, the same error and the same answers wherever they are cut, owned, lent or ahead.
#![no_main]

use std::ops::ControlFlow;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_core::{Config, Connection, Event, Machine, Message, MessageRef, Role, Visit};
use ws_fuzz::{at, cut, describe, drain, feed, open, write};

#[derive(Arbitrary, Debug)]
struct Input {
    client: bool,
    ends: bool,
    small_limits: bool,
    lengths: Vec<u8>,
    parts: Vec<Part>,
}

/// Raw bytes, and frames that are mostly right, so that the fuzzer gets past the headers.
#[derive(Arbitrary, Debug)]
enum Part {
    Raw(Vec<u8>),
    Frame { first: u8, payload: Vec<u8> },
    Text { fin: bool, text: String },
    Close { code: u16, reason: String },
    Filler { first: u8, len: u16 },
}

impl Part {
    fn append(&self, sender: Role, bytes: &mut Vec<u8>) {
        match self {
            Self::Raw(raw) => bytes.extend_from_slice(raw),
            Self::Frame { first, payload } => frame(sender, *first, payload, bytes),
            Self::Text { fin, text } => frame(sender, 1 | u8::from(*fin) << 7, text.as_bytes(), bytes),
            Self::Close { code, reason } => {
                frame(sender, 0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat(), bytes);
            }
            Self::Filler { first, len } => {
                frame(sender, *first, &vec![b'x'; usize::from(*len) % 1500], bytes)
            }
        }
    }
}

fn frame(sender: Role, first: u8, payload: &[u8], bytes: &mut Vec<u8>) {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    bytes.push(first);
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => bytes.push(mask | len as u8),
        Ok(len) => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let key = if sender == Role::Client { [1, 2, 4, 128] } else { [0; 4] };
    if sender == Role::Client {
        bytes.extend_from_slice(&key);
    }
    bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
}

type Seen = Vec<Result<Event, String>>;

/// Takes what there is by being shown it.
fn shown(connection: &mut Connection) -> Seen {
    let mut seen = Seen::new();
    loop {
        let visit = connection.visit(|message, _| {
            seen.push(Ok(Event::Message(match message {
                MessageRef::Text(text) => Message::text(text.to_owned()),
                MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
            })));
            ControlFlow::Continue(())
        });
        match visit {
            Ok(Visit::Closed(closed)) => seen.push(Ok(Event::Closed(closed))),
            Ok(_) => return seen,
            Err(error) => seen.push(Err(describe(&error))),
        }
    }
}

fn run(
    input: &Input,
    bytes: &[u8],
    lengths: &[u8],
    take: impl Fn(&mut Connection) -> Seen,
) -> (Seen, Vec<u8>) {
    let role = if input.client { Role::Client } else { Role::Server };
    let mut config = Config::default();
    if input.small_limits {
        config = config.max_message_size(200).max_fragments(5);
    }
    let mut connection = open(role, &config);
    let mut seen = Seen::new();
    for part in cut(bytes, lengths) {
        feed(&mut connection, part, at(1));
        seen.extend(take(&mut connection));
    }
    if input.ends {
        connection.handle_read(0, at(2));
    } else {
        let due = connection.poll_timeout().map_or(at(100), |due| due.max(at(100)));
        connection.handle_timeout(due);
    }
    seen.extend(take(&mut connection));
    let sent = write(&mut connection, usize::MAX, at(101));
    connection.handle_read(0, at(102));
    seen.extend(take(&mut connection));
    assert!(connection.closed().is_some());
    (seen, sent)
}

fuzz_target!(|input: Input| {
    let sender = if input.client { Role::Server } else { Role::Client };
    let mut bytes = Vec::new();
    input.parts.iter().for_each(|part| part.append(sender, &mut bytes));

    let whole = run(&input, &bytes, &[], drain);
    let count = |is: fn(&Result<Event, String>) -> bool| whole.0.iter().filter(|seen| is(seen)).count();
    assert!(matches!(whole.0.last(), Some(Ok(Event::Closed(_)))), "{:?}", whole.0);
    assert_eq!(count(|seen| matches!(seen, Ok(Event::Closed(_)))), 1);
    assert!(count(Result::is_err) <= 1);
    assert_eq!(run(&input, &bytes, &input.lengths, drain), whole, "cut");
    assert_eq!(run(&input, &bytes, &[1], drain), whole, "byte by byte");
    let ahead = |connection: &mut Connection| {
        connection.read_ahead();
        drain(connection)
    };
    assert_eq!(run(&input, &bytes, &input.lengths, ahead), whole, "read ahead");

    let (mut seen, sent) = whole;
    seen.retain(|seen| !matches!(seen, Ok(Event::Ping(_) | Event::Pong { .. } | Event::Closing(_))));
    // A visitor learns of a failure in place of the end.
    if seen.iter().any(Result::is_err) {
        seen.pop();
    }
    for lengths in [&[][..], &input.lengths] {
        assert_eq!(run(&input, &bytes, lengths, shown), (seen.clone(), sent.clone()), "lent");
    }
});
