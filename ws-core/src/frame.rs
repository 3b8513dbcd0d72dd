//! One frame: its header, read and written (RFC 6455 §5.2).

use alloc::vec::Vec;

use crate::error::ViolationKind;
use crate::mask::{self, MaskKey};
use crate::message::MessageKind;

/// Which end of a connection: it decides who masks (RFC 6455 §5.1) and who ends the TCP connection (§7.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The end that connects; it masks its frames.
    Client,
    /// The end that accepts; it does not mask its frames.
    Server,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The type of a frame (RFC 6455 §11.8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opcode {
    /// 0x0: the next fragment of a message.
    Continuation,
    /// 0x1: text, or its first fragment.
    Text,
    /// 0x2: binary, or its first fragment.
    Binary,
    /// 0x8: the closing handshake.
    Close,
    /// 0x9: a ping.
    Ping,
    /// 0xA: a pong.
    Pong,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// Whether it is Close, Ping or Pong (RFC 6455 §5.5).
    #[inline]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<MessageKind> for Opcode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// The header of a frame that obeys every rule that can be checked on one frame alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    fin: bool,
    compressed: bool,
    opcode: Opcode,
    mask: Option<MaskKey>,
    len: u64,
}

/// What the other end of this connection may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Who sends: clients mask, servers do not.
    pub sender: Role,
    /// Whether permessage-deflate was negotiated, which gives the first reserved bit a meaning on the first frame of a data
    /// message (RFC 7692 §6).
    pub rsv1: bool,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;

impl Header {
    /// The longest header, in bytes.
    pub const MAX_LEN: usize = 14;
    /// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
    pub const MAX_CONTROL: usize = 125;

    /// The header of a data frame; `opcode` is the message's for its first frame, else [`Opcode::Continuation`].
    /// `None` for a control opcode, or a length over 2^63−1.
    pub const fn data(opcode: Opcode, fin: bool, mask: Option<MaskKey>, len: u64) -> Option<Self> {
        if opcode.is_control() || len > i64::MAX as u64 {
            return None;
        }
        Some(Self { fin, compressed: false, opcode, mask, len })
    }

    /// The header of a control frame. `None` for a data opcode, or a payload over 125 bytes.
    pub const fn control(opcode: Opcode, mask: Option<MaskKey>, len: usize) -> Option<Self> {
        if !opcode.is_control() || len > Self::MAX_CONTROL {
            return None;
        }
        Some(Self { fin: true, compressed: false, opcode, mask, len: len as u64 })
    }

    /// The same header with the first reserved bit as it is for a compressed message (RFC 7692 §6). Only the first frame of a
    /// data message has it; others stay as they are.
    #[must_use]
    pub const fn with_rsv1(mut self, compressed: bool) -> Self {
        self.compressed = compressed && matches!(self.opcode, Opcode::Text | Opcode::Binary);
        self
    }

    /// Whether the frame is the last of its message.
    #[inline]
    pub const fn fin(&self) -> bool {
        self.fin
    }

    /// The first reserved bit: whether the message is compressed, where that was negotiated (RFC 7692 §6).
    #[inline]
    pub const fn rsv1(&self) -> bool {
        self.compressed
    }

    /// The type of the frame.
    #[inline]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The masking key, if the payload is masked.
    #[inline]
    pub const fn mask(&self) -> Option<MaskKey> {
        self.mask
    }

    /// The length of the payload in bytes.
    #[inline]
    pub const fn payload_len(&self) -> u64 {
        self.len
    }

    /// Reads the header at the beginning of `bytes`, with its own length. `None` if more bytes are needed.
    ///
    /// A violation is seen as soon as the byte is there that makes it, and the same one is seen however the bytes
    /// are cut.
    #[inline]
    pub fn decode(bytes: &[u8], rules: Rules) -> Result<Option<(Self, usize)>, ViolationKind> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return Err(bad_first_byte(first));
        };
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        // RFC 6455 §5.2: the reserved bits MUST be 0 unless an extension is negotiated that defines them;
        // RFC 7692 §6: RSV1 stands on the first frame of a message only.
        let rsv1_defined = rules.rsv1 && matches!(opcode, Opcode::Text | Opcode::Binary);
        if first & RSV2_RSV3 != 0 || (compressed && !rsv1_defined) {
            return Err(ViolationKind::ReservedBits);
        }
        // RFC 6455 §5.5: all control frames MUST NOT be fragmented.
        if opcode.is_control() && !fin {
            return Err(ViolationKind::FragmentedControl);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & MASK != 0;
        match (rules.sender, masked) {
            // RFC 6455 §5.1: a client MUST mask all frames, a server MUST NOT mask any.
            (Role::Client, false) => return Err(ViolationKind::Unmasked),
            (Role::Server, true) => return Err(ViolationKind::Masked),
            (Role::Client, true) | (Role::Server, false) => {}
        }
        let short = second & 0x7F;
        if opcode.is_control() && usize::from(short) > Self::MAX_CONTROL {
            return Err(ViolationKind::ControlTooLong);
        }
        // RFC 6455 §5.2: the minimal number of bytes MUST be used to encode the length, and the most significant bit
        // of the longest form MUST be 0.
        let (len, at) = match short {
            126 => {
                let Some(length) = array(bytes, 2) else { return Ok(None) };
                let len = u16::from_be_bytes(length);
                if len < 126 {
                    return Err(ViolationKind::LengthNotMinimal);
                }
                (u64::from(len), 4)
            }
            127 => {
                if bytes.get(2).is_some_and(|most_significant| most_significant & 0x80 != 0) {
                    return Err(ViolationKind::LengthTooLarge);
                }
                let Some(length) = array(bytes, 2) else { return Ok(None) };
                let len = u64::from_be_bytes(length);
                if len <= u64::from(u16::MAX) {
                    return Err(ViolationKind::LengthNotMinimal);
                }
                (len, 10)
            }
            short => (u64::from(short), 2),
        };
        if !masked {
            return Ok(Some((Self { fin, compressed, opcode, mask: None, len }, at)));
        }
        let Some(key) = array(bytes, at) else { return Ok(None) };
        Ok(Some((Self { fin, compressed, opcode, mask: Some(key), len }, at + 4)))
    }

    /// The header as it goes over the wire: the bytes, and how many of them count.
    #[inline]
    pub fn encode(&self) -> ([u8; Self::MAX_LEN], usize) {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[0] = self.first_byte();
        let mut at = match self.len {
            0..=125 => {
                bytes[1] = self.len as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(self.len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[1] |= MASK;
            bytes[at..at + 4].copy_from_slice(&key);
            at += 4;
        }
        (bytes, at)
    }

    const fn first_byte(&self) -> u8 {
        self.opcode.bits() | if self.fin { FIN } else { 0 } | if self.compressed { RSV1 } else { 0 }
    }

    /// The same at the end of a buffer. Most frames that are masked are short, and need no array in between.
    #[inline(always)]
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>) {
        if let (len @ 0..=125, Some([a, b, c, d])) = (self.len, self.mask) {
            return buffer.extend_from_slice(&[self.first_byte(), MASK | len as u8, a, b, c, d]);
        }
        let (bytes, len) = self.encode();
        buffer.extend_from_slice(&bytes[..len]);
    }
}

/// A data message in one frame, not compressed, that lies whole in a buffer: what nearly every frame is.
pub(crate) struct Whole<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) mask: Option<MaskKey>,
    /// The length of its header.
    pub(crate) start: usize,
    /// As it came: masked, if it is.
    pub(crate) payload: &'a mut [u8],
}

