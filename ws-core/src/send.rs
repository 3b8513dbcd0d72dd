//! Frames from messages.

mod closing;
mod marks;
mod stream;

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::config::Config;
use crate::deflate::Compressor;
use crate::frame::{Header, Opcode, Role};
use crate::mask;
use crate::message::{Message, MessageRef};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::trace;
pub(crate) use closing::Before;
use marks::{Marks, Unit};
use stream::Stream;

/// A payload from this length on is not appended to the small frames before it: a server queues it as it is, without copying it.
const LARGE: usize = 4096;

/// A client's message from this length on has a buffer of its own. To allocate that for a shorter one costs more than what a growing
/// tail moves.
const MASKED_APART: usize = 32 * 1024;

/// Number of bytes of `max_send_buffer` for each message or control frame that may wait. Shorter ones fill the buffer with their marks.
const BYTES_PER_MARK: usize = 32;

/// Maximum number of waiting pongs. Beyond that, the newest replaces those that have come last.
const MAX_PONGS: u32 = 16;

/// The sending half of a connection.
pub(crate) struct Send {
    role: Role,
    max_frame_size: usize,
    max_send_buffer: usize,
    /// Number of marks from which on no more data is accepted, so that small messages take no more memory than large ones.
    max_marks: usize,
    /// Shorter messages are one frame that is appended as it is, as nearly all are: 0 if they may be compressed.
    simple: usize,
    random: Random,
    /// What ends where in the stream, of all that the transport has not taken whole.
    /// Invariant: less than `MAX_PONGS` are pongs, or as many if a Close frame follows.
    marks: Marks,
    /// Messages accepted, of which the transport has not taken all bytes.
    unsent: usize,
    /// The answer to the newest ping, if the others fill the queue.
    newest_pong: Option<Box<Bytes>>,
    /// The message that is being sent as a stream.
    stream: Option<Stream>,
    /// If permessage-deflate was negotiated.
    compressor: Option<Box<Compressor>>,
}

/// What the header of a data frame says of its message.
#[derive(Clone, Copy)]
struct Lead {
    /// Of the next frame.
    opcode: Opcode,
    /// Whether the message is compressed, which its first frame says.
    compressed: bool,
}

impl Lead {
    fn next(self) -> Self {
        Self { opcode: Opcode::Continuation, ..self }
    }
}

/// Why nothing more is taken.
pub(crate) enum Refusal {
    Full,
    Streaming,
    NotStreaming,
    InvalidUtf8,
}

