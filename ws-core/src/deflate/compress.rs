//! Compressed payloads from messages (RFC 7692 §7.2.1).

mod cache;

use alloc::vec;
use alloc::vec::Vec;

use zlib_rs::DeflateFlush;

use super::{Deflate, NegotiatedDeflate, TAIL};
use crate::growth::growth;
use cache::CachedCompressor;

/// RFC 7692 §7.2.3.6: an empty message is the header of an empty block, of which the tail was removed.
const EMPTY: u8 = 0x00;

/// What compressing adds at most to a small message, so that room for it is made at once.
const OVERHEAD: usize = 64;

/// The room that is made at a time for what comes out of a large message, in bytes.
const CHUNK: usize = 16 * 1024;

/// The sending half of the extension.
pub(crate) struct Compressor {
    negotiated: NegotiatedDeflate,
    bits: u8,
    takeover: bool,
    level: u8,
    min_size: usize,
    /// What the user says of the messages to come.
    is_wanted: bool,
    /// Made for the first compressed message. Without takeover, there is one only within a message.
    context: Option<CachedCompressor>,
}

impl Compressor {
    pub(super) fn new(negotiated: NegotiatedDeflate, bits: u8, takeover: bool, own: &Deflate) -> Self {
        let Deflate { level, min_size, .. } = *own;
        Self { negotiated, bits, takeover, level, min_size, is_wanted: true, context: None }
    }

    pub(crate) fn negotiated(&self) -> NegotiatedDeflate {
        self.negotiated
    }

    pub(crate) fn set_wanted(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Forgets the messages before. The peer does not notice: nothing refers to them any more.
    pub(crate) fn release(&mut self) {
        self.context = None;
    }

    /// The payload of a whole message; `None` if it is better sent as it is.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if !self.is_wanted || payload.len() < self.min_size {
            return None;
        }
        let compressed = self.fragment(payload, true);
        // With takeover the window has taken the message in, so that the peer must see it, too.
        (self.takeover || compressed.len() < payload.len()).then_some(compressed)
    }

    /// Compresses the next fragment of a message. The peer can inflate the result as soon as the result arrives.
    pub(crate) fn fragment(&mut self, fragment: &[u8], last: bool) -> Vec<u8> {
        let mut compressed = if fragment.is_empty() { vec![EMPTY] } else { self.flushed(fragment) };
        if last {
            if !fragment.is_empty() {
                // RFC 7692 §7.2.1: the last message ends with the tail, which is removed.
                compressed.truncate(compressed.len().saturating_sub(TAIL.len()));
            }
            if !self.takeover {
                self.context.take().into_iter().for_each(CachedCompressor::give_back);
            }
        }
        compressed
    }

    /// Compresses all of `input`, which is not empty, so that the tail is at the end.
    fn flushed(&mut self, input: &[u8]) -> Vec<u8> {
        let (bits, level) = (self.bits, self.level);
        let make = if self.takeover { CachedCompressor::new } else { CachedCompressor::take };
        let deflate = &mut self.context.get_or_insert_with(|| make(level, bits)).deflate;
        let mut output = Vec::new();
        let mut used = 0;
        let mut room = (input.len() + OVERHEAD).min(CHUNK);
        loop {
            let at = output.len();
            output.reserve_exact(growth(output.capacity(), at, room, (input.len() + CHUNK) as u64));
            output.resize(at + room, 0);
            let (total_in, total_out) = (deflate.total_in(), deflate.total_out());
            // It fails only for a state or a flush that is not legal.
            let status = deflate.compress(&input[used..], &mut output[at..], DeflateFlush::SyncFlush);
            let produced = (deflate.total_out() - total_out) as usize;
            used += (deflate.total_in() - total_in) as usize;
            output.truncate(at + produced);
            // Room that is left says that everything is out.
            if status.is_err() || (produced < room && used == input.len()) {
                return output;
            }
            room = CHUNK;
        }
    }
}
