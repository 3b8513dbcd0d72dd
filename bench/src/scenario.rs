//! What is sent: direction, kind of payload, size, and how many.

use bytes::{Bytes, BytesMut};

/// The payload sizes of the columns: one byte of length, two, and eight.
pub const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 1024 * 1024];

/// A prepared stream is at least this long before it repeats, so that a read of small frames rarely meets the seam.
const PERIOD: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Binary,
    AsciiText,
    /// Characters of one, two, three and four bytes in turn.
    MixedText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Receive,
    /// As `Receive`, but each read gives one frame, and the next has to wait.
    ReceiveEach,
    Send {
        flush_every: usize,
    },
}

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub role: Role,
    pub content: Content,
    pub direction: Direction,
}

pub const ALL: [Scenario; 6] = [
    Scenario {
        name: "receive-binary",
        title: "Client receives binary",
        role: Role::Client,
        content: Content::Binary,
        direction: Direction::Receive,
    },
    Scenario {
        name: "receive-ascii",
        title: "Client receives ASCII text",
        role: Role::Client,
        content: Content::AsciiText,
        direction: Direction::Receive,
    },
    Scenario {
        name: "receive-mixed",
        title: "Client receives text of mixed width",
        role: Role::Client,
        content: Content::MixedText,
        direction: Direction::Receive,
    },
    Scenario {
        name: "serve-binary",
        title: "Server receives masked binary",
        role: Role::Server,
        content: Content::Binary,
        direction: Direction::Receive,
    },
    Scenario {
        name: "send-each",
        title: "Client sends binary, a flush after each message",
        role: Role::Client,
        content: Content::Binary,
        direction: Direction::Send { flush_every: 1 },
    },
    Scenario {
        name: "send-64",
        title: "Client sends binary, a flush after every 64 messages",
        role: Role::Client,
        content: Content::Binary,
        direction: Direction::Send { flush_every: 64 },
    },
];

/// A live feed. It has a table of its own.
pub const SMALL_READS: Scenario = Scenario {
    name: "small-reads",
    title: "Client receives binary, one message in each read",
    role: Role::Client,
    content: Content::Binary,
    direction: Direction::ReceiveEach,
};

/// One cell of the table, and how many messages to measure it with.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub scenario: &'static Scenario,
    pub size: usize,
    pub count: usize,
}

impl Case {
    pub fn kind(&self) -> Kind {
        match self.scenario.content {
            Content::Binary => Kind::Binary,
            Content::AsciiText | Content::MixedText => Kind::Text,
        }
    }

    pub fn payload(&self) -> Bytes {
        match self.scenario.content {
            Content::Binary => Noise::new().take(self.size).collect(),
            Content::AsciiText => (b' '..=b'~').cycle().take(self.size).collect(),
            Content::MixedText => mixed_text(self.size).into(),
        }
    }

    /// The length of a frame on the wire.
    pub fn frame_len(&self, masked: bool) -> usize {
        let length = match self.size {
            0..126 => 0,
            126..65536 => 2,
            _ => 8,
        };
        2 + length + if masked { 4 } else { 0 } + self.size
    }

    /// Whole frames, as the other side sends them; to be repeated.
    pub fn frames(&self) -> Bytes {
        let payload = self.payload();
        let masked = self.scenario.role == Role::Server;
        let frame_len = self.frame_len(masked);
        let repeat = PERIOD.div_ceil(frame_len);
        let mut frames = BytesMut::with_capacity(repeat * frame_len);
        let mut keys = Noise::new();
        for _ in 0..repeat {
            let key = masked.then(|| std::array::from_fn(|_| keys.next_byte()));
            put_frame(&mut frames, self.kind(), key, &payload);
        }
        frames.freeze()
    }
}

fn put_frame(frames: &mut BytesMut, kind: Kind, key: Option<[u8; 4]>, payload: &[u8]) {
    let opcode = match kind {
        Kind::Text => 0x1,
        Kind::Binary => 0x2,
    };
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    frames.extend_from_slice(&[0x80 | opcode]);
    match payload.len() {
        len @ 0..126 => frames.extend_from_slice(&[mask_bit | len as u8]),
        len @ 126..65536 => {
            frames.extend_from_slice(&[mask_bit | 126]);
            frames.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frames.extend_from_slice(&[mask_bit | 127]);
            frames.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let key = key.inspect(|key| frames.extend_from_slice(key)).unwrap_or_default();
    frames.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

fn mixed_text(size: usize) -> String {
    let mut text = String::with_capacity(size);
    for char in ['a', 'é', '€', '😀'].into_iter().cycle() {
        if text.len() + char.len_utf8() > size {
            break;
        }
        text.push(char);
    }
    // The last character that fits may leave a gap of up to three bytes.
    while text.len() < size {
        text.push('.');
    }
    text
}

/// Bytes without a pattern, the same in every run (xorshift64).
struct Noise(u64);

impl Noise {
    fn new() -> Self {
        Noise(0x9E37_79B9_7F4A_7C15)
    }

    fn next_byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u8
    }
}

impl Iterator for Noise {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        Some(self.next_byte())
    }
}
