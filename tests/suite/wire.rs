//! Frames by hand (RFC 6455 §5.2), so that the library is not its own witness.

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;
pub const FIN: u8 = 0x80;
pub const RSV1: u8 = 0x40;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as it came, with its payload unmasked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub fin: bool,
    /// What permessage-deflate says of a message: it is compressed.
    pub rsv1: bool,
    pub opcode: u8,
    pub key: Option<[u8; 4]>,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code and the reason of a Close frame.
    pub fn close(&self) -> (u16, &str) {
        assert_eq!(self.opcode, CLOSE, "{self:?} is no Close frame");
        let (code, reason) = self.payload.split_first_chunk().unwrap();
        (u16::from_be_bytes(*code), std::str::from_utf8(reason).unwrap())
    }
}

/// The bytes of a frame; `first` is FIN, the reserved bits and the opcode.
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

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Takes a frame off the beginning of `bytes`, once it is all there.
pub fn take_frame(bytes: &mut Vec<u8>) -> Option<Frame> {
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
    let mut payload = bytes.get(at..at + len)?.to_vec();
    if let Some(key) = key {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    bytes.drain(..at + len);
    assert_eq!(first & 0x30, 0, "a reserved bit that no extension uses is set");
    Some(Frame { fin: first & FIN != 0, rsv1: first & RSV1 != 0, opcode: first & 0x0F, key, payload })
}
