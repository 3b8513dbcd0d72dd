//! The end of a connection.

use core::fmt;

use bytestring::ByteString;

pub use crate::close_frame::{CloseCode, CloseFrame, IllegalClose, InvalidClose};
use crate::error::Violation;
use crate::redacted::Excerpt;

/// RFC 6455 §7.4.1: reported when there was no Close frame.
pub(crate) const ABNORMAL: u16 = 1006;

/// The end of a connection that began to close, or that broke it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Initiator {
    /// This end.
    Local,
    /// The other end.
    Remote,
}

/// How a connection ended: the last thing that it reports. `Display` shows 80 characters of the reason, `Debug` eight.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The code of the peer's Close frame; 1005 if that had none, 1006 if there was no Close frame; after a
    /// violation by the peer, the code that we sent.
    pub code: u16,
    /// The reason in the peer's Close frame.
    pub reason: ByteString,
    /// The side that began to close, or broke the connection. A deadline that the peer missed is ours, and so is an end by our TLS, which
    /// refuses a record of the peer. An attempt to connect that we gave up is ours, too: a name that does not resolve, a local socket that
    /// fails, a response or a certificate that we refuse. A server that refuses the connection or answers with another status than 101 has
    /// ended the attempt.
    pub initiator: Initiator,
    /// Whether both Close frames were exchanged.
    pub clean: bool,
    /// Number of messages that were accepted for sending and of which the transport has not taken all bytes. For a client that
    /// reconnects it includes the messages in its outbox.
    pub unsent: usize,
    pub(crate) violation: Option<Violation>,
}

impl Closed {
    /// The end of something that was not closed in order, and has lost nothing.
    pub fn abrupt(code: u16, initiator: Initiator) -> Self {
        Self { code, reason: ByteString::new(), initiator, clean: false, unsent: 0, violation: None }
    }

    /// The rule that the peer broke with its answer to our Close frame. It is not an error: the connection has ended as we wanted,
    /// with our code.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.initiator {
            Initiator::Local => "us",
            Initiator::Remote => "the peer",
        };
        let how = if self.clean { "closed" } else { "broken off" };
        write!(f, "{how} by {by} with code {}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", Excerpt::words(&self.reason))?;
        }
        if self.unsent > 0 {
            let s = if self.unsent == 1 { "" } else { "s" };
            write!(f, ", {} message{s} unsent", self.unsent)?;
        }
        if let Some(violation) = self.violation() {
            let Violation { kind, offset, .. } = violation;
            write!(f, "; the peer's answer was broken: {kind} at byte {offset}")?;
            violation.write_close(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed")
            .field("code", &self.code)
            .field("reason", &Excerpt::new(&self.reason))
            .field("initiator", &self.initiator)
            .field("clean", &self.clean)
            .field("unsent", &self.unsent)
            .field("violation", &self.violation)
            .finish()
    }
}
