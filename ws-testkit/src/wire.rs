//! Handshakes and frames byte by byte (RFC 6455), for tests that send or read bytes of their own.
//!
//! Nothing here uses the library under test, so that the library is not its own witness.
//!
//! ```
//! use ws_testkit::wire::{self, FIN, TEXT};
//!
//! let mut bytes = wire::frame(FIN | TEXT, true, b"hello");
//! let frame = wire::take_frame(&mut bytes).expect("a whole frame");
//! assert_eq!((frame.fin, frame.opcode, &*frame.payload), (true, TEXT, &b"hello"[..]));
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};

/// Opcode of a fragment that continues a message.
pub const CONTINUATION: u8 = 0x0;
/// Opcode of a text message.
pub const TEXT: u8 = 0x1;
/// Opcode of a binary message.
pub const BINARY: u8 = 0x2;
/// Opcode of a Close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping.
pub const PING: u8 = 0x9;
/// Opcode of a pong.
pub const PONG: u8 = 0xA;
/// Bit of the first byte: the last fragment of its message.
pub const FIN: u8 = 0x80;
/// First reserved bit of the first byte. With permessage-deflate it marks a compressed message.
pub const RSV1: u8 = 0x40;

/// Masking key of the frames that [`frame`] masks.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as it was received, with its payload unmasked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawFrame {
    /// The last fragment of its message, or all of it.
    pub fin: bool,
    /// The first reserved bit. With permessage-deflate it marks a compressed message.
    pub rsv1: bool,
    /// The second or the third reserved bit is set, which no registered extension uses.
    pub rsv2_or_3: bool,
    /// Four bits; see the constants of this module.
    pub opcode: u8,
    /// The masking key; `None` if the frame was not masked.
    pub key: Option<[u8; 4]>,
    /// The unmasked payload. A compressed payload is not inflated.
    pub payload: Vec<u8>,
}

impl RawFrame {
    /// The code and the reason of a Close frame.
    ///
    /// # Panics
    ///
    /// If the frame is not a Close frame, or has no code, or its reason is not UTF-8.
    pub fn close(&self) -> (u16, &str) {
        assert_eq!(self.opcode, CLOSE, "{self:?} is no Close frame");
        close_parts(&self.payload)
            .unwrap_or_else(|| panic!("{self:?} has no code, or a reason that is not UTF-8"))
    }
}

/// The code and the reason in the payload of a Close frame. `None` if there is no code, or if the reason is not UTF-8.
pub(crate) fn close_parts(payload: &[u8]) -> Option<(u16, &str)> {
    let (code, reason) = payload.split_first_chunk()?;
    Some((u16::from_be_bytes(*code), std::str::from_utf8(reason).ok()?))
}

/// The bytes of a frame, legal or not. `first` is FIN, the reserved bits and the opcode. A client masks its frames, a server does not.
pub fn frame(first: u8, is_masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => bytes.push(mask | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(mask | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if is_masked {
        bytes.extend(KEY);
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// The payload of a Close frame, legal or not.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Takes a frame off the beginning of `bytes`. `None`, with `bytes` unchanged, until the frame is there as a whole.
pub fn take_frame(bytes: &mut Vec<u8>) -> Option<RawFrame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (len, mut at) = match second & 0x7F {
        126 => (u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize, 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        short => (usize::from(short), 2),
    };
    let key: Option<[u8; 4]> = if second & 0x80 == 0 {
        None
    } else {
        at += 4;
        Some(bytes.get(at - 4..at)?.try_into().ok()?)
    };
    let mut payload = bytes.get(at..at.checked_add(len)?)?.to_vec();
    if let Some(key) = key {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    bytes.drain(..at + len);
    let (fin, rsv1, rsv2_or_3) = (first & FIN != 0, first & RSV1 != 0, first & 0x30 != 0);
    Some(RawFrame { fin, rsv1, rsv2_or_3, opcode: first & 0x0F, key, payload })
}

/// Takes the head of an HTTP request or response off the beginning of `bytes`, with its empty line. `None`, with `bytes` unchanged, until
/// the head is there as a whole. Bytes that are not UTF-8 are replaced.
pub fn take_head(bytes: &mut Vec<u8>) -> Option<String> {
    let at = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head: Vec<u8> = bytes.drain(..at + 4).collect();
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// The value of a header field in a head. Names are compared without regard to case; of several fields, the first counts.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (other, value) = line.split_once(':')?;
        other.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The value of `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
pub fn accept_key(key: &str) -> String {
    BASE64.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// The response that opens the connection. `fields` are further header fields, each with CRLF at its end. `None` if the request has no
/// key.
pub fn response_to(request: &str, fields: &str) -> Option<String> {
    let accept = accept_key(field(request, "Sec-WebSocket-Key")?);
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{fields}\r\n"
    ))
}
