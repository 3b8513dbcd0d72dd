//! Bytes of a peer that wants much memory to be held for them.

use ws_core::Role;

use super::support::{self, BINARY, CONTINUATION, FIRST_BINARY, FIRST_TEXT, LAST, PING, TEXT};
use super::{KIB, Limits};

pub(super) struct Shape {
    pub(super) name: &'static str,
    /// Sent over and over.
    pub(super) bytes: Vec<u8>,
    pub(super) compressed: bool,
    /// The length of the largest message.
    pub(super) largest: usize,
}

/// A frame of `len` times `x`.
fn frame(sender: Role, first: u8, len: usize) -> Vec<u8> {
    support::frame(sender, first, &vec![b'x'; len])
}

/// Frames of these lengths in one message. The first has the opcode `first`.
fn fragments(sender: Role, first: u8, lengths: &[usize]) -> Vec<u8> {
    let last = lengths.len() - 1;
    let opcode = |n| match n {
        0 => first,
        n if n == last => LAST,
        _ => CONTINUATION,
    };
    lengths.iter().enumerate().flat_map(|(n, len)| frame(sender, opcode(n), *len)).collect()
}

/// An empty message of about `len` bytes.
fn garbage(sender: Role, len: usize) -> Vec<u8> {
    fragments(sender, FIRST_BINARY, &vec![0; (len / frame(sender, CONTINUATION, 0).len()).max(2)])
}

/// A message, and as much garbage behind it as fills a buffer of `size` bytes.
fn pinning(sender: Role, payload: usize, size: usize) -> Vec<u8> {
    let message = frame(sender, BINARY, payload);
    let rest = size.saturating_sub(message.len());
    [message, garbage(sender, rest)].concat()
}

pub(super) fn all(sender: Role, limits: Limits) -> Vec<Shape> {
    let of = |first, len| frame(sender, first, len);
    let max = limits.message;
    let plain = [
        ("a byte over the copy limit, before garbage", pinning(sender, 513, 64 * KIB)),
        ("the same in half a buffer", pinning(sender, 513, 32 * KIB)),
        ("a shared payload, before garbage", pinning(sender, 4096, 64 * KIB)),
        ("half a buffer, before garbage", pinning(sender, 33 * KIB, 128 * KIB)),
        ("a byte, before garbage", pinning(sender, 1, 1100)),
        ("a text, before garbage", [of(TEXT, 20), garbage(sender, 1100)].concat()),
        ("a byte over the copy limit", of(BINARY, 513)),
        ("a byte", of(BINARY, 1)),
        ("nothing", of(BINARY, 0)),
        ("texts", of(TEXT, 100)),
        ("pings", of(PING, 0)),
        ("large pings", of(PING, 125)),
        ("messages in two fragments", fragments(sender, FIRST_BINARY, &[1, 0])),
        ("texts in two fragments", fragments(sender, FIRST_TEXT, &[30, 1])),
        ("messages in many fragments", fragments(sender, FIRST_BINARY, &[513; 100])),
        ("fragments, between garbage", {
            let mut lengths = vec![0; 10_000];
            lengths[0] = 600;
            fragments(sender, FIRST_BINARY, &lengths)
        }),
        ("a message of 16 KiB", of(BINARY, 16 * KIB)),
        ("the largest message", of(BINARY, max)),
        ("the largest text", of(TEXT, max)),
        ("the largest message, in fragments", fragments(sender, FIRST_BINARY, &vec![max / 64 - 7; 64])),
        ("the largest message, after one byte less than half of it", {
            fragments(sender, FIRST_BINARY, &[max / 2 - 1, max / 2 + 1])
        }),
        ("the largest text, in fragments", fragments(sender, FIRST_TEXT, &vec![max / 64 - 7; 64])),
        (
            "a message in the end of a large buffer",
            [of(BINARY, max), pinning(sender, 513, 32 * KIB), pinning(sender, 513, 16 * KIB)].concat(),
        ),
        (
            "nearly all that may be read ahead, then the largest message",
            [of(BINARY, 1000).repeat(limits.read_ahead / 1100), of(BINARY, max)].concat(),
        ),
        ("the largest message, with pings within it", {
            let mut bytes = of(FIRST_BINARY, max - 1);
            bytes.extend(of(PING, 125).repeat(limits.read_ahead / 125));
            bytes.extend(of(LAST, 1));
            bytes
        }),
    ];
    let plain = plain.map(|(name, bytes)| {
        let largest = if bytes.len() >= max { max } else { bytes.len() };
        Shape { name, bytes, compressed: false, largest }
    });
    #[cfg(feature = "deflate")]
    return plain.into_iter().chain(compressed::all(sender, limits)).collect();
    #[cfg(not(feature = "deflate"))]
    plain.into()
}

