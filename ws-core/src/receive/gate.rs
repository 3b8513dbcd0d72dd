//! The gate in: every frame that is received passes [`Receive::admit_frame`].

use crate::error::ViolationKind;
use crate::frame::Header;
use crate::inbound::Inbound;
use crate::stats::Traffic;
use crate::trace;

use super::Receive;

/// The part of a message that the frames so far announce, this one included. The limits are checked against it.
#[derive(Clone, Copy, Default)]
pub(super) struct Load {
    /// In bytes; 0 if there is no limit on the size.
    pub(super) size: u64,
    pub(super) fragments: u32,
}

impl Receive {
    /// Lets a frame in whose header is complete: traces it, checks the limits on its message, and counts it.
    ///
    /// `load` is an error for a frame that cannot stand here.
    // A frame on the fast path was compared with the limit before, so that nothing is left of the error there.
    #[inline(always)]
    pub(super) fn admit_frame(
        &mut self,
        header: &Header,
        load: Result<Load, ViolationKind>,
    ) -> Result<(), ViolationKind> {
        trace::received(header);
        let Load { size, fragments } = load?;
        if size > self.max_message_size {
            return Err(ViolationKind::MessageTooBig(size));
        }
        if fragments > self.max_fragments {
            return Err(ViolationKind::TooManyFragments);
        }
        self.counts.add_frame(header);
        Ok(())
    }

    /// `n` bytes of the buffer are dropped, because nothing is received any more.
    pub(crate) fn skip(&mut self, n: usize) {
        self.position += n as u64;
    }

    /// The frames and the bytes so far, those in the buffer included.
    pub(crate) fn traffic(&self, inbound: &Inbound) -> Traffic {
        let traffic = self.counts.traffic(self.position + inbound.len() as u64);
        // The last frame of a message was counted with its header; the message ends with its payload.
        let is_ending = self.frame.as_ref().is_some_and(|frame| frame.fin);
        Traffic { messages: traffic.messages - u64::from(is_ending), ..traffic }
    }
}
