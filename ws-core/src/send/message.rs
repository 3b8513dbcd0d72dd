//! Whole messages.

use alloc::vec::Vec;

use crate::frame::{Opcode, Role};
use crate::message::{Message, MessageRef};
use crate::outbound::Outbound;

use super::boundaries::UnitKind;
use super::gate::Payload;
use super::{LARGE, Lead, Refusal, SHARED, Send};

impl Send {
    #[inline]
    fn check_room(&self, outbound: &Outbound) -> Result<(), Refusal> {
        self.check_stream()?;
        if self.has_room(outbound) { Ok(()) } else { Err(Refusal::Full(self.max_send_buffer)) }
    }

    /// RFC 6455 §5.4: the fragments of one message must not be interleaved with another.
    #[inline]
    fn check_stream(&self) -> Result<(), Refusal> {
        if self.is_streaming() { Err(Refusal::Streaming) } else { Ok(()) }
    }

    /// Queues a message that is owned, so that a large payload need not be copied on a server.
    #[inline]
    pub(crate) fn queue_message(
        &mut self,
        outbound: &mut Outbound,
        message: Message,
    ) -> Result<(), (Refusal, Message)> {
        if let Err(refusal) = self.check_room(outbound) {
            return Err((refusal, message));
        }
        self.queue_owned(outbound, message);
        Ok(())
    }

    /// Queues a message for which there was room when it was reserved.
    pub(crate) fn queue_reserved(
        &mut self,
        outbound: &mut Outbound,
        message: Message,
    ) -> Result<(), (Refusal, Message)> {
        if let Err(refusal) = self.check_stream() {
            return Err((refusal, message));
        }
        self.queue_owned(outbound, message);
        Ok(())
    }

    /// Queues a copy of a message.
    #[inline]
    pub(crate) fn queue_borrowed(
        &mut self,
        outbound: &mut Outbound,
        message: MessageRef<'_>,
    ) -> Result<(), Refusal> {
        self.check_room(outbound)?;
        let (opcode, payload) = (message.kind().into(), message.as_bytes());
        let len = if payload.len() < self.short {
            self.append_short(outbound, opcode, payload)
        } else {
            self.queue_long_borrowed(outbound, opcode, payload)
        };
        self.end_message(len, payload.len());
        Ok(())
    }

    #[inline(always)]
    fn queue_owned(&mut self, outbound: &mut Outbound, message: Message) {
        let opcode = message.kind().into();
        let payload_len = message.len();
        let len = if payload_len < self.short {
            self.append_short(outbound, opcode, message.as_bytes())
        } else {
            self.queue_long_owned(outbound, opcode, message)
        };
        self.end_message(len, payload_len);
    }

    #[inline(always)]
    fn queue_long_owned(&mut self, outbound: &mut Outbound, opcode: Opcode, message: Message) -> usize {
        let lead = Lead { opcode, compressed: false };
        if let Some(compressed) = self.compress_message(message.as_bytes()) {
            self.queue_compressed(outbound, opcode, compressed)
        } else if message.len() < LARGE
            || self.role == Role::Client
            || message.len() > self.max_frame_size
            || (message.len() < SHARED && outbound.len() >= SHARED)
        {
            self.queue_fragments(outbound, lead, true, message.as_bytes())
        } else {
            self.queue_frame(outbound, lead, true, Payload::Shared(message.into_bytes()))
        }
    }

    fn queue_long_borrowed(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) -> usize {
        match self.compress_message(payload) {
            Some(compressed) => self.queue_compressed(outbound, opcode, compressed),
            None => self.queue_fragments(outbound, Lead { opcode, compressed: false }, true, payload),
        }
    }

    /// The compressed payload of a message, if it is to be compressed.
    #[inline]
    fn compress_message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        self.compressor.as_deref_mut().and_then(|compressor| compressor.message(payload))
    }

    /// Queues a compressed message. A large payload is masked in place.
    fn queue_compressed(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: Vec<u8>) -> usize {
        let lead = Lead { opcode, compressed: true };
        if payload.len() < LARGE || payload.len() > self.max_frame_size {
            self.queue_fragments(outbound, lead, true, &payload)
        } else {
            self.queue_frame(outbound, lead, true, Payload::Owned(payload))
        }
    }

    /// The message that was queued ends here: it takes `len` bytes of the stream.
    #[inline]
    fn end_message(&mut self, len: usize, payload_len: usize) {
        self.queued.payload(payload_len);
        self.boundaries.push(len, UnitKind::Message);
    }
}
