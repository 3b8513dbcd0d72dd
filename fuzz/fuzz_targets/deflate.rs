//! With compression agreed, any bytes give the same events, the same error and the same answers wherever they are cut, owned, borrowed
//! or in chunks, and never more than the limit. And a peer that sends them over and over gets no more memory than the settings give.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use ws_core::{Config, Connection, Deflate, Event, Machine, Message, MessageKind, Role};
use ws_fuzz::memory::{config, exhaust};
use ws_fuzz::{Seen, arrive, at, drain, frame, open, shown, to_visitor, write_all};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    client: bool,
    takeover: bool,
    bits: u8,
    limits: u8,
    lengths: Vec<u8>,
    parts: Vec<Part<'a>>,
}

/// Raw bytes, frames with raw payloads, and frames with what a compressor makes.
#[derive(Arbitrary, Debug)]
enum Part<'a> {
    Raw(&'a [u8]),
    Frame { first: u8, payload: &'a [u8] },
    Blocks { text: bool, blocks: Vec<Block<'a>>, fragment: u8 },
    Ping,
}

/// Parts of a compressed payload.
#[derive(Arbitrary, Debug)]
enum Block<'a> {
    Raw(&'a [u8]),
    /// A stored block.
    Stored {
        is_final: bool,
        bytes: &'a [u8],
    },
    /// "Hello", and a reference to it.
    Hello,
    Again,
    FinalHello,
    EmptyFinal,
    /// Many zeros from a few bytes.
    Zeros(u8),
    Tail,
}

impl Block<'_> {
    fn append(&self, payload: &mut Vec<u8>) {
        match self {
            Self::Raw(raw) => payload.extend_from_slice(raw),
            Self::Stored { is_final, bytes } => {
                let len = (bytes.len() as u16).to_le_bytes();
                payload.extend([u8::from(*is_final), len[0], len[1], !len[0], !len[1]]);
                payload.extend_from_slice(&bytes[..usize::from(bytes.len() as u16)]);
            }
            Self::Hello => payload.extend([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            Self::Again => payload.extend([0xf2, 0x00, 0x11, 0x00, 0x00]),
            Self::FinalHello => payload.extend([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            Self::EmptyFinal => payload.extend([0x03, 0x00]),
            // A literal zero, and matches of 258 bytes: the fixed codes of 12 and 1 more bits 13 times over.
            Self::Zeros(n) => payload.extend(zeros(usize::from(*n) + 1)),
            Self::Tail => payload.extend([0x00, 0x00, 0xff, 0xff]),
        }
    }
}

/// A block of the fixed code: a zero, `n` times 258 zeros more, and an empty block.
fn zeros(n: usize) -> Vec<u8> {
    let mut bits = vec![false, true, false];
    let mut code = |code: u32, len: u32| bits.extend((0..len).rev().map(|n| code >> n & 1 == 1));
    code(0b0011_0000, 8);
    for _ in 0..n {
        // Length 258 is symbol 285, distance 1 is symbol 0.
        code(0b1100_0101, 8);
        code(0, 5);
    }
    code(0, 7);
    bits.extend([false; 3]);
    bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

impl Part<'_> {
    fn append(&self, sender: Role, bytes: &mut Vec<u8>) {
        match self {
            Self::Raw(raw) => bytes.extend_from_slice(raw),
            Self::Frame { first, payload } => frame(sender, *first, payload, bytes),
            Self::Blocks { text, blocks, fragment } => {
                let mut payload = Vec::new();
                blocks.iter().for_each(|block| block.append(&mut payload));
                let (head, tail) = payload.split_at(usize::from(*fragment).min(payload.len()));
                frame(sender, if *text { 0x41 } else { 0x42 }, head, bytes);
                frame(sender, 0x80, tail, bytes);
            }
            Self::Ping => frame(sender, 0x89, b"", bytes),
        }
    }
}

const LIMIT: usize = 3000;

/// The greatest ratio of a message to its compressed payload, where it is limited.
const RATIO: u32 = 20;

impl Input<'_> {
    fn has_small_limits(&self) -> bool {
        self.limits & 1 == 1
    }

    fn counts_memory(&self) -> bool {
        self.limits & 2 == 2
    }

    fn limits_ratio(&self) -> bool {
        self.limits & 4 == 4
    }
}

fn connection(input: &Input<'_>, config: Config) -> Connection {
    let deflate = Deflate::default()
        .server_context_takeover(input.takeover)
        .client_context_takeover(input.takeover)
        .server_max_window_bits(8 + input.bits % 8)
        .client_max_window_bits(8 + input.bits % 8);
    let accepted = deflate.accept([&*deflate.to_string()]).unwrap().unwrap();
    let role = if input.client { Role::Client } else { Role::Server };
    let agreed = match role {
        Role::Server => accepted,
        Role::Client => deflate.confirm([&*accepted.to_string()]).unwrap().unwrap(),
    };
    let ratio = input.limits_ratio().then_some(RATIO);
    open(role, &config.max_inflate_ratio(ratio)).with_deflate(agreed)
}

/// The heap of a connection never exceeds its bound, whether the program waits or answers.
fn check_memory(input: &Input<'_>, bytes: &[u8]) {
    // Few bytes at a time would take long.
    let bytes = bytes.repeat(1 + 4096 / bytes.len());
    let role = if input.client { Role::Client } else { Role::Server };
    for echoes in [false, true] {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        // The bytes inflate to many times their number.
        let held = || MEMORY.current_usage() - before;
        exhaust(connection(input, config()), &bytes, 256 << 10, echoes, held);
        let held = MEMORY.peak_usage() - before;
        // Without replies, no reply shares a read buffer.
        let bound = config().deflate(Deflate::default()).max_memory(if echoes { role } else { Role::Client });
        assert!(held <= bound, "{held} bytes held, over {bound}; echoes: {echoes}");
    }
}

fn run(
    input: &Input<'_>,
    bytes: &[u8],
    lengths: &[u8],
    mut take: impl FnMut(&mut Connection) -> Seen,
) -> (Seen, Vec<u8>) {
    let mut config = Config::default().max_message_size(1 << 20);
    if input.has_small_limits() {
        config = config.max_message_size(LIMIT).max_fragments(5);
    }
    let mut connection = connection(input, config);
    let mut seen = arrive(&mut connection, bytes, lengths, &mut take);
    connection.handle_read(0, at(2));
    seen.extend(take(&mut connection));
    let sent = write_all(&mut connection, at(3));
    seen.extend(take(&mut connection));
    assert!(connection.closed().is_some());
    (seen, sent)
}

/// Messages put together from chunks, and whether a message was under way at the end.
fn chunkd(input: &Input<'_>, bytes: &[u8], lengths: &[u8]) -> (Seen, bool) {
    let mut begun = Vec::new();
    let (seen, _) = run(input, bytes, lengths, |connection| {
        connection.receive_chunks(true);
        let mut seen = drain(connection);
        seen.retain_mut(|seen| {
            let Ok(Event::Chunk(chunk)) = seen else { return true };
            assert!(chunk.bytes.len() <= bytes.len().max(16 * 1024));
            begun.extend_from_slice(&chunk.bytes);
            if !chunk.last {
                return false;
            }
            let whole = std::mem::take(&mut begun);
            *seen = Ok(Event::Message(match chunk.kind {
                MessageKind::Text => Message::text(String::from_utf8(whole).expect("it was checked")),
                MessageKind::Binary => Message::binary(whole),
            }));
            true
        });
        seen
    });
    (seen, !begun.is_empty())
}

fuzz_target!(|input: Input<'_>| {
    let sender = if input.client { Role::Server } else { Role::Client };
    let mut bytes = Vec::new();
    input.parts.iter().for_each(|part| part.append(sender, &mut bytes));
    if input.counts_memory() && !bytes.is_empty() {
        check_memory(&input, &bytes);
    }

    let whole = run(&input, &bytes, &[], drain);
    let largest = whole.0.iter().map(|seen| match seen {
        Ok(Event::Message(message)) => message.len(),
        _ => 0,
    });
    assert!(!input.has_small_limits() || largest.max().unwrap_or(0) <= LIMIT);
    assert_eq!(run(&input, &bytes, &input.lengths, drain), whole, "cut");
    assert_eq!(run(&input, &bytes, &[1], drain), whole, "byte by byte");

    let (in_chunks, _) = chunkd(&input, &bytes, &input.lengths);
    let (in_one, _) = chunkd(&input, &bytes, &[]);
    assert_eq!(in_chunks, in_one, "chunks");
    // Without an error that only one of them has, such as a limit, both are the same.
    if whole.0.iter().chain(&in_chunks).all(Result::is_ok) {
        assert_eq!(in_chunks, whole.0, "chunks and whole");
    }

    let (seen, sent) = (to_visitor(whole.0), whole.1);
    assert_eq!(run(&input, &bytes, &input.lengths, shown), (seen, sent), "borrowed");
});
