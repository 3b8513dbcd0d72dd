//! Any bytes give the same events, the same error and the same answers wherever they are cut, owned, lent or ahead.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_core::{Config, Connection, Event, Machine, Role};
use ws_fuzz::{Seen, arrive, at, drain, frame, open, shown, to_visitor, write};

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
    let mut seen = arrive(&mut connection, bytes, lengths, &take);
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

    let (seen, sent) = (to_visitor(whole.0), whole.1);
    for lengths in [&[][..], &input.lengths] {
        assert_eq!(run(&input, &bytes, lengths, shown), (seen.clone(), sent.clone()), "lent");
    }
});
