//! The fast path: messages in one frame that are whole in the buffer, as nearly all are.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

use crate::frame::{Header, Role, Whole};
use crate::inbound::Inbound;
use crate::message::{Message, MessageKind, MessageRef};
use crate::utf8::Utf8;

use super::gate::Load;
use super::sharing::{LARGE, READ, make_small_room};
use super::{Receive, room_for};

/// A payload up to this length is copied out of the read buffer instead of being split off, so that a message that is kept
/// does not keep 16 KiB of others alive. Several are copied at once: memory of its own for each would cost more than all the
/// rest of receiving it.
const SMALL: usize = 512;

/// A text of less than this length is small in this sense. From here on `ByteString`, which has to check it itself then, does that
/// slower than an allocation takes: it looks at what is beyond a multiple of 64 bytes one by one.
const SHORT: usize = 64;

/// Minimum number of bytes of a message that are moved to make room for its rest, in bytes. As long as little has come, little is copied.
const WORTH_ROOM: usize = 8 * 1024;

/// Least room for a read behind a small message that is coming in, in bytes. If there is less, twice as much is made: then at most every
/// second read of that size moves bytes.
const ROOM: usize = 16 * 1024;

impl Receive {
    /// The next message, if it is a frame of its own that is whole in the buffer. `None` for everything else, violations
    /// included: then [`poll`](Self::poll) says what comes next.
    // Small binary messages take the shortest way there is; calls would be a third of it.
    #[inline(always)]
    pub(crate) fn whole(&mut self, inbound: &mut Inbound) -> Option<Message> {
        let bytes = inbound.bytes();
        let there = bytes.len();
        let mut whole = self.next_whole(bytes)?;
        self.admit_whole(&whole)?;
        let (start, len) = (whole.start, whole.len());
        if whole.kind != MessageKind::Binary || whole.payload.len() > SMALL {
            return self.text_or_large(inbound);
        }
        let payload = if len == there {
            // Nothing follows that memory could be shared with.
            whole.unmask();
            Bytes::copy_from_slice(whole.payload)
        } else {
            self.copied(bytes, start, len)
        };
        inbound.take(len);
        self.took(start, len);
        Some(Message::Binary(payload))
    }

    #[inline(never)]
    fn text_or_large(&mut self, inbound: &mut Inbound) -> Option<Message> {
        let bytes = inbound.bytes();
        let mut whole = self.next_whole(bytes)?;
        let (start, len) = (whole.start, whole.len());
        let message = match whole.kind {
            MessageKind::Binary => {
                whole.unmask();
                let mut frame = self.split(inbound.buffer(), len);
                frame.advance(start);
                self.took(start, len);
                return Some(Message::Binary(frame));
            }
            MessageKind::Text if whole.payload.len() < SHORT => {
                let payload = self.copied(bytes, start, len);
                match ByteString::try_from(payload) {
                    Ok(text) => Message::Text(text),
                    Err(_) => {
                        let mut whole = self.next_whole(bytes)?;
                        whole.unmask();
                        return self.invalid(whole.payload, start);
                    }
                }
            }
            MessageKind::Text => {
                whole.unmask();
                match simdutf8::basic::from_utf8(whole.payload) {
                    Ok(text) => Message::Text(String::from(text).into()),
                    Err(_) => return self.invalid(whole.payload, start),
                }
            }
        };
        inbound.take(len);
        self.took(start, len);
        Some(message)
    }

    /// The next message, under the same conditions as [`whole`](Self::whole), for a queue: it keeps at most twice its size alive.
    #[inline(never)]
    pub(crate) fn whole_kept(&mut self, inbound: &mut Inbound) -> Option<Message> {
        self.block = Block::default();
        let mut whole = self.next_whole(inbound.bytes())?;
        self.admit_whole(&whole)?;
        whole.unmask();
        let (start, len) = (whole.start, whole.len());
        let message = match whole.kind {
            MessageKind::Text => Message::Text(String::from(self.checked(whole.payload, start)?).into()),
            MessageKind::Binary if whole.payload.len() <= SMALL => {
                Message::Binary(Bytes::copy_from_slice(whole.payload))
            }
            MessageKind::Binary => {
                let mut frame = self.split_kept(inbound.buffer(), len);
                frame.advance(start);
                self.took(start, len);
                return Some(Message::Binary(frame));
            }
        };
        inbound.take(len);
        self.took(start, len);
        Some(message)
    }

