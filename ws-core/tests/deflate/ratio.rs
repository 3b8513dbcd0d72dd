//! `max_inflate_ratio`: how much a peer may make of little.

use std::num::NonZero;

use ws_core::{Config, Deflate, Event, Role, ViolationKind as Kind};

use crate::agreed::*;
use crate::inflating::COMPRESSED;
use crate::pairs::noise;
use crate::support::*;
use crate::wrong::compressed;

const KIB: usize = 1024;

fn limited(ratio: u32) -> Config {
    quiet().max_inflate_ratio(ratio)
}

fn exceeded(ratio: u32) -> Seen {
    Seen::Violation(Kind::InflateRatio(NonZero::new(ratio).unwrap()), 0)
}

/// The message that `payload` inflates to or the violation, when it comes in reads of `cut` bytes.
fn received(config: &Config, role: Role, payload: &[u8], cut: usize, in_chunks: bool) -> Option<Seen> {
    let mut connection = open_deflate(role, config, &Deflate::default());
    connection.receive_chunks(in_chunks);
    let bytes = frame(role.peer(), COMPRESSED, payload);
    let seen: Vec<_> = bytes.chunks(cut).flat_map(|piece| read(&mut connection, piece, at(0))).collect();
    let is_chunk = |seen: &Seen| matches!(seen, Seen::Event(Event::Chunk(_)));
    let other = seen.iter().find(|seen| !is_chunk(seen)).cloned();
    if let Some(Seen::Violation(..)) = other {
        let close = &frames(role, &write(&mut connection, at(0)))[0].1;
        assert!(close.starts_with(&1008u16.to_be_bytes()) && close.ends_with(b"(max_inflate_ratio)"));
    }
    other
}

#[test]
fn zeros_are_legal_unless_a_ratio_is_set() {
    let zeros = compressed(&vec![0; 4 << 20]);
    assert!((4 << 20) / zeros.len() > 1000, "{} bytes", zeros.len());
    for role in ROLES {
        for cut in [1000, usize::MAX] {
            let seen = received(&quiet(), role, &zeros, cut, false);
            assert_eq!(seen, Some(message("\0".repeat(4 << 20))), "in reads of {cut}");
        }
        for ratio in [1, 100, 900] {
            for cut in [1, 3, 1000, usize::MAX] {
                for in_chunks in [false, true] {
                    assert_eq!(
                        received(&limited(ratio), role, &zeros, cut, in_chunks),
                        Some(exceeded(ratio)),
                        "{ratio} in reads of {cut}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_first_64_kib_of_each_message_are_free() {
    let free = compressed(&vec![b'x'; 64 * KIB]);
    let more = compressed(&vec![b'x'; 64 * KIB + 1]);
    for role in ROLES {
        let mut connection = open_deflate(role, &limited(1), &Deflate::default());
        for _ in 0..10 {
            let seen = read(&mut connection, &frame(role.peer(), COMPRESSED, &free), at(0));
            assert!(matches!(seen[..], [Seen::Event(Event::Message(_))]), "each message has its own count");
        }
        for cut in [1, 7, usize::MAX] {
            assert_eq!(received(&limited(1), role, &more, cut, false), Some(exceeded(1)));
        }
    }
}

#[test]
fn a_message_within_the_ratio_is_received() {
    let text = "{\"price\": 123.45, \"size\": 10, \"side\": \"buy\"}, ".repeat(20_000);
    let payload = compressed(text.as_bytes());
    let ratio = (text.len() / payload.len() + 1) as u32;
    for role in ROLES {
        for cut in [1, 1000, usize::MAX] {
            assert_eq!(received(&limited(ratio), role, &payload, cut, false), Some(message(text.clone())));
            assert_eq!(received(&limited(ratio / 2), role, &payload, cut, false), Some(exceeded(ratio / 2)));
        }
    }
}

/// Runs of zeros and of noise in turns, so that the ratio rises and falls within the message.
#[test]
fn the_verdict_does_not_depend_on_the_cuts() {
    let mut verdicts = [0; 2];
    for seed in 0..12 {
        let mut content = Vec::new();
        for turn in 0..4 + seed as usize % 3 {
            let part = noise(seed + turn as u64, 500 + 3000 * (turn % 3));
            content.extend(part.iter().map(|byte| byte & 0x7F));
            content.extend(vec![b'0'; (seed as usize * 7919 + turn * 60_000) % 200_000]);
        }
        let payload = compressed(&content);
        let mean = content.len() / payload.len();
        for ratio in [mean / 3, mean, mean + 1, 2 * mean, 6 * mean].map(|ratio| ratio.max(1) as u32) {
            let is_refused = |cut| {
                let seen = received(&limited(ratio), Role::Client, &payload, cut, false);
                match seen {
                    Some(Seen::Event(Event::Message(_))) => false,
                    Some(seen) if seen == exceeded(ratio) => true,
                    _ => panic!("neither"),
                }
            };
            let whole = is_refused(usize::MAX);
            verdicts[usize::from(whole)] += 1;
            for cut in [1, 2, 13, 500, 1023, 1024, 1025, 4096] {
                assert_eq!(is_refused(cut), whole, "seed {seed}, ratio {ratio}, reads of {cut}");
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count >= 10), "{verdicts:?}");
}

#[test]
fn a_ratio_of_any_size_is_taken() {
    let zeros = compressed(&vec![0; 1 << 20]);
    assert_eq!(received(&limited(0), Role::Server, &zeros, 1000, false), Some(exceeded(1)));
    let seen = received(&limited(u32::MAX), Role::Server, &zeros, 1000, false);
    assert_eq!(seen, Some(message("\0".repeat(1 << 20))));
}
