//! Messages that have not come whole, as the [windows](crate::windows) of a connection see them.

use alloc::boxed::Box;

use crate::error::ViolationKind;
use crate::inbound::Inbound;

use super::Receive;
use super::partial::{Assembly, Wanted};

impl Receive {
    /// Whether bytes of an incomplete message or frame are here.
    pub(crate) fn is_incomplete(&self, inbound: &Inbound) -> bool {
        self.message.is_some() || inbound.len() > 0
    }

    /// Whether the beginning of a frame was taken, and its rest was not.
    pub(crate) fn is_within_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// The number of bytes that the incomplete message still wants, if it is under assembly.
    pub(crate) fn wanted(&mut self) -> Option<&mut Wanted> {
        self.message.as_mut().map(|message| &mut message.wanted)
    }

    /// Whether the incomplete message is handed out as it comes.
    pub(crate) fn is_handed_out(&self) -> bool {
        match &self.message {
            Some(message) => matches!(message.data, Assembly::Chunks { .. }),
            None => self.in_chunks,
        }
    }

    /// The position in the stream of the first byte in the buffer.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Gives up the incomplete message, and its memory.
    pub(crate) fn give_up_message(&mut self) {
        (self.message, self.frame) = (None, None);
    }

    /// The next call of [`poll`](Self::poll) reports this, unless another violation is known.
    pub(crate) fn violate(&mut self, kind: ViolationKind) {
        let violation = self.violation(kind);
        self.violation.get_or_insert_with(|| Box::new(violation));
    }
}
