//! The window of an inflater: the bytes before a message to which it may refer (RFC 7692 §7.2.2).

use ws_core::{Message, ViolationKind};

use crate::agreed::*;
use crate::inflating::{AGAIN, COMPRESSED, HELLO, chunkd, forgetful, owned, received, takeover};
use crate::support::*;

#[test]
fn without_takeover_nothing_is_remembered() {
    for role in ROLES {
        let mut connection = open_deflate(role, &quiet(), &forgetful());
        let bytes = [frame(role.peer(), COMPRESSED, HELLO), frame(role.peer(), COMPRESSED, AGAIN)].concat();
        let seen = read(&mut connection, &bytes, at(0));
        let kind = ViolationKind::InvalidDeflate;
        let offset = frame(role.peer(), COMPRESSED, HELLO).len() as u64;
        assert_eq!(seen, [message("Hello"), Seen::Violation(kind, offset)]);
    }
}

#[test]
fn a_message_larger_than_the_window_is_inflated_in_any_cut_after_a_final_block_too() {
    let text: String =
        crate::pairs::noise(11, 90_000).iter().map(|byte| char::from(b'a' + byte % 16)).collect();
    let again = text[text.len() - 32_000..].to_owned();
    for bits in [8, 9, 12, 15] {
        let compressed = |peer: &mut zlib_rs::Deflate, text: &str, flush| {
            let mut output = vec![0; text.len() + 100];
            let before = peer.total_out();
            peer.compress(text.as_bytes(), &mut output, flush).unwrap();
            output.truncate((peer.total_out() - before) as usize);
            output
        };
        let mut first = zlib_rs::Deflate::new(6, false, 15.min(bits.max(9)));
        let mut payload = compressed(&mut first, &text, zlib_rs::DeflateFlush::Finish);
        // A stream that knows the one before it, though that has ended.
        let mut second = zlib_rs::Deflate::new(6, false, 15.min(bits.max(9)));
        second.set_dictionary(text.as_bytes()).unwrap();
        let mut next = compressed(&mut second, &again, zlib_rs::DeflateFlush::SyncFlush);
        next.truncate(next.len() - 4);
        assert!(bits < 15 || next.len() < 1000, "it refers to the first: {}", next.len());
        payload.push(0);
        let deflate = takeover().server_max_window_bits(bits).client_max_window_bits(bits);
        for role in ROLES {
            let bytes =
                [frame(role.peer(), COMPRESSED, &payload), frame(role.peer(), COMPRESSED, &next)].concat();
            for chunk in [1, 100, 4096, usize::MAX] {
                let messages = received(role, &deflate, bytes.chunks(chunk), owned);
                assert!(messages == [Message::from(text.clone()), Message::from(again.clone())], "{bits}");
                let messages = received(role, &deflate, bytes.chunks(chunk), chunkd(&mut Vec::new()));
                assert!(messages == [Message::from(text.clone()), Message::from(again.clone())], "{bits}");
            }
        }
    }
}

/// Bits of DEFLATE (RFC 1951 §3.1.1), the first one lowest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= (bit as u8) << (self.len % 8);
        self.len += 1;
    }

    /// A number, its lowest bit first.
    fn number(&mut self, number: u32, n: u32) -> &mut Self {
        (0..n).for_each(|i| self.bit(number >> i & 1));
        self
    }

    /// A code, its highest bit first.
    fn code(&mut self, code: u32, n: u32) -> &mut Self {
        (0..n).rev().for_each(|i| self.bit(code >> i & 1));
        self
    }
}

/// zlib and its descendants refer 262 bytes less far back, but other compressors to the end of the window.
#[test]
fn the_oldest_byte_of_the_window_outlives_a_final_block() {
    let noise = crate::pairs::noise(5, 32_768);
    let text: String = noise.iter().map(|byte| char::from(b'a' + byte % 16)).collect();
    // A block without compression that fills the window, and then a final one: 40 letters, and three of them again.
    let mut first = vec![0x00, 0x00, 0x80, 0xFF, 0x7F];
    first.extend_from_slice(text.as_bytes());
    let mut bits = Bits::default();
    bits.number(1, 1).number(1, 2);
    for n in 0..40 {
        bits.code(0x30 + u32::from(b'A') + n, 8);
    }
    bits.code(257 - 256, 7).code(10, 5).number(40 - 33, 4).code(0, 7);
    first.extend(bits.bytes);
    let letters: String = (0..40).map(|n| char::from(b'A' + n)).collect();
    // 31 bytes from the window's beginning, and the empty block of which the tail is removed.
    let mut bits = Bits::default();
    bits.number(0, 1).number(1, 2).code(272 - 256, 7).number(0, 2).code(29, 5).number(8191, 13).code(0, 7);
    bits.number(0, 3);
    let expected = [text.clone() + &letters + "ABC", text[43..74].to_owned()].map(Message::from);
    for role in ROLES {
        let bytes =
            [frame(role.peer(), COMPRESSED, &first), frame(role.peer(), COMPRESSED, &bits.bytes)].concat();
        for chunk in [1, 100, usize::MAX] {
            assert!(received(role, &takeover(), bytes.chunks(chunk), owned) == expected, "by {chunk} bytes");
        }
    }
}
