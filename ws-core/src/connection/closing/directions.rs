//! The steps of each direction of the closing handshake.

use crate::close::Initiator;

use super::{ClosePosition, Local, Read, Sent};

impl Local {
    pub(in crate::connection) fn is_late(&self) -> bool {
        matches!(self, Self::Late | Self::Close(Sent { is_late: true, .. }))
    }

    pub(in crate::connection) fn is_initiator(&self) -> bool {
        matches!(self, Self::Close(Sent { initiator: Initiator::Local, .. }))
    }

    /// No message is accepted any more.
    pub(in crate::connection) fn end(&mut self) {
        if let Self::Open = self {
            *self = Self::Ended;
        }
    }

    /// Nothing can be written any more, and queued bytes are dropped.
    pub(in crate::connection) fn drop_queued(&mut self) {
        self.end();
        if let Self::Close(Sent { position: position @ ClosePosition::Queued(_), .. }) = self {
            *position = ClosePosition::Dropped;
        }
    }

    /// The time for replies has passed.
    pub(in crate::connection) fn be_late(&mut self) {
        match self {
            Self::Open | Self::Ended | Self::Late => *self = Self::Late,
            Self::Close(sent) => sent.is_late = true,
        }
    }
}

impl Read {
    pub(in crate::connection) fn has_ended(&self) -> bool {
        !matches!(self, Self::Open)
    }
}
