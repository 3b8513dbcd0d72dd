//! The other end's compression (RFC 7692 §7.2), on zlib-rs alone, so that the library is not its own witness.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// One end of a connection, with context takeover in both directions.
pub struct Zlib {
    deflate: Deflate,
    inflate: Inflate,
}

impl Default for Zlib {
    fn default() -> Self {
        Self { deflate: Deflate::new(6, false, 15), inflate: Inflate::new(false, 15) }
    }
}

impl Zlib {
    /// The payload of a compressed message.
    pub fn deflate(&mut self, message: impl AsRef<[u8]>) -> Vec<u8> {
        let mut payload = self.part(message.as_ref());
        payload.truncate(payload.len() - TAIL.len());
        payload
    }

    /// The payload of a fragment that is not the last.
    pub fn part(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let mut room = vec![0; 64 * 1024];
        loop {
            let (total_in, total_out) = (self.deflate.total_in(), self.deflate.total_out());
            self.deflate.compress(bytes, &mut room, DeflateFlush::SyncFlush).unwrap();
            let n = (self.deflate.total_out() - total_out) as usize;
            output.extend_from_slice(&room[..n]);
            bytes = &bytes[(self.deflate.total_in() - total_in) as usize..];
            if n < room.len() && bytes.is_empty() {
                return output;
            }
        }
    }

    /// The message of a compressed payload.
    pub fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let payload = [payload, &TAIL].concat();
        let mut rest = &payload[..];
        let mut output = Vec::new();
        let mut room = vec![0; 64 * 1024];
        loop {
            let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
            // That there is nothing left to do is no error.
            let _ = self.inflate.decompress(rest, &mut room, InflateFlush::SyncFlush);
            let n = (self.inflate.total_out() - total_out) as usize;
            output.extend_from_slice(&room[..n]);
            rest = &rest[(self.inflate.total_in() - total_in) as usize..];
            if n < room.len() {
                assert_eq!(rest, b"", "what does not inflate");
                return output;
            }
        }
    }

    pub fn inflate_text(&mut self, payload: &[u8]) -> String {
        String::from_utf8(self.inflate(payload)).unwrap()
    }
}
