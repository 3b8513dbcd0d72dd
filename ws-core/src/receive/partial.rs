//! A message under assembly.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::frame::Header;
use crate::mask::{self, MaskKey};
use crate::message::{Message, MessageKind};
use crate::utf8::{Text, Utf8};
use crate::windows::LEAST_PROGRESS;

use super::gate::Load;

/// A data frame, from its header to the last byte of its payload.
pub(super) struct Frame {
    /// The position of its header in the stream.
    pub(super) start: u64,
    pub(super) fin: bool,
    mask: Option<MaskKey>,
    /// Bytes of the payload that are still in the buffer or yet to come.
    pub(super) left: u64,
    /// Where in the key the next byte stands.
    phase: u8,
    /// Bytes at the beginning of the buffer that were unmasked already.
    unmasked: usize,
    /// Whether more can be inflated without another byte.
    pub(super) has_more: bool,
}

/// A message under assembly.
pub(super) struct Partial {
    pub(super) kind: MessageKind,
    pub(super) compressed: bool,
    /// Announced by the headers so far, in bytes; inflated so far, if it is compressed.
    pub(super) size: u64,
    pub(super) fragments: u32,
    pub(super) wanted: Wanted,
    pub(super) data: Assembly,
}

/// The number of bytes of the payload that the present window still has to bring.
#[derive(Clone, Copy)]
pub(crate) struct Wanted(u16);

impl Wanted {
    /// There was no window yet.
    const NO_WINDOW: Self = Self(u16::MAX);

    pub(crate) fn has_window(self) -> bool {
        self.0 != Self::NO_WINDOW.0
    }

    pub(crate) fn begin_window(&mut self) {
        const _: () = assert!(LEAST_PROGRESS < Wanted::NO_WINDOW.0 as u64);
        *self = Self(LEAST_PROGRESS as u16);
    }

    pub(crate) fn is_enough(self) -> bool {
        self.0 == 0
    }

    /// Bytes of the payload have come.
    fn came(&mut self, n: usize) {
        if self.has_window() {
            self.0 = self.0.saturating_sub(n.min(LEAST_PROGRESS as usize) as u16);
        }
    }
}

pub(super) enum Assembly {
    Binary(Vec<u8>),
    Text(Text),
    /// Handed out as it comes; text is checked on its way.
    Chunks {
        utf8: Option<Utf8>,
        begun: bool,
    },
}

impl Frame {
    pub(super) fn new(header: &Header, start: u64) -> Self {
        Self {
            start,
            fin: header.fin(),
            mask: header.mask(),
            left: header.payload_len(),
            phase: 0,
            unmasked: 0,
            has_more: false,
        }
    }

    /// Whether it has to be looked at again.
    pub(super) fn is_unfinished(&self) -> bool {
        self.left > 0 || self.has_more
    }

    /// Unmasks what was not yet unmasked of the payload at the beginning of the buffer.
    pub(super) fn unmask(&mut self, payload: &mut [u8]) {
        if let Some(key) = self.mask {
            mask::apply(&mut payload[self.unmasked..], key, usize::from(self.phase));
        }
        self.phase = ((usize::from(self.phase) + payload.len() - self.unmasked) % 4) as u8;
        self.unmasked = payload.len();
    }

    /// The first `n` bytes of the buffer, of those that were unmasked, leave it for `message`.
    pub(super) fn took(&mut self, n: usize, message: &mut Partial) {
        self.left -= n as u64;
        self.unmasked -= n;
        message.wanted.came(n);
    }
}

impl Assembly {
    pub(super) fn chunks(utf8: Option<Utf8>) -> Self {
        Self::Chunks { utf8, begun: false }
    }
}

impl Partial {
    pub(super) fn new(kind: MessageKind, compressed: bool, data: Assembly) -> Self {
        Self { kind, compressed, size: 0, fragments: 0, wanted: Wanted::NO_WINDOW, data }
    }

    /// A frame of the message begins.
    pub(super) fn add_frame(&mut self, header: &Header) {
        if !self.compressed {
            self.size = self.size.saturating_add(header.payload_len());
        }
        self.fragments = self.fragments.saturating_add(1);
        // Of a message that is not kept, only fragments that bring nothing are counted.
        if matches!(self.data, Assembly::Chunks { .. }) && header.payload_len() > 0 {
            self.fragments = 0;
        }
    }

    /// The load that the limits are checked against. A message that is not kept has no limit on its size.
    pub(super) fn load(&self) -> Load {
        let is_kept = !matches!(self.data, Assembly::Chunks { .. });
        Load { size: if is_kept { self.size } else { 0 }, fragments: self.fragments }
    }

    pub(super) fn finish(self) -> Message {
        match self.data {
            Assembly::Text(text) => Message::Text(text.into_string().into()),
            Assembly::Binary(bytes) => Message::Binary(shrunk(bytes)),
            Assembly::Chunks { .. } => Message::Binary(Bytes::new()),
        }
    }
}

/// A message that is kept should not keep twice its size.
fn shrunk(mut bytes: Vec<u8>) -> Bytes {
    if bytes.capacity() > 2 * bytes.len() {
        bytes.shrink_to_fit();
    }
    bytes.into()
}
