//! Messages over `max_message_size` that are received in chunks, which have no limit. A user who wants such a message whole after all gets
//! the error that it would have been, however its bytes were split into reads.

use alloc::boxed::Box;

use crate::error::{Violation, ViolationKind};
use crate::frame::Header;
use crate::message::Chunk;

use super::Receive;
use super::gate::Admitted;
use super::partial::{Assembly, Partial};

/// The point at which a message in chunks has exceeded the limit for whole ones.
pub(crate) struct Excess {
    violation: Violation,
    /// The counts of a connection that has ended with this violation.
    admitted: Admitted,
    /// The chunk that has exceeded it, if it was not a header.
    pub(crate) chunk: Option<Chunk>,
}

impl Excess {
    pub(super) fn new(violation: Violation, admitted: Admitted, chunk: Option<Chunk>) -> Self {
        Self { violation, admitted, chunk }
    }
}

impl Receive {
    /// The excess, if the header of this frame is the first that announces more than the limit.
    pub(super) fn excess_by(&self, message: &Partial, header: &Header) -> Option<Box<Excess>> {
        let is_in_chunks = matches!(message.data, Assembly::Chunks { .. });
        let before = message.size.saturating_sub(header.payload_len());
        if !is_in_chunks
            || message.compressed
            || message.size <= self.max_message_size
            || before > self.max_message_size
        {
            return None;
        }
        let violation = self.violation(ViolationKind::MessageTooBig(message.size));
        Some(Box::new(Excess::new(violation, self.admitted, None)))
    }

    /// The message is wanted whole, and so it is a violation. The bytes behind it count as if they had not been looked at.
    pub(crate) fn exceeded(&mut self, excess: Excess) -> Violation {
        self.admitted = excess.admitted;
        self.frame = None;
        excess.violation
    }
}
