//! Messages from frames.

mod excess;
mod gate;
mod incomplete;
mod inflating;
mod mode;
mod partial;
mod sharing;
mod whole;

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};

use crate::close::{CloseCode, CloseFrame, IllegalClose};
use crate::config::Config;
use crate::deflate::Inflater;
use crate::error::{Violation, ViolationKind};
use crate::frame::{Header, Opcode, Role, Rules};
use crate::growth::growth;
use crate::inbound::Inbound;
use crate::mask;
use crate::message::{Chunk, Message, MessageKind};
use crate::trace::TraceScope;
use crate::utf8::{Text, Utf8};
pub(crate) use excess::Excess;
use gate::{Admitted, Load};
use partial::{Assembly, Frame, Partial};
use sharing::LargeBuffer;
use whole::Block;

/// RFC 6455 §5.2: the opcode of a Close frame.
const CLOSE: u8 = 0x8;

/// What came in.
pub(crate) enum Received {
    Message(Message),
    Chunk(Chunk),
    /// A message that is received in chunks has exceeded the limit for whole ones. The bytes beyond it follow.
    Excess(Box<Excess>),
    Ping(Bytes),
    Pong(Bytes),
    Close(CloseFrame),
}

/// A violation, and the frame that has it.
pub(crate) enum FrameViolation {
    /// A Close frame.
    Close(Violation),
    Other(Violation),
}

impl From<Violation> for FrameViolation {
    fn from(violation: Violation) -> Self {
        Self::Other(violation)
    }
}

/// The receiving half of a connection. It keeps its place in the buffer, so that no byte is looked at twice.
pub(crate) struct Receive {
    rules: Rules,
    max_message_size: u64,
    max_fragments: u32,
    /// The position in the stream of the first byte in the buffer, behind the opening handshake.
    position: u64,
    /// The data frame whose payload is coming in.
    frame: Option<Frame>,
    /// The message that has begun and not ended.
    /// Invariant: a binary message of one frame that is not compressed comes here only in chunks.
    message: Option<Partial>,
    in_chunks: bool,
    /// Invariant: from where it ends on, nothing was taken.
    block: Block,
    large: LargeBuffer,
    /// What is wrong about the next frame, if it is known already.
    violation: Option<Box<Violation>>,
    /// If permessage-deflate was negotiated.
    inflater: Option<Box<Inflater>>,
    admitted: Admitted,
    scope: TraceScope,
}

