//! Compressed payloads.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::BytesMut;

use crate::deflate::{InflateProgress, InflateTurn};
use crate::error::{Violation, ViolationKind};
use crate::message::Chunk;

use super::partial::{Assembly, Frame, Partial};
use super::{Excess, Receive, Received, append};

/// The largest chunk of a compressed message, in bytes.
const MAX_CHUNK: usize = 16 * 1024;

impl Receive {
    /// The first `there` bytes of the buffer are payload of `frame`, unmasked, in a compressed message.
    ///
    /// A message is inflated as it comes, and never beyond the byte that is over the limit; one in chunks, as far as one
    /// chunk goes.
    pub(super) fn inflate(
        &mut self,
        inbound: &mut BytesMut,
        frame: &mut Frame,
        there: usize,
    ) -> Result<Option<Received>, Violation> {
        // Where in a compressed payload something is wrong depends on how it was cut; in which frame it is does not.
        let offset = frame.start;
        let violation = |kind| Violation::new(kind, offset);
        let (Some(inflater), Some(mut message)) = (self.inflater.as_deref_mut(), self.message.take()) else {
            return Ok(None);
        };
        let last = frame.fin && there as u64 == frame.left;
        let (size_before, admitted_before) = (message.size, self.admitted);
        let mut chunk = Vec::new();
        let mut taken = 0;
        let progress = loop {
            let room = message.room(self.max_message_size, chunk.len());
            if room == 0 {
                break InflateProgress::More;
            }
            let InflateTurn { used, output, progress } = inflater.step(&inbound[taken..there], last, room);
            taken += used;
            let (valid, inflated) = message.inflated(output, self.max_message_size, &mut chunk);
            self.admitted.payload(valid);
            inflated.map_err(violation)?;
            if !matches!(progress, InflateProgress::More) {
                break progress;
            }
        };
        frame.has_more = matches!(progress, InflateProgress::More);
        let ends = match progress {
            InflateProgress::More | InflateProgress::NeedsInput => false,
            InflateProgress::Ended => true,
            InflateProgress::Invalid => return Err(violation(inflater.violation())),
        };
        if ends {
            inflater.end_message();
            if !message.is_complete() {
                return Err(violation(ViolationKind::InvalidUtf8));
            }
        }
        frame.took(taken, &mut message);
        self.consume(inbound, taken);
        let in_chunks = matches!(message.data, Assembly::Chunks { .. });
        let received = if in_chunks {
            let max = self.max_message_size;
            let chunk = Chunk::new(message.kind, chunk.into(), ends);
            if size_before <= max && message.size > max {
                let admitted = admitted_before.cut_after((max - size_before) as usize, frame.fin);
                let violation = violation(ViolationKind::MessageTooBig(max + 1));
                let excess = Excess::new(violation, admitted, Some(chunk));
                Some(Received::Excess(Box::new(excess)))
            } else {
                (ends || !chunk.bytes.is_empty()).then_some(Received::Chunk(chunk))
            }
        } else if ends {
            return Ok(Some(Received::Message(message.finish())));
        } else {
            None
        };
        self.message = (!ends).then_some(message);
        Ok(received)
    }
}

impl Partial {
    /// How many bytes more may be inflated: up to the first that is over the limit, or as many as a chunk may have.
    fn room(&self, max_message_size: u64, chunk: usize) -> usize {
        match self.data {
            Assembly::Chunks { .. } => MAX_CHUNK - chunk,
            _ => usize::try_from(max_message_size.saturating_sub(self.size))
                .unwrap_or(usize::MAX)
                .saturating_add(1),
        }
    }

    /// Takes inflated bytes. Returns the number of bytes before the violation, if there is one.
    fn inflated(
        &mut self,
        output: &[u8],
        max: u64,
        chunk: &mut Vec<u8>,
    ) -> (usize, Result<(), ViolationKind>) {
        let before = self.size;
        self.size = self.size.saturating_add(output.len() as u64);
        let fitting =
            usize::try_from(max.saturating_sub(before)).map_or(output.len(), |room| room.min(output.len()));
        match &mut self.data {
            Assembly::Chunks { utf8, begun } => {
                *begun |= !output.is_empty();
                chunk.extend_from_slice(output);
                return match utf8.as_mut().map(|utf8| utf8.feed(output, |_| ())) {
                    Some(Err(at)) => (at, Err(ViolationKind::InvalidUtf8)),
                    _ => (output.len(), Ok(())),
                };
            }
            // The text before the byte over the limit counts first, so that it does not matter how the bytes are cut.
            Assembly::Text(text) => {
                text.grow(fitting, max);
                if let Err(at) = text.feed(&output[..fitting]) {
                    return (at, Err(ViolationKind::InvalidUtf8));
                }
            }
            Assembly::Binary(bytes) => append(bytes, &output[..fitting], max),
        }
        let is_too_big = fitting < output.len();
        (fitting, if is_too_big { Err(ViolationKind::MessageTooBig(self.size)) } else { Ok(()) })
    }

    /// Whether a text may end here.
    fn is_complete(&self) -> bool {
        match &self.data {
            Assembly::Text(text) => text.is_complete(),
            Assembly::Chunks { utf8: Some(utf8), .. } => utf8.is_complete(),
            _ => true,
        }
    }
}