/// A few of them for larger limits, which take more time.
pub(super) fn few(sender: Role, limits: Limits) -> Vec<Shape> {
    let shape = |name, bytes, largest| Shape { name, bytes, compressed: false, largest };
    vec![
        shape("a byte over the copy limit, before garbage", pinning(sender, 513, 64 * KIB), 513),
        shape("a message of 16 KiB", frame(sender, BINARY, 16 * KIB), 16 * KIB),
        shape("the largest message", frame(sender, BINARY, limits.message), limits.message),
    ]
}

#[cfg(feature = "deflate")]
pub(super) use compressed::agreed;

#[cfg(feature = "deflate")]
mod compressed {
    use ws_core::bytes::{Buf, BytesMut};
    use ws_core::{Config, Connection, Deflate, Machine, Message, NegotiatedDeflate, Random, Role};

    use super::{KIB, Limits, Shape};

    /// The compression of both ends.
    pub(crate) fn agreed(role: Role) -> NegotiatedDeflate {
        let deflate = Deflate::default();
        let accepted = deflate.accept([&*deflate.to_string()]).unwrap().unwrap();
        match role {
            Role::Server => accepted,
            Role::Client => deflate.confirm([&*accepted.to_string()]).unwrap().unwrap(),
        }
    }

    /// Messages, as a peer sends them that compresses each alone, so that they can be repeated.
    fn sent(sender: Role, messages: &[Message]) -> Vec<u8> {
        let random = Random::from_seed([2; 32]);
        let config = Config::default().max_send_buffer(usize::MAX);
        let peer =
            Connection::after_handshake(sender, &config, random, BytesMut::new(), crate::support::at(0));
        let mut peer = peer.with_deflate(agreed(sender));
        for message in messages {
            peer.release_compressor();
            peer.send(message.clone()).unwrap();
        }
        let n = peer.outbound().remaining();
        peer.outbound().copy_to_bytes(n).to_vec()
    }

    pub(super) fn all(sender: Role, limits: Limits) -> Vec<Shape> {
        let max = limits.message;
        let zeros = |len| Message::binary(vec![0; len]);
        let text = |len| Message::text("x".repeat(len));
        let noise = |len| {
            let mut state = 1_u32;
            Message::binary(
                std::iter::repeat_with(|| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .take(len)
                .collect::<Vec<u8>>(),
            )
        };
        let shapes = [
            ("compressed: small messages", vec![zeros(2000)]),
            ("compressed: texts", vec![text(2000)]),
            ("compressed: the largest message", vec![zeros(max)]),
            ("compressed: the largest text", vec![text(max)]),
            ("compressed: three quarters of the largest message", vec![zeros(max * 3 / 4)]),
            ("compressed: noise", vec![noise(max / 2)]),
            ("compressed: nearly all that may be read ahead, then the largest message", {
                let mut messages = vec![zeros(KIB); limits.read_ahead / 1100];
                messages.push(zeros(max));
                messages
            }),
        ];
        shapes
            .into_iter()
            .map(|(name, messages)| {
                let largest = messages.iter().map(Message::len).max().unwrap();
                Shape { name, bytes: sent(sender, &messages), compressed: true, largest }
            })
            .collect()
    }
}