impl Send {
    pub(crate) fn new(role: Role, config: &Config, random: Random, outbound: &Outbound) -> Self {
        let mut send = Self {
            role,
            max_frame_size: config.max_frame_size,
            max_send_buffer: config.max_send_buffer,
            max_marks: (config.max_send_buffer / BYTES_PER_MARK).max(marks::KEPT),
            simple: config.max_frame_size.saturating_add(1).min(match role {
                Role::Client => MASKED_APART,
                Role::Server => LARGE,
            }),
            random,
            // The end of the opening handshake may still wait. It counts as begun: it is neither cut nor dropped.
            marks: Marks::new(outbound.end()),
            unsent: 0,
            newest_pong: None,
            stream: None,
            compressor: None,
        };
        if !outbound.is_empty() {
            send.marks.push(0, Unit::Other);
        }
        send
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// From now on, messages are compressed.
    pub(crate) fn set_compressor(&mut self, compressor: Compressor) {
        self.compressor = Some(Box::new(compressor));
        self.simple = 0;
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compressor(&self) -> Option<&Compressor> {
        self.compressor.as_deref()
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compressor_mut(&mut self) -> Option<&mut Compressor> {
        self.compressor.as_deref_mut()
    }

    /// Whether there is room for a message, of any size.
    #[inline]
    pub(crate) fn has_room(&self, outbound: &Outbound) -> bool {
        let waiting = outbound.len();
        waiting < self.max_send_buffer && self.marks.len() < self.max_marks || waiting == 0
    }

    /// How many messages were accepted of which the transport has not taken all bytes.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// The transport has taken bytes: how many pings have left with them?
    #[inline]
    pub(crate) fn wrote(&mut self, outbound: &mut Outbound) -> usize {
        // In most cases it takes all that waits: then no mark has to be looked at. Bytes that were dropped were not taken.
        let whole = if outbound.is_empty() && !outbound.has_lost() {
            self.marks.all_written(outbound.written())
        } else {
            self.marks.written(outbound.written())
        };
        self.unsent -= whole.messages;
        if self.newest_pong.is_some() {
            self.send_newest_pong(outbound);
        }
        whole.pings as usize
    }

    #[cold]
    fn send_newest_pong(&mut self, outbound: &mut Outbound) {
        if let Some(payload) = self.newest_pong.take() {
            self.pong(outbound, *payload);
        }
    }

    #[inline]
    fn admit(&self, outbound: &Outbound) -> Result<(), Refusal> {
        if self.stream.is_some() {
            return Err(Refusal::Streaming);
        }
        if self.has_room(outbound) { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Queues a message that is owned, so that a large payload need not be copied on a server.
    #[inline]
    pub(crate) fn message(
        &mut self,
        outbound: &mut Outbound,
        message: Message,
    ) -> Result<(), (Refusal, Message)> {
        if let Err(refusal) = self.admit(outbound) {
            return Err((refusal, message));
        }
        self.accept(outbound, message);
        Ok(())
    }

    /// The same for one for which there was room when its sender was told so.
    pub(crate) fn promised(
        &mut self,
        outbound: &mut Outbound,
        message: Message,
    ) -> Result<(), (Refusal, Message)> {
        if self.is_streaming() {
            return Err((Refusal::Streaming, message));
        }
        self.accept(outbound, message);
        Ok(())
    }

    #[inline(always)]
    fn accept(&mut self, outbound: &mut Outbound, message: Message) {
        let opcode = message.kind().into();
        let len = if message.len() < self.simple {
            self.simple(outbound, opcode, message.as_bytes())
        } else {
            let before = outbound.len();
            self.any_owned(outbound, opcode, message);
            outbound.len() - before
        };
        self.accepted(len);
    }

    #[inline(always)]
    fn any_owned(&mut self, outbound: &mut Outbound, opcode: Opcode, message: Message) {
        let lead = Lead { opcode, compressed: false };
        if let Some(compressed) = self.compressed(message.as_bytes()) {
            self.owned(outbound, opcode, compressed);
        } else if message.len() < LARGE || self.role == Role::Client || message.len() > self.max_frame_size {
            self.fragments(outbound, lead, message.as_bytes());
        } else {
            self.header(outbound, lead, true, message.len());
            outbound.push(message.into_bytes());
        }
    }

    /// Queues a message that is lent.
    #[inline]
    pub(crate) fn lent(&mut self, outbound: &mut Outbound, message: MessageRef<'_>) -> Result<(), Refusal> {
        self.admit(outbound)?;
        let (opcode, payload) = (message.kind().into(), message.as_bytes());
        let len = if payload.len() < self.simple {
            self.simple(outbound, opcode, payload)
        } else {
            let before = outbound.len();
            self.any_lent(outbound, opcode, payload);
            outbound.len() - before
        };
        self.accepted(len);
        Ok(())
    }

    fn any_lent(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) {
        match self.compressed(payload) {
            Some(compressed) => self.owned(outbound, opcode, compressed),
            None => self.fragments(outbound, Lead { opcode, compressed: false }, payload),
        }
    }

    /// Queues a message of fewer bytes than `simple`, for each role apart: most of the header is known then. Gives the length of
    /// its frame.
    #[inline(always)]
    fn simple(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) -> usize {
        match self.role {
            Role::Client => append_whole(outbound, opcode, Some(self.random.mask_key()), payload),
            Role::Server => append_whole(outbound, opcode, None, payload),
        }
    }

    /// The compressed payload of a message, if it is to be compressed.
    #[inline]
    fn compressed(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        self.compressor.as_deref_mut().and_then(|compressor| compressor.message(payload))
    }

    /// Queues a message whose compressed payload is ours, so that a large one is masked where it is.
    fn owned(&mut self, outbound: &mut Outbound, opcode: Opcode, mut payload: Vec<u8>) {
        let lead = Lead { opcode, compressed: true };
        if payload.len() < LARGE || payload.len() > self.max_frame_size {
            return self.fragments(outbound, lead, &payload);
        }
        if let Some(key) = self.header(outbound, lead, true, payload.len()) {
            mask::apply(&mut payload, key, 0);
        }
        // What waits counts by its length.
        if payload.capacity() > 2 * payload.len() {
            payload.shrink_to_fit();
        }
        outbound.push(payload.into());
    }

    #[inline]
    fn accepted(&mut self, len: usize) {
        self.unsent += 1;
        self.marks.push(len, Unit::Message);
    }

    fn fragments(&mut self, outbound: &mut Outbound, lead: Lead, payload: &[u8]) {
        if payload.len() <= self.max_frame_size {
            return self.frame(outbound, lead, true, payload);
        }
        self.several(outbound, lead, payload);
    }

    fn several(&mut self, outbound: &mut Outbound, mut lead: Lead, payload: &[u8]) {
        let mut chunks = payload.chunks(self.max_frame_size).peekable();
        while let Some(chunk) = chunks.next() {
            self.frame(outbound, lead, chunks.peek().is_none(), chunk);
            lead = lead.next();
        }
    }

    /// Queues a frame of a data message, with a fresh masking key where one is needed.
    fn frame(&mut self, outbound: &mut Outbound, lead: Lead, fin: bool, payload: &[u8]) {
        if payload.len() >= LARGE {
            return self.large_frame(outbound, lead, fin, payload);
        }
        let key = (self.role == Role::Client).then(|| self.random.mask_key());
        if let Some(header) = Header::data(lead.opcode, fin, key, payload.len() as u64) {
            append(outbound, header.with_rsv1(lead.compressed), payload);
        }
    }

    fn large_frame(&mut self, outbound: &mut Outbound, lead: Lead, fin: bool, payload: &[u8]) {
        let key = self.header(outbound, lead, fin, payload.len());
        outbound.push(match key {
            Some(key) => {
                let mut masked = Vec::with_capacity(payload.len());
                mask::append(&mut masked, payload, key);
                masked.into()
            }
            None => Bytes::copy_from_slice(payload),
        });
    }

    /// Queues a header alone, for a payload that is queued by itself; gives the key to mask that with.
    fn header(
        &mut self,
        outbound: &mut Outbound,
        lead: Lead,
        fin: bool,
        len: usize,
    ) -> Option<mask::MaskKey> {
        let key = (self.role == Role::Client).then(|| self.random.mask_key());
        if let Some(header) = Header::data(lead.opcode, fin, key, len as u64) {
            let header = header.with_rsv1(lead.compressed);
            trace::sending(&header);
            let (bytes, n) = header.encode();
            outbound.push_copied(&bytes[..n]);
        }
        key
    }

    /// Queues a control frame, and gives its length. Invariant of all callers: the payload has at most 125 bytes.
    fn control(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) -> usize {
        let key = (self.role == Role::Client).then(|| self.random.mask_key());
        Header::control(opcode, key, payload.len()).map_or(0, |header| append(outbound, header, payload))
    }

    /// A nonce for a ping.
    pub(crate) fn nonce(&mut self) -> [u8; 8] {
        self.random.array()
    }

    pub(crate) fn ping(&mut self, outbound: &mut Outbound, payload: &[u8]) {
        let len = self.control(outbound, Opcode::Ping, payload);
        self.marks.push(len, Unit::Ping);
    }

    /// Answers a ping.
    ///
    /// RFC 6455 §5.5.3: an endpoint that has not yet answered previous pings may answer only the most recent one.
    pub(crate) fn pong(&mut self, outbound: &mut Outbound, payload: Bytes) {
        if self.marks.counts().pongs < MAX_PONGS - 1 {
            self.queue_pong(outbound, &payload);
        } else {
            self.newest_pong = Some(Box::new(payload));
        }
    }

    fn queue_pong(&mut self, outbound: &mut Outbound, payload: &[u8]) {
        let len = self.control(outbound, Opcode::Pong, payload);
        self.marks.push(len, Unit::Pong);
    }
}

#[inline(always)]
fn append_whole(
    outbound: &mut Outbound,
    opcode: Opcode,
    key: Option<mask::MaskKey>,
    payload: &[u8],
) -> usize {
    let Some(header) = Header::data(opcode, true, key, payload.len() as u64) else { return 0 };
    append_inline(outbound, header, payload)
}

fn append(outbound: &mut Outbound, header: Header, payload: &[u8]) -> usize {
    append_inline(outbound, header, payload)
}

/// Queues a frame, and gives its length.
#[inline(always)]
fn append_inline(outbound: &mut Outbound, header: Header, payload: &[u8]) -> usize {
    trace::sending(&header);
    let room = Header::MAX_LEN + payload.len();
    let tail = outbound.tail(room);
    let before = tail.len();
    tail.reserve(room);
    header.append_to(tail);
    match header.mask() {
        Some(key) => mask::append(tail, payload, key),
        None => tail.extend_from_slice(payload),
    }
    let n = tail.len() - before;
    outbound.appended(n);
    n
}
