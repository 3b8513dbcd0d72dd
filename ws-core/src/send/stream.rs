//! Messages that are sent as a stream of fragments.

use crate::frame::Opcode;
use crate::message::MessageKind;
use crate::outbound::Outbound;
use crate::utf8::Utf8;

use super::boundaries::UnitKind;
use super::{Lead, Refusal, Send};

/// A message that has begun and not ended.
pub(super) struct StreamedMessage {
    lead: Lead,
    /// The check of a text.
    utf8: Option<Utf8>,
}

impl StreamedMessage {
    /// Whether a frame of the message was queued.
    pub(super) fn has_begun(&self) -> bool {
        self.lead.opcode == Opcode::Continuation
    }

    /// Checks a fragment of a text, which may end within a character unless it is the last.
    fn check_utf8(&mut self, fragment: &[u8], last: bool) -> Result<(), Refusal> {
        let Some(utf8) = &mut self.utf8 else { return Ok(()) };
        let mut checked = utf8.clone();
        checked.feed(fragment, |_| ()).map_err(|_| Refusal::InvalidUtf8)?;
        if last && !checked.is_complete() {
            return Err(Refusal::InvalidUtf8);
        }
        *utf8 = checked;
        Ok(())
    }
}

impl Send {
    /// Begins a message that is sent as a stream of fragments.
    pub(crate) fn begin_stream(&mut self, kind: MessageKind) -> Result<(), Refusal> {
        if self.stream.is_some() {
            return Err(Refusal::Streaming);
        }
        let utf8 = (kind == MessageKind::Text).then(Utf8::default);
        let compressed = self.compressor.as_ref().is_some_and(|compressor| compressor.is_wanted());
        self.stream = Some(StreamedMessage { lead: Lead { opcode: kind.into(), compressed }, utf8 });
        Ok(())
    }

    /// Queues the next bytes of the streamed message as one fragment, or as several fragments if they are more than `max_frame_size`.
    pub(crate) fn queue_fragment(
        &mut self,
        outbound: &mut Outbound,
        fragment: &[u8],
        last: bool,
    ) -> Result<(), Refusal> {
        let has_room = self.has_room(outbound);
        let Some(stream) = &mut self.stream else { return Err(Refusal::NotStreaming) };
        if fragment.is_empty() && !last {
            return Ok(());
        }
        // The end of a message that has begun is always taken: it is a few bytes, and lets the next one begin.
        let only_ends = fragment.is_empty() && stream.has_begun();
        if !only_ends && !has_room {
            return Err(Refusal::Full(self.max_send_buffer));
        }
        stream.check_utf8(fragment, last)?;
        let lead = stream.lead;
        stream.lead = lead.next();
        if last {
            self.stream = None;
        }
        self.queued.payload(fragment.len());
        let compressor = self.compressor.as_deref_mut().filter(|_| lead.compressed);
        let compressed = compressor.map(|compressor| compressor.fragment(fragment, last));
        let len = self.queue_fragments(outbound, lead, last, compressed.as_deref().unwrap_or(fragment));
        self.boundaries.push(len, if last { UnitKind::Message } else { UnitKind::Other });
        Ok(())
    }

    /// Whether a streamed message has begun and not ended.
    #[inline]
    pub(crate) fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }
}
