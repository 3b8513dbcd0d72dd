//! Any bytes give the same events, the same error and the same answers wherever they are cut, owned, borrowed or ahead, and whenever the
//! answers leave. And a peer that sends them over and over gets no more memory than the settings give.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use ws_core::{Config, Connection, Event, Machine, Role};
use ws_fuzz::memory::{config, exhaust};
use ws_fuzz::{Seen, arrive, at, drain, echo, echo_shown, frame, open, shown, to_visitor, write};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[derive(Arbitrary, Debug)]
struct Input {
    client: bool,
    ends: bool,
    limits: u8,
    lengths: Vec<u8>,
    /// Number of bytes that leave after each read.
    writes: Vec<u8>,
    parts: Vec<Part>,
    counts_memory: bool,
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

/// When the answers leave.
#[derive(Clone, Copy)]
enum Writes<'a> {
    /// When all has come, and the stream or its time is over.
    AtTheEnd,
    /// So many bytes after each read, used over and over, and the rest before the end.
    Between(&'a [u8]),
}

/// At most so many pongs wait before one takes the place of another, so that it matters when they leave.
const PONGS: usize = 15;

fn run(
    input: &Input,
    bytes: &[u8],
    lengths: &[u8],
    writes: Writes<'_>,
    take: impl Fn(&mut Connection) -> Seen,
) -> (Seen, Vec<u8>) {
    let role = if input.client { Role::Client } else { Role::Server };
    let mut config = Config::default().max_send_buffer(usize::MAX);
    if input.limits & 1 == 1 {
        config = config.max_message_size(200).max_fragments(5);
    }
    if input.limits & 2 == 2 {
        config = config.max_message_rate(4);
    }
    let mut connection = open(role, &config);
    let mut sent = Vec::new();
    let mut seen = match writes {
        Writes::AtTheEnd => arrive(&mut connection, bytes, lengths, &take),
        Writes::Between(limits) => {
            let mut limits = limits.iter().cycle();
            let seen = arrive(&mut connection, bytes, lengths, |connection| {
                let seen = take(connection);
                let limit = limits.next().map_or(usize::MAX, |limit| usize::from(*limit));
                sent.extend(write(connection, limit, at(1)));
                seen
            });
            sent.extend(write(&mut connection, usize::MAX, at(1)));
            seen
        }
    };
    if input.ends {
        connection.handle_read(0, at(2));
    } else {
        let due = connection.poll_timeout().map_or(at(100), |due| due.max(at(100)));
        // Each call handles one deadline. The window of a message that has ended is one, if the message came in parts.
        while connection.poll_timeout().is_some_and(|next| next <= due) {
            connection.handle_timeout(due);
        }
    }
    seen.extend(take(&mut connection));
    sent.extend(write(&mut connection, usize::MAX, at(101)));
    connection.handle_read(0, at(102));
    seen.extend(take(&mut connection));
    assert!(connection.closed().is_some());
    (seen, sent)
}

/// The heap of a connection never exceeds its bound, whether the program waits or answers.
fn check_memory(role: Role, bytes: &[u8]) {
    // Few bytes at a time would take long.
    let bytes = bytes.repeat(1 + 4096 / bytes.len());
    for echoes in [false, true] {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        exhaust(open(role, &config()), &bytes, 16, echoes);
        let held = MEMORY.peak_usage() - before;
        // Without replies, no reply shares a read buffer.
        let bound = config().max_memory(if echoes { role } else { Role::Client });
        assert!(held <= bound, "{held} bytes held, over {bound}; echoes: {echoes}");
    }
}

fuzz_target!(|input: Input| {
    let sender = if input.client { Role::Server } else { Role::Client };
    let mut bytes = Vec::new();
    input.parts.iter().for_each(|part| part.append(sender, &mut bytes));
    if input.counts_memory && !bytes.is_empty() {
        check_memory(sender.peer(), &bytes);
    }

    let at_the_end =
        |lengths, take: fn(&mut Connection) -> Seen| run(&input, &bytes, lengths, Writes::AtTheEnd, take);
    let ahead = |connection: &mut Connection| {
        connection.read_ahead();
        drain(connection)
    };
    let echo_ahead = |connection: &mut Connection| {
        connection.read_ahead();
        echo(connection)
    };

    let whole = at_the_end(&[], drain);
    let count = |is: fn(&Result<Event, String>) -> bool| whole.0.iter().filter(|seen| is(seen)).count();
    assert!(matches!(whole.0.last(), Some(Ok(Event::Closed(_)))), "{:?}", whole.0);
    assert_eq!(count(|seen| matches!(seen, Ok(Event::Closed(_)))), 1);
    assert!(count(Result::is_err) <= 1);
    assert_eq!(at_the_end(&input.lengths, drain), whole, "cut");
    assert_eq!(at_the_end(&[1], drain), whole, "byte by byte");
    assert_eq!(at_the_end(&input.lengths, ahead), whole, "read ahead");
    let (seen, sent) = (to_visitor(whole.0.clone()), whole.1.clone());
    for lengths in [&[][..], &input.lengths] {
        assert_eq!(at_the_end(lengths, shown), (seen.clone(), sent.clone()), "borrowed");
    }

    // A user who answers.
    let echoed = at_the_end(&[], echo);
    assert_eq!(at_the_end(&input.lengths, echo), echoed, "cut");
    assert_eq!(at_the_end(&[1], echo), echoed, "byte by byte");
    assert_eq!(at_the_end(&input.lengths, echo_shown), (to_visitor(echoed.0.clone()), echoed.1), "borrowed");
    if count(|seen| matches!(seen, Ok(Event::Ping(_)))) > PONGS {
        return;
    }
    let prompt = run(&input, &bytes, &[], Writes::Between(&[]), echo);
    let (lengths, writes) = (&input.lengths[..], &input.writes[..]);
    for (lengths, writes) in [(lengths, writes), (lengths, &[]), (&[1], &[]), (&[], writes)] {
        let writes = Writes::Between(writes);
        assert_eq!(run(&input, &bytes, lengths, writes, echo), prompt, "sent meanwhile");
        let (seen, sent) = run(&input, &bytes, lengths, writes, echo_ahead);
        assert_eq!(seen, prompt.0, "sent meanwhile, and read ahead");
        // A pong may overtake the answers to messages that were read ahead, and the Close frame for a violation comes in place of
        // them.
        let is_violation =
            |seen: &Result<Event, String>| matches!(seen, Err(error) if error.starts_with("Violation"));
        let is_violation = seen.iter().any(is_violation);
        assert!(is_violation || sent.len() == prompt.1.len(), "read ahead: {sent:?}, else {:?}", prompt.1);
        let (seen, sent) = run(&input, &bytes, lengths, writes, echo_shown);
        assert_eq!((seen, &sent), (to_visitor(prompt.0.clone()), &prompt.1), "sent meanwhile, and borrowed");
    }
    if input.ends {
        let late = at_the_end(&[], echo);
        assert_eq!(late, prompt, "when the answers leave does not matter");
    }
});
