//! What the machines of all proxies have: buffers, a deadline, and what became of the transport.

use std::fmt;

use ws_core::bytes::BytesMut;
use ws_core::{Direction, Instant, Machine, Outbound, TransportError};

use super::error::{ProxyError, ProxyStep};

/// A proxy that has agreed while it was not yet told everything may send so much, in bytes.
const MAX_EARLY: usize = 16 * 1024;

/// The proxy has connected to the target: what comes from now on comes from there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProxyConnected;

/// What a machine leaves to the next one on the same transport.
pub struct Leftover {
    bytes: BytesMut,
    is_eof: bool,
    broken: Option<TransportError>,
}

impl Leftover {
    /// The bytes that were read beyond the proxy's answer: the first ones from the target.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Tells the next machine: the bytes, and the end or the failure of the transport if it was seen. Call it before
    /// anything is read for that machine.
    pub fn hand_over(self, next: &mut impl Machine, now: Instant) {
        if !self.bytes.is_empty() {
            next.inbound().extend_from_slice(&self.bytes);
            next.handle_read(self.bytes.len(), now);
        }
        if let Some(broken) = self.broken {
            next.handle_error(broken, now);
        }
        if self.is_eof {
            next.handle_read(0, now);
        }
    }
}

impl fmt::Debug for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leftover")
            .field("len", &self.bytes.len())
            .field("is_eof", &self.is_eof)
            .field("broken", &self.broken)
            .finish()
    }
}

/// The side of a machine that its driver sees.
pub(super) struct Wire {
    pub(super) inbound: BytesMut,
    pub(super) outbound: Outbound,
    pub(super) deadline: Instant,
    eof: bool,
    broken: Option<TransportError>,
    timed_out: bool,
}

impl Wire {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            deadline,
            eof: false,
            broken: None,
            timed_out: false,
        }
    }

    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        self.outbound.push(bytes.into());
    }

    pub(super) fn handle_read(&mut self, n: usize) {
        self.eof |= n == 0;
    }

    pub(super) fn handle_error(&mut self, error: TransportError) {
        match error.direction() {
            Direction::Read => self.eof = true,
            Direction::Write => self.outbound.clear(),
        }
        self.broken = Some(TransportError::or_better(self.broken.take(), error));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.timed_out |= self.deadline <= now;
    }

    /// Whether nothing more can come in time.
    pub(super) fn is_over(&self) -> bool {
        self.eof || self.timed_out
    }

    /// What is waited for is not there yet, and may never be.
    pub(super) fn check(&mut self, step: ProxyStep) -> Result<(), ProxyError> {
        match self.broken.take_if(|_| self.eof || self.timed_out) {
            Some(broken) => Err(ProxyError::Transport(broken)),
            None if self.timed_out => Err(ProxyError::Timeout { step, open_timeout: None }),
            None if self.eof => Err(ProxyError::UnexpectedEof(self.inbound.len())),
            None => Ok(()),
        }
    }

    /// The proxy has agreed. Whether it has the whole question, too: the order in which a driver reports reads and writes
    /// is free, and nothing of this machine may be left when the next one begins to write.
    pub(super) fn is_sent(&mut self, step: ProxyStep) -> Result<bool, ProxyError> {
        if self.outbound.is_empty() && !self.outbound.has_lost() {
            return Ok(true);
        }
        if self.outbound.has_lost()
            && let Some(broken) = self.broken.take()
        {
            return Err(ProxyError::Transport(broken));
        }
        if self.inbound.len() > MAX_EARLY {
            return Err(ProxyError::Early);
        }
        self.check(step).map(|()| false)
    }

    pub(super) fn into_leftover(self) -> Leftover {
        Leftover { bytes: self.inbound, is_eof: self.eof, broken: self.broken }
    }
}
