//! The memory that one message keeps alive when all else is gone, counted by the allocator. One test alone, since it counts for the
//! whole process.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use ws_common::system::buffer_pool;
use ws_core::bytes::BytesMut;
use ws_core::{Config, Connection, Event, Instant, Machine, Message, Random, Role};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

/// The reads of the drivers of this library.
const READS: [usize; 4] = [16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB];

/// The documentation of `Message` promises this, or twice the length.
const PROMISE: usize = 128 * KIB;

/// The counts of references, and other allocations of the process.
const SLACK: usize = 8 * KIB;

const NOW: Instant = Instant::since_epoch(Duration::from_secs(1));

/// A generator of numbers without a pattern (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// The shape of all messages of a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    Binary,
    Text,
    /// A binary message in two frames.
    Fragments,
    /// Inflated by the receiver.
    #[cfg(feature = "deflate")]
    Compressed,
}

const SHAPES: &[Shape] = &[
    Shape::Binary,
    Shape::Text,
    Shape::Fragments,
    #[cfg(feature = "deflate")]
    Shape::Compressed,
];

/// Appends a frame. The key of a client's frame is zero, so that its payload is the same.
fn append_frame(stream: &mut Vec<u8>, sender: Role, first: u8, payload: &[u8]) {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    stream.push(first);
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => stream.push(mask | short as u8),
        Ok(short) => {
            stream.push(mask | 126);
            stream.extend_from_slice(&short.to_be_bytes());
        }
        Err(_) => {
            stream.push(mask | 127);
            stream.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    if sender == Role::Client {
        stream.extend_from_slice(&[0; 4]);
    }
    stream.extend_from_slice(payload);
}

/// Messages of all sizes that share read buffers, many of them near the sizes at which a rule begins.
fn stream(sender: Role, shape: Shape, numbers: &mut Numbers) -> Vec<u8> {
    let mut stream = Vec::new();
    while stream.len() < 512 * KIB {
        let limit = [600, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 64 * KIB + 1, 150 * KIB][numbers.below(7)];
        let payload = vec![b'7'; limit - numbers.below(limit.min(6 * KIB))];
        match shape {
            Shape::Binary => append_frame(&mut stream, sender, 0x82, &payload),
            Shape::Text => append_frame(&mut stream, sender, 0x81, &payload),
            Shape::Fragments => {
                let (first, last) = payload.split_at(numbers.below(payload.len()));
                append_frame(&mut stream, sender, 0x02, first);
                append_frame(&mut stream, sender, 0x80, last);
            }
            #[cfg(feature = "deflate")]
            Shape::Compressed => append_frame(&mut stream, sender, 0xC2, &stored(&payload)),
        }
    }
    stream
}

/// A message of RFC 7692 in blocks that are stored (RFC 1951 §3.2.4), so that it needs no compressor.
#[cfg(feature = "deflate")]
fn stored(payload: &[u8]) -> Vec<u8> {
    let mut blocks = Vec::new();
    for block in payload.chunks(usize::from(u16::MAX)) {
        let len = block.len() as u16;
        blocks.push(0);
        blocks.extend_from_slice(&len.to_le_bytes());
        blocks.extend_from_slice(&(!len).to_le_bytes());
        blocks.extend_from_slice(block);
    }
    // The header of an empty block, whose rest the receiver adds.
    blocks.push(0);
    blocks
}

fn open(role: Role, shape: Shape) -> Connection {
    let config = Config::default().ping_interval(None);
    let random = Random::from_seed([1; 32]);
    let connection = Connection::after_handshake(role, &config, random, BytesMut::new(), NOW);
    match shape {
        #[cfg(feature = "deflate")]
        Shape::Compressed => {
            // Without a context, the receiver keeps no window.
            let deflate =
                ws_core::Deflate::default().server_context_takeover(false).client_context_takeover(false);
            let accepted = deflate.accept([&*deflate.to_string()]).unwrap().unwrap();
            let agreed = match role {
                Role::Server => accepted,
                Role::Client => deflate.confirm([&*accepted.to_string()]).unwrap().unwrap(),
            };
            connection.with_deflate(agreed)
        }
        _ => connection,
    }
}

/// Drives a connection until the message of that number, which is all that is left.
fn keep(number: usize, role: Role, shape: Shape, numbers: &mut Numbers) -> Option<Message> {
    let frames = stream(role.peer(), shape, numbers);
    let mut connection = open(role, shape);
    let mut rest = &frames[..];
    let mut come = 0;
    while !rest.is_empty() {
        let size = READS[numbers.below(4)];
        let inbound = connection.inbound();
        buffer_pool::take_into(inbound, size);
        let room = inbound.capacity() - inbound.len();
        let n = if numbers.below(3) == 0 { room } else { 1 + numbers.below(room) }.min(rest.len());
        inbound.extend_from_slice(&rest[..n]);
        rest = &rest[n..];
        connection.handle_read(n, NOW);
        while let Some(event) = connection.poll_event().unwrap() {
            let Event::Message(message) = event else { panic!("{event:?}") };
            come += 1;
            if come == number {
                return Some(message);
            }
        }
        if numbers.below(4) == 0 {
            buffer_pool::put_back(connection.inbound(), READS[0]);
        }
    }
    None
}

/// The bytes that a message keeps alive, and the message.
fn kept(role: Role, shape: Shape, seed: u64, change: fn(Message) -> Message) -> Option<(usize, Message)> {
    let mut numbers = Numbers(seed);
    buffer_pool::release();
    let before = MEMORY.current_usage();
    let kept = keep(1 + numbers.below(24), role, shape, &mut numbers).map(change);
    buffer_pool::release();
    kept.map(|message| (MEMORY.current_usage().saturating_sub(before), message))
}

#[test]
fn a_message_keeps_what_its_documentation_says() {
    // A thread may keep state for inflating, which belongs to no message.
    SHAPES.iter().for_each(|shape| drop(kept(Role::Client, *shape, 0, |message| message)));
    let mut most = 0;
    for role in [Role::Client, Role::Server] {
        for &shape in SHAPES {
            for seed in 0..500 {
                let Some((alive, message)) = kept(role, shape, seed, |message| message) else { continue };
                let n = message.len();
                let promise = if shape == Shape::Binary { PROMISE.max(2 * n) } else { 2 * n };
                assert!(
                    alive <= promise + SLACK,
                    "{shape:?} of {n} bytes keeps {alive} alive ({role:?}, seed {seed})"
                );
                most = most.max(alive.saturating_sub(2 * n));
            }
            for seed in 0..50 {
                let detached = kept(role, shape, seed, |message| message.detached());
                let Some((alive, message)) = detached else { continue };
                assert!(
                    alive <= message.len() + SLACK,
                    "{shape:?}, detached: {alive} ({role:?}, seed {seed})"
                );
            }
        }
    }
    assert!(most > 32 * KIB, "no message shared a read buffer: {most}");
}