impl Receive {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        Self {
            rules: Rules { sender: role.peer(), rsv1: false },
            max_message_size: config.max_message_size as u64,
            max_fragments: config.max_fragments,
            position: 0,
            frame: None,
            message: None,
            in_chunks: false,
            block: Block::default(),
            large: LargeBuffer::default(),
            violation: None,
            inflater: None,
            admitted: Admitted::default(),
            scope: TraceScope::default(),
        }
    }

    /// From now on, frames are told in this scope.
    #[cfg(feature = "tracing")]
    pub(crate) fn set_scope(&mut self, scope: TraceScope) {
        self.scope = scope;
    }

    /// From now on, messages may be compressed.
    pub(crate) fn set_inflater(&mut self, inflater: Inflater) {
        self.rules.rsv1 = true;
        self.inflater = Some(Box::new(inflater));
    }

    /// Whether nothing is held while the buffer is empty. It may say no too often.
    #[inline]
    pub(crate) fn holds_nothing(&self) -> bool {
        self.message.is_none() && self.violation.is_none() && self.block.is_empty()
    }

    /// Whether nothing can be taken before more bytes come. It may say no too often.
    pub(crate) fn is_waiting(&mut self, inbound: &mut Inbound) -> bool {
        self.waits_in_place(inbound.buffer()) && self.block.is_empty()
    }

    fn decode(&self, inbound: &BytesMut) -> Result<Option<(Header, usize)>, Violation> {
        Header::decode(inbound, self.rules).map_err(|kind| self.violation(kind))
    }

    /// The next message, chunk or control frame; `None` if more bytes are needed.
    ///
    /// It knows all frames. Those on the [fast path](Self::whole) only pass by, if anything is unusual about them.
    pub(crate) fn poll(&mut self, inbound: &mut BytesMut) -> Result<Option<Received>, FrameViolation> {
        let received = if self.waits_in_place(inbound) { Ok(None) } else { self.poll_frames(inbound) };
        if let Ok(None) = received {
            self.block = Block::default();
        }
        received
    }

    fn poll_frames(&mut self, inbound: &mut BytesMut) -> Result<Option<Received>, FrameViolation> {
        if let Some(violation) = self.violation.take() {
            return Err(FrameViolation::Other(*violation));
        }
        loop {
            if let Some(chunk) = self.apply_mode()? {
                return Ok(Some(chunk));
            }
            if self.frame.is_none() {
                let decoded = self.decode(inbound).map_err(|violation| match inbound.first() {
                    Some(first) if first & 0x0F == CLOSE => FrameViolation::Close(violation),
                    _ => FrameViolation::Other(violation),
                });
                let Some((header, len)) = decoded? else { return Ok(None) };
                if header.opcode().is_control() {
                    // Of all control frames, only the content of a Close frame can be wrong.
                    return self.control(inbound, header, len).map_err(FrameViolation::Close);
                }
                let excess = self.begin_frame(&header)?;
                self.consume(inbound, len);
                if let Some(excess) = excess {
                    return Ok(Some(Received::Excess(excess)));
                }
            }
            let Some(mut frame) = self.frame.take() else { return Ok(None) };
            let there = usize::try_from(frame.left).map_or(inbound.len(), |left| left.min(inbound.len()));
            frame.unmask(&mut inbound[..there]);
            let message = if self.message.as_ref().is_some_and(|message| message.compressed) {
                self.inflate(inbound, &mut frame, there)
            } else {
                self.payload(inbound, &mut frame, there)
            };
            if message.is_err() && frame.fin {
                self.admitted.refuse_message();
            }
            let message = message?;
            if message.is_some() || frame.is_unfinished() {
                if frame.is_unfinished() {
                    self.frame = Some(frame);
                }
                return Ok(message);
            }
        }
    }

    /// A data frame begins.
    fn begin_frame(&mut self, header: &Header) -> Result<Option<Box<Excess>>, Violation> {
        let message = match self.message_of(header) {
            Ok(message) => message,
            Err(kind) => {
                _ = self.admit_frame(header, Err(kind));
                return Err(self.violation(kind));
            }
        };
        let excess = self.excess_by(&message, header);
        self.admit_frame(header, Ok(message.load())).map_err(|kind| self.violation(kind))?;
        self.message = Some(message);
        self.frame = Some(Frame::new(header, self.position));
        Ok(excess)
    }

    /// The message that a data frame belongs to, with that frame.
    fn message_of(&mut self, header: &Header) -> Result<Partial, ViolationKind> {
        let mut message = match (header.opcode(), self.message.take()) {
            (Opcode::Continuation, Some(message)) => message,
            // RFC 6455 §5.4: fragments of one message MUST NOT be interleaved with another, and begin with its opcode.
            (Opcode::Continuation, None) => return Err(ViolationKind::UnexpectedContinuation),
            (_, Some(_)) => return Err(ViolationKind::UnfinishedMessage),
            (Opcode::Text, None) => Partial::new(
                MessageKind::Text,
                header.rsv1(),
                if self.in_chunks {
                    Assembly::chunks(Some(Utf8::default()))
                } else {
                    Assembly::Text(Text::default())
                },
            ),
            (_, None) => Partial::new(
                MessageKind::Binary,
                header.rsv1(),
                if self.in_chunks { Assembly::chunks(None) } else { Assembly::Binary(Vec::new()) },
            ),
        };
        message.add_frame(header);
        Ok(message)
    }

    /// The first `there` bytes of the buffer are payload of `frame`, unmasked.
    fn payload(
        &mut self,
        inbound: &mut BytesMut,
        frame: &mut Frame,
        there: usize,
    ) -> Result<Option<Received>, Violation> {
        let Some(mut message) = self.message.take() else { return Ok(None) };
        let ends = frame.fin && there as u64 == frame.left;
        match &mut message.data {
            Assembly::Binary(bytes) => append(bytes, &inbound[..there], self.max_message_size),
            Assembly::Text(text) => {
                if text.room() < there {
                    text.grow(room_for(frame.left, text.len() + there), self.max_message_size);
                }
                text.feed(&inbound[..there]).map_err(|at| self.invalid_text(0, at))?;
                if ends && !text.is_complete() {
                    return Err(self.invalid_text(0, there));
                }
            }
            Assembly::Chunks { utf8, begun } => {
                *begun |= there > 0;
                if let Some(utf8) = utf8 {
                    utf8.feed(&inbound[..there], |_| ()).map_err(|at| self.invalid_text(0, at))?;
                    if ends && !utf8.is_complete() {
                        return Err(self.invalid_text(0, there));
                    }
                }
                self.admitted.payload(there);
                frame.took(there, &mut message);
                self.position += there as u64;
                let chunk = Chunk::new(message.kind, self.split(inbound, there), ends);
                if !ends {
                    self.message = Some(message);
                }
                return Ok((there > 0 || ends).then_some(Received::Chunk(chunk)));
            }
        }
        self.admitted.payload(there);
        frame.took(there, &mut message);
        self.consume(inbound, there);
        if ends {
            return Ok(Some(Received::Message(message.finish())));
        }
        self.message = Some(message);
        Ok(None)
    }

    /// A control frame (RFC 6455 §5.5), which may stand between the fragments of a message.
    fn control(
        &mut self,
        inbound: &mut BytesMut,
        header: Header,
        start: usize,
    ) -> Result<Option<Received>, Violation> {
        let len = header.payload_len() as usize;
        let there = len.min(inbound.len() - start);
        let mut buffer = [0; Header::MAX_CONTROL];
        let payload = &mut buffer[..there];
        payload.copy_from_slice(&inbound[start..start + there]);
        if let Some(key) = header.mask() {
            mask::apply(payload, key, 0);
        }
        if there < len {
            // Of a reason, as much as is there is checked; it is short enough to be looked at again. An illegal code waits for its
            // reason, which the error shows, so that the error does not depend on how the bytes were split.
            if header.opcode() == Opcode::Close
                && let [first, second, ..] = *payload
                && CloseCode::new(u16::from_be_bytes([first, second])).is_some()
                && let Err(violation) = self.close(payload, start, false)
            {
                self.admit_control(&header)?;
                return Err(violation);
            }
            return Ok(None);
        }
        self.admit_control(&header)?;
        let received = match header.opcode() {
            Opcode::Close => Received::Close(self.close(payload, start, true)?),
            Opcode::Ping => Received::Ping(Bytes::copy_from_slice(payload)),
            _ => Received::Pong(Bytes::copy_from_slice(payload)),
        };
        self.consume(inbound, start + len);
        Ok(Some(received))
    }

    fn admit_control(&mut self, header: &Header) -> Result<(), Violation> {
        self.admit_frame(header, Ok(Load::default())).map_err(|kind| self.violation(kind))
    }

    /// RFC 6455 §5.5.1: the payload of a Close frame is empty, or a code and a reason in UTF-8.
    fn close(&self, payload: &[u8], start: usize, is_whole: bool) -> Result<CloseFrame, Violation> {
        let (code, reason) = match payload {
            [] => return Ok(CloseFrame::EMPTY),
            [_] => return Err(self.violation(ViolationKind::CloseTooShort)),
            [first, second, reason @ ..] => (u16::from_be_bytes([*first, *second]), reason),
        };
        let illegal = |violation: Violation| violation.in_close(IllegalClose::new(code, reason));
        let code =
            CloseCode::new(code).ok_or_else(|| illegal(self.violation(ViolationKind::CloseCode(code))))?;
        let mut text = Text::default();
        text.feed(reason).map_err(|at| illegal(self.violation_at(start + 2 + at)))?;
        if is_whole && !text.is_complete() {
            return Err(illegal(self.violation_at(start + payload.len())));
        }
        CloseFrame::new(code, text.into_string()).map_err(|_| self.violation(ViolationKind::ControlTooLong))
    }

    #[inline]
    fn consume(&mut self, inbound: &mut BytesMut, n: usize) {
        inbound.advance(n);
        self.position += n as u64;
    }

    #[cold]
    fn violation(&self, kind: ViolationKind) -> Violation {
        Violation::new(kind, self.position)
    }

    /// Invalid UTF-8 at the byte `at` of a payload, which begins at the byte `start` of the buffer. The bytes before it count.
    #[cold]
    fn invalid_text(&mut self, start: usize, at: usize) -> Violation {
        self.admitted.payload(at);
        self.violation_at(start + at)
    }

    /// Invalid UTF-8 at the byte `at` of the buffer.
    #[cold]
    fn violation_at(&self, at: usize) -> Violation {
        Violation::new(ViolationKind::InvalidUtf8, self.position + at as u64)
    }
}

/// The room for the rest of a frame, of which `left` bytes have not come: all of it, but at most eight times the bytes that have come,
/// whatever its header announces. The last growth of a large buffer begins with less than half of it, since both exist meanwhile.
fn room_for(left: u64, come: usize) -> usize {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    match left / come.max(1) {
        0..8 => left,
        8..24 => come.saturating_mul(2),
        _ => come.saturating_mul(8),
    }
}

/// Appends bytes to a buffer that [grows](growth) to the limit of the size of a message.
fn append(buffer: &mut Vec<u8>, bytes: &[u8], max: u64) {
    buffer.reserve_exact(growth(buffer.capacity(), buffer.len(), bytes.len(), max));
    buffer.extend_from_slice(bytes);
}
