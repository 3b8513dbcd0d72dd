//! The gate in: every frame that is received passes [`Receive::admit_frame`].
//!
//! A frame has a header that [`Header::decode`] accepts. Bytes that it refuses are no frame, so that they are neither traced nor
//! counted. The gate traces every frame, and counts the frames that it lets in. A frame passes once:
//!
//! - a data frame with its header, or as a whole if it stays in the read buffer until then (`whole.rs`);
//! - a control frame as a whole, or with the first byte of its payload that breaks a rule.
//!
//! A frame whose payload breaks a rule was let in with its header. It counts, and its message does not.
//!
//! # Limits
//!
//! The gate checks `max_fragments` and `max_message_size` against the sizes that headers announce. Three other places check
//! `max_message_size`:
//!
//! - `whole.rs` compares a frame with the limit before the gate. A frame that is too large leaves the fast path, which has no error to
//!   return, and meets the gate on the other path.
//! - `inflating.rs` compares the inflated bytes, because the header announces the compressed size.
//! - `receive.rs` compares a message that began in chunks, which have no limit, and is assembled after all.

use crate::error::{Violation, ViolationKind};
use crate::frame::Header;
use crate::inbound::Inbound;
use crate::stats::Traffic;

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
        self.scope.received(header);
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

    /// The violation with the limit that it exceeds.
    pub(crate) fn with_limit(&self, violation: Violation) -> Violation {
        match violation.kind {
            ViolationKind::MessageTooBig(_) => violation.over(self.max_message_size),
            ViolationKind::TooManyFragments => violation.over(self.max_fragments.into()),
            _ => violation,
        }
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
