//! Any bytes give the same events, the same error and the same answers wherever they are cut, owned, borrowed or ahead, and whenever the
//! answers leave. A peer that sends them over and over gets no more memory than the settings give. The limit of the rate of messages ends
//! the connection with the first read behind too many frames.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use ws_core::{Config, Connection, Event, Machine, Role};
use ws_fuzz::memory::{READ, config, exhaust};
use ws_fuzz::{
    Seen, arrive, at, cut, drain, echo, echo_shown, feed, frame, open, shown, to_visitor, write, write_all,
};

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
    Frame {
        first: u8,
        payload: Vec<u8>,
    },
    Text {
        fin: bool,
        text: String,
    },
    Close {
        code: u16,
        reason: String,
    },
    Filler {
        first: u8,
        len: u16,
    },
    /// The same frame over and over.
    Repeat {
        first: u8,
        len: u16,
        times: u16,
    },
}

/// Number of bytes that repeated frames fill up, if the bytes come wherever they are cut. Where memory counts, it is a whole read.
const SHORT: usize = 4 * 1024;

impl Part {
    /// Repeated frames end when there are `most` bytes.
    fn append(&self, sender: Role, most: usize, bytes: &mut Vec<u8>) {
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
            Self::Repeat { first, len, times } => {
                let payload = vec![b'x'; usize::from(*len) % 5000];
                for _ in 0..*times {
                    if bytes.len() >= most {
                        break;
                    }
                    frame(sender, *first, &payload, bytes);
                }
            }
        }
    }
}

impl Input {
    /// We are this one.
    fn role(&self) -> Role {
        if self.client { Role::Client } else { Role::Server }
    }

    /// The bytes of the peer. Repeated frames end when there are `most`.
    fn bytes(&self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.parts.iter().for_each(|part| part.append(self.role().peer(), most, &mut bytes));
        bytes
    }

    fn config(&self) -> Config {
        let config = Config::default().max_send_buffer(usize::MAX);
        if self.limits & 1 == 1 { config.max_message_size(200).max_fragments(5) } else { config }
    }

    fn has_rate(&self) -> bool {
        self.limits & 2 == 2
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
    let mut connection = open(input.role(), &input.config());
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
    sent.extend(write_all(&mut connection, at(101)));
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
        // Without replies, no reply shares a read buffer.
        let bound = config().max_memory(if echoes { role } else { Role::Client });
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        // If each message keeps its read alive, these reads are over the bound.
        let held = || MEMORY.current_usage() - before;
        exhaust(open(role, &config()), &bytes, bound + bound / 4, echoes, held);
        let held = MEMORY.peak_usage() - before;
        assert!(held <= bound, "{held} bytes held, over {bound}; echoes: {echoes}");
    }
}

/// Takes every event after reading ahead.
fn ahead(connection: &mut Connection) -> Seen {
    connection.read_ahead();
    drain(connection)
}

/// Frames each second.
const RATE: u32 = 4;

/// The frames of a minute may come at once.
const BURST: u64 = 60 * RATE as u64;

/// The limit of the rate counts with each read the frames that came before it. It ends the connection if they are too many, and changes
/// nothing else. So the end depends on the reads, which are the same here for all.
fn check_rate(input: &Input, bytes: &[u8], lengths: &[u8], take: fn(&mut Connection) -> Seen) {
    let mut free = open(input.role(), &input.config());
    let mut limited = open(input.role(), &input.config().max_message_rate(RATE));
    for part in cut(bytes, lengths) {
        let is_over = free.stats().received.frames > BURST;
        feed(&mut free, part, at(1));
        feed(&mut limited, part, at(1));
        let mut seen = take(&mut limited);
        if is_over {
            // A visitor of messages learns of a failure at the end.
            write_all(&mut limited, at(1));
            limited.handle_read(0, at(2));
            seen.extend(take(&mut limited));
            let is_rate = |error: &String| error.contains("more messages than 4 each second");
            assert!(matches!(&seen[..], [Err(error), ..] if is_rate(error)), "{seen:?}");
            assert!(seen[1..].iter().all(|seen| matches!(seen, Ok(Event::Closed(_)))), "{seen:?}");
            return;
        }
        let expected = take(&mut free);
        assert_eq!(seen, expected);
        if !free.is_open() {
            // Nothing that follows counts.
            return;
        }
    }
}

fuzz_target!(|input: Input| {
    let bytes = input.bytes(SHORT);
    if input.counts_memory && !bytes.is_empty() {
        check_memory(input.role(), &input.bytes(READ));
    }
    if input.has_rate() {
        for lengths in [&input.lengths, &[64][..]] {
            for take in [drain, shown, ahead] {
                check_rate(&input, &bytes, lengths, take);
            }
        }
    }

    let at_the_end =
        |lengths, take: fn(&mut Connection) -> Seen| run(&input, &bytes, lengths, Writes::AtTheEnd, take);
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