    /// The next message, borrowed, under the same conditions as [`whole`](Self::whole).
    #[inline(always)]
    pub(crate) fn borrow_message<'a>(&mut self, inbound: &'a mut Inbound) -> Option<MessageRef<'a>> {
        let (bytes, taken) = inbound.bytes_and_taken();
        let mut whole = self.next_whole(bytes)?;
        self.admit_whole(&whole)?;
        whole.unmask();
        let (start, len) = (whole.start, whole.len());
        let payload: &[u8] = whole.payload;
        let message = match whole.kind {
            MessageKind::Binary => MessageRef::Binary(payload),
            MessageKind::Text => MessageRef::Text(self.checked(payload, start)?),
        };
        *taken += len;
        self.took(start, len);
        Some(message)
    }

    /// Whether the next message is on this path, but has not come whole. A binary one stays in the buffer, so that it need not be
    /// copied, and makes room for its rest; text is checked as it comes, so that what is invalid is found in time.
    #[inline]
    pub(crate) fn waits_in_place(&mut self, inbound: &mut BytesMut) -> bool {
        self.may_wait_in_place(inbound) && self.waits_for_rest(inbound)
    }

    /// Whether what begins there may wait in place. Text never does, which is found out without a call.
    #[inline(always)]
    fn may_wait_in_place(&self, bytes: &[u8]) -> bool {
        let is_binary = bytes.first() == Some(&Whole::BINARY);
        is_binary && self.message.is_none() && !self.in_chunks && self.violation.is_none()
    }

    #[inline(never)]
    fn waits_for_rest(&mut self, inbound: &mut BytesMut) -> bool {
        let Ok(Some((header, start))) = Header::decode(inbound, self.rules) else { return false };
        if header.payload_len() > self.max_message_size {
            return false;
        }
        let come = inbound.len() - start;
        let left = header.payload_len().saturating_sub(come as u64);
        if left > 0 && come >= WORTH_ROOM {
            let room = inbound.capacity() - inbound.len();
            if header.payload_len() > LARGE as u64 {
                if room < READ {
                    self.make_room(inbound, room_for(left, come));
                }
            } else if room < ROOM {
                make_small_room(inbound, left as usize + 2 * ROOM);
            }
        }
        left > 0
    }

    /// Lets in a frame that [`next_whole`](Self::next_whole) has found.
    #[inline(always)]
    fn admit_whole(&mut self, whole: &Whole<'_>) -> Option<()> {
        let load = Load { size: whole.payload.len() as u64, fragments: 0 };
        self.admit_frame(&whole.header(), Ok(load)).ok()
    }

    /// A frame of `len` bytes, of which the first `start` are the header, was taken out of the buffer.
    #[inline(always)]
    fn took(&mut self, start: usize, len: usize) {
        self.admitted.payload(len - start);
        self.position += len as u64;
    }

    #[inline(never)]
    fn checked<'a>(&mut self, payload: &'a [u8], start: usize) -> Option<&'a str> {
        match simdutf8::basic::from_utf8(payload) {
            Ok(text) => Some(text),
            Err(_) => self.invalid(payload, start),
        }
    }

    #[inline(always)]
    fn next_whole<'a>(&self, bytes: &'a mut [u8]) -> Option<Whole<'a>> {
        if self.message.is_some() || self.in_chunks || self.violation.is_some() {
            return None;
        }
        Whole::decode(bytes, self.rules.sender)
            .filter(|whole| whole.payload.len() as u64 <= self.max_message_size)
    }

    /// A copy of the payload of the frame at the beginning of `bytes`, from `start` to `end`.
    #[inline(always)]
    fn copied(&mut self, bytes: &[u8], start: usize, end: usize) -> Bytes {
        if self.position + end as u64 > self.block.end {
            self.block = Block::of(bytes, self.position, self.rules.sender);
        }
        self.block.bytes(self.position + start as u64, self.position + end as u64)
    }

    /// A text is none: says where, when [`poll`](Self::poll) is asked.
    #[cold]
    fn invalid<T>(&mut self, payload: &[u8], start: usize) -> Option<T> {
        self.admitted.refuse_message();
        let at = Utf8::default().feed(payload, |_| ()).err().unwrap_or(payload.len());
        self.violation = Some(Box::new(self.invalid_text(start, at)));
        None
    }
}

/// A copy of the next frames in the buffer, of which small payloads are parts. One that is kept keeps no more than this alive.
#[derive(Default)]
pub(super) struct Block {
    /// Frames with payloads that are unmasked already. The last one may be cut.
    frames: Bytes,
    /// The positions in the stream at which the block begins and ends.
    start: u64,
    end: u64,
}

impl Block {
    /// The largest size, in bytes.
    const MAX: usize = 1024;

    /// A copy of what is at the beginning of `bytes`, which is a whole frame.
    #[inline(never)]
    fn of(bytes: &[u8], position: u64, sender: Role) -> Self {
        let mut frames = Vec::from(&bytes[..bytes.len().min(Self::MAX)]);
        let mut len = frames.len();
        if sender == Role::Client {
            len = 0;
            while let Some(mut whole) = Whole::decode(&mut frames[len..], sender) {
                whole.unmask();
                len += whole.len();
            }
        }
        Self { frames: frames.into(), start: position, end: position + len as u64 }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// What lies between two positions in the stream, both within the block. Nothing before them will be asked for again.
    #[inline(always)]
    fn bytes(&mut self, start: u64, end: u64) -> Bytes {
        let (from, to) = ((start - self.start) as usize, (end - self.start) as usize);
        if end < self.end { self.frames.slice(from..to) } else { self.last(from, to) }
    }

    /// The last one needs no count of references, and of those that come one by one each is the last.
    #[inline(never)]
    fn last(&mut self, from: usize, to: usize) -> Bytes {
        let mut last = mem::take(self).frames;
        last.truncate(to);
        last.advance(from);
        last
    }
}