impl<'a> Whole<'a> {
    /// What it begins with.
    pub(crate) const BINARY: u8 = FIN | Opcode::Binary.bits();
    const TEXT: u8 = FIN | Opcode::Text.bits();

    /// Recognizes it at the beginning of `bytes` in few steps. `None` for everything else, legal or not:
    /// [`Header::decode`] says what that is.
    #[inline(always)]
    pub(crate) fn decode(bytes: &'a mut [u8], sender: Role) -> Option<Self> {
        let &mut [first, second, ..] = bytes else { return None };
        let kind = match first {
            Self::BINARY => MessageKind::Binary,
            Self::TEXT => MessageKind::Text,
            _ => return None,
        };
        // If the mask bit is as it has to be, the length is left.
        let is_masked = sender == Role::Client;
        let (len, at) = match second ^ if is_masked { MASK } else { 0 } {
            short @ 0..=125 => (usize::from(short), 2),
            126 => match u16::from_be_bytes(array(bytes, 2)?) {
                0..=125 => return None,
                len => (usize::from(len), 4),
            },
            127 => match u64::from_be_bytes(array(bytes, 2)?) {
                0..=0xFFFF => return None,
                len => (usize::try_from(len).ok()?, 10),
            },
            _ => return None,
        };
        let (mask, start) = if is_masked { (Some(array(bytes, at)?), at + 4) } else { (None, at) };
        let payload = bytes.get_mut(start..)?.get_mut(..len)?;
        Some(Self { kind, mask, start, payload })
    }

    /// The length of the frame.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.start + self.payload.len()
    }

    /// What its header says.
    #[inline]
    pub(crate) fn header(&self) -> Header {
        let len = self.payload.len() as u64;
        Header { fin: true, compressed: false, opcode: self.kind.into(), mask: self.mask, len }
    }

    /// Unmasks the payload; or masks it again.
    #[inline]
    pub(crate) fn unmask(&mut self) {
        if let Some(key) = self.mask {
            mask::apply(self.payload, key, 0);
        }
    }
}

#[cold]
fn bad_first_byte(first: u8) -> ViolationKind {
    if first & (RSV1 | RSV2_RSV3) != 0 {
        ViolationKind::ReservedBits
    } else {
        ViolationKind::ReservedOpcode(first & 0x0F)
    }
}

#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_frame_is_what_the_header_says() {
        let lengths: [&[u8]; 6] =
            [&[0; 8], &[0, 125], &[0, 126], &[0, 0, 0, 0, 0, 0, 1, 0], &[0, 0, 0, 0, 0, 1], &[0x80; 8]];
        for first in 0..=255 {
            for second in [0, 1, 5, 125, 126, 127].into_iter().flat_map(|second| [second, MASK | second]) {
                for length in lengths {
                    let mut bytes = [&[first, second], length, &[7; 1 << 16]].concat();
                    for there in [0, 1, 2, 3, 4, 5, 6, 9, 10, 13, 14, 130, 134, bytes.len()] {
                        check(&mut bytes[..there], Role::Client);
                        check(&mut bytes[..there], Role::Server);
                    }
                }
            }
        }
    }

    fn check(bytes: &mut [u8], sender: Role) {
        let expected = match Header::decode(bytes, Rules { sender, rsv1: true }) {
            Ok(Some((header, start))) => {
                let is_message = matches!(header.opcode(), Opcode::Text | Opcode::Binary);
                let is_there = header.payload_len() <= (bytes.len() - start) as u64;
                (is_message && header.fin() && !header.rsv1() && is_there).then_some((header, start))
            }
            _ => None,
        };
        let whole = Whole::decode(bytes, sender);
        let found = whole.map(|whole| {
            let header = Header::data(whole.kind.into(), true, whole.mask, whole.payload.len() as u64);
            (header.unwrap(), whole.start)
        });
        assert_eq!(found, expected);
    }
}
