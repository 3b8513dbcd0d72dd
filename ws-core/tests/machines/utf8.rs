//! Text is checked as it comes (RFC 6455 §8.1): it fails within the read that brings the bad byte.

use ws_core::{Role, ViolationKind};

use crate::support::*;

/// Bytes that no text holds, and how many of them are needed to know.
const WRONG: [(&[u8], usize); 8] = [
    (b"\xff", 1),
    (b"\x80", 1),
    (b"\xc0\xaf", 1),
    (b"\xe0\x9f\xbf", 2),
    (b"\xed\xa0\x80", 2),
    (b"\xf0\x8f\xbf\xbf", 2),
    (b"\xf4\x90\x80\x80", 2),
    (b"\xe2\x82(", 3),
];

/// Where text may stand: bytes up to its first byte, the first of them a header that announces more than comes.
fn places(sender: Role) -> [(&'static str, Vec<u8>); 4] {
    let first = frame(sender, FIRST_TEXT, "κό".as_bytes());
    let ping = frame(sender, PING, b"p");
    [
        ("a text frame", header(sender, TEXT, 100)),
        ("a first fragment", header(sender, FIRST_TEXT, 70_000)),
        ("a continuation", [first, ping, header(sender, LAST, 100)].concat()),
        ("a close reason", [header(sender, CLOSE, 100), masked(sender, &1000u16.to_be_bytes(), 0)].concat()),
    ]
}

/// `payload` as it is in a frame from `sender`, of which it stands at `phase`.
fn masked(sender: Role, payload: &[u8], phase: usize) -> Vec<u8> {
    let before = vec![0; phase];
    let whole = frame(sender, BINARY, &[&before, payload].concat());
    whole[whole.len() - payload.len()..].to_vec()
}

#[test]
fn invalid_utf8_fails_within_the_read_that_brings_it_also_inside_a_frame_that_is_not_complete() {
    for role in ROLES {
        let sender = role.peer();
        for (place, start) in places(sender) {
            let phase = if place == "a close reason" { 2 } else { 0 };
            for (wrong, needed) in WRONG {
                for valid in ["", "a", "é", "€", "𐍈 and more"] {
                    let text = [valid.as_bytes(), wrong].concat();
                    let bytes = [&start[..], &masked(sender, &text, phase)].concat();
                    let bad = start.len() + valid.len() + needed - 1;
                    let expected = Seen::Violation(ViolationKind::InvalidUtf8, bad as u64);

                    let mut connection = open(role, &quiet());
                    let seen = read(&mut connection, &bytes[..bad], at(0));
                    assert!(!seen.contains(&expected), "{place}: {wrong:x?} after {valid:?}, too early");
                    let seen = read(&mut connection, &bytes[bad..=bad], at(0));
                    assert!(
                        matches!(&seen[..], [seen] if *seen == expected),
                        "{place}: {wrong:x?} after {valid:?}"
                    );

                    let mut connection = open(role, &quiet());
                    let seen = read(&mut connection, &bytes, at(0));
                    assert_eq!(seen.last(), Some(&expected), "{place}: {wrong:x?} after {valid:?}, at once");
                }
            }
        }
    }
}

#[test]
fn a_character_may_be_cut_by_reads_fragments_and_control_frames() {
    let text = "aé€𐍈z";
    for role in ROLES {
        let sender = role.peer();
        for cut in 0..=text.len() {
            let (first, last) = text.as_bytes().split_at(cut);
            let bytes = [
                frame(sender, FIRST_TEXT, first),
                frame(sender, PONG, b""),
                frame(sender, CONTINUATION, b""),
                frame(sender, LAST, last),
            ];
            let bytes = bytes.concat();
            for chunk in [1, 2, 3, 5, bytes.len()] {
                let mut connection = open(role, &quiet());
                let seen: Vec<Seen> =
                    bytes.chunks(chunk).flat_map(|part| read(&mut connection, part, at(0))).collect();
                assert_eq!(seen.last(), Some(&message(text)), "cut at {cut}, in chunks of {chunk}");
                assert_eq!(seen.len(), 2);
            }
        }
    }
}
