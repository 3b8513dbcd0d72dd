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
//! The payload of a data frame passes the gate as it is taken out of the buffer ([`Admitted::payload`]), not compressed. Payloads are
//! counted here and nowhere else: the counts are private to this file.
//!
//! # Limits
//!
//! The gate checks `max_fragments` and `max_message_size` against the sizes that headers announce. Other files check limits that
//! need more than a header:
//!
//! - `whole.rs` compares a frame with `max_message_size` before the gate, on the fast path and before the frame waits in the buffer.
//!   Such a path has no error to return. A frame that is too large leaves it, and meets the gate on the other path.
//! - `inflating.rs` compares the inflated bytes with `max_message_size`, because the header announces the compressed size.
//! - `mode.rs` compares a message that began in chunks, which have no limit, and is assembled after all, with `max_message_size`.
//! - `excess.rs` and `inflating.rs` note the point at which a message in chunks exceeds `max_message_size`. A user who wants such a
//!   message whole gets the error from there.
//! - `connection/progress.rs` compares the number of frames with `max_message_rate`, once for each read.
//! - `deflate/inflate/ratio.rs` compares the inflated bytes with `max_inflate_ratio`.

use crate::error::{Violation, ViolationKind};
use crate::frame::Header;
use crate::inbound::Inbound;
use crate::stats::{FrameCounts, Traffic};

use super::Receive;

/// The part of a message that the frames so far announce, this one included. The limits are checked against it.
#[derive(Clone, Copy, Default)]
pub(super) struct Load {
    /// In bytes; 0 if there is no limit on the size.
    pub(super) size: u64,
    pub(super) fragments: u32,
}

/// The counts of the frames and payloads that were let in.
#[derive(Clone, Copy, Default)]
pub(super) struct Admitted(FrameCounts);

impl Admitted {
    /// Lets in bytes of a data message, not compressed.
    #[inline(always)]
    pub(super) fn payload(&mut self, n: usize) {
        self.0.add_payload(n);
    }

    /// The last frame that was let in ends no message, because its payload breaks a rule.
    #[cold]
    pub(super) fn refuse_message(&mut self) {
        self.0.retract_message();
    }

    /// The last frame that was let in, one of a data message, is not let in after all.
    #[cold]
    pub(super) fn refuse_frame(&mut self, fin: bool) {
        self.0.retract_frame(fin);
    }

    /// The counts of a connection that ends `n` bytes of payload after these, within a frame whose message is too large.
    pub(super) fn cut_after(mut self, n: usize, fin: bool) -> Self {
        self.payload(n);
        if fin {
            self.refuse_message();
        }
        self
    }
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
        self.admitted.0.add_frame(header);
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

    /// Number of frames so far.
    pub(crate) fn frames(&self) -> u64 {
        self.admitted.0.frames()
    }

    /// The frames and the bytes so far, those in the buffer included.
    pub(crate) fn traffic(&self, inbound: &Inbound) -> Traffic {
        let traffic = self.admitted.0.traffic(self.position + inbound.len() as u64);
        // The last frame of a message was counted with its header; the message ends with its payload.
        let is_ending = self.frame.as_ref().is_some_and(|frame| frame.fin);
        Traffic { messages: traffic.messages - u64::from(is_ending), ..traffic }
    }
}
