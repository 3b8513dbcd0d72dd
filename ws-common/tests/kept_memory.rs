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

/// Binary messages of all sizes that share read buffers, many of them near the sizes at which a rule begins.
fn stream(numbers: &mut Numbers) -> Vec<u8> {
    let mut frames = Vec::new();
    while frames.len() < 512 * KIB {
        let limit = [600, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 64 * KIB + 1, 150 * KIB][numbers.below(7)];
        let len = limit - numbers.below(limit.min(6 * KIB));
        frames.push(0x82);
        match u16::try_from(len) {
            Ok(short) if short < 126 => frames.push(short as u8),
            Ok(short) => {
                frames.push(126);
                frames.extend_from_slice(&short.to_be_bytes());
            }
            Err(_) => {
                frames.push(127);
                frames.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        frames.resize(frames.len() + len, 7);
    }
    frames
}

/// Drives a connection until the message of that number, which is all that is left.
fn keep(number: usize, numbers: &mut Numbers) -> Option<Message> {
    let frames = stream(numbers);
    let config = Config::default().ping_interval(None);
    let random = Random::from_seed([1; 32]);
    let mut connection = Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), NOW);
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

#[test]
fn a_message_keeps_twice_its_length_or_a_read_buffer() {
    let mut most = 0;
    for seed in 0..1500 {
        let mut numbers = Numbers(seed);
        buffer_pool::release();
        let before = MEMORY.current_usage();
        let kept = keep(1 + numbers.below(24), &mut numbers);
        buffer_pool::release();
        let Some(message) = kept else { continue };
        let alive = MEMORY.current_usage().saturating_sub(before);
        let promise = PROMISE.max(2 * message.len());
        assert!(
            alive <= promise + SLACK,
            "a message of {} bytes keeps {alive} bytes alive (seed {seed})",
            message.len()
        );
        most = most.max(alive.saturating_sub(2 * message.len()));
    }
    assert!(most > 32 * KIB, "no message shared a read buffer: {most}");
}
