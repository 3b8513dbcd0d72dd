//! Messages that are sent in parts.

use crate::frame::Opcode;
use crate::message::MessageKind;
use crate::outbound::Outbound;
use crate::utf8::Utf8;

use super::{Lead, Refusal, Send, Unit};

/// A message that has begun and not ended.
pub(super) struct Stream {
    lead: Lead,
    /// The check of a text.
    utf8: Option<Utf8>,
}

impl Send {
    /// Begins a message that is sent in parts.
    pub(crate) fn begin_stream(&mut self, kind: MessageKind) -> Result<(), Refusal> {
        if self.stream.is_some() {
            return Err(Refusal::Streaming);
        }
        let utf8 = (kind == MessageKind::Text).then(Utf8::default);
        let compressed = self.compressor.as_ref().is_some_and(|compressor| compressor.is_wanted());
        self.stream = Some(Stream { lead: Lead { opcode: kind.into(), compressed }, utf8 });
        Ok(())
    }

    /// Queues the next part of the streamed message, as a frame.
    pub(crate) fn stream_part(
        &mut self,
        outbound: &mut Outbound,
        part: &[u8],
        last: bool,
    ) -> Result<(), Refusal> {
        let has_room = self.has_room(outbound);
        let Some(stream) = &mut self.stream else { return Err(Refusal::NotStreaming) };
        if part.is_empty() && !last {
            return Ok(());
        }
        // The end of a message that has begun is always taken: it is a few bytes, and lets the next one begin.
        let only_ends = part.is_empty() && stream.lead.opcode == Opcode::Continuation;
        if !only_ends && !has_room {
            return Err(Refusal::Full);
        }
        if let Some(utf8) = &mut stream.utf8 {
            let mut checked = utf8.clone();
            checked.feed(part, |_| ()).map_err(|_| Refusal::InvalidUtf8)?;
            if last && !checked.is_complete() {
                return Err(Refusal::InvalidUtf8);
            }
            *utf8 = checked;
        }
        let mut lead = stream.lead;
        stream.lead = lead.next();
        if lead.opcode != Opcode::Continuation {
            self.unsent += 1;
        }
        let compressor = self.compressor.as_deref_mut().filter(|_| lead.compressed);
        let compressed = compressor.map(|compressor| compressor.part(part, last));
        let before = outbound.len();
        let mut rest = compressed.as_deref().unwrap_or(part);
        while rest.len() > self.max_frame_size {
            let (chunk, others) = rest.split_at(self.max_frame_size);
            self.frame(outbound, lead, false, chunk);
            (lead, rest) = (lead.next(), others);
        }
        self.frame(outbound, lead, last, rest);
        if last {
            self.stream = None;
        }
        self.marks.push(outbound.len() - before, if last { Unit::Message } else { Unit::Other });
        Ok(())
    }

    /// Whether a streamed message has begun and not ended.
    pub(crate) fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }
}
