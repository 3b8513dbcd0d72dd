//! The contract between a protocol and the driver that does its I/O.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;

use bytes::BytesMut;

use crate::close::Initiator;
use crate::outbound::Outbound;
use crate::time::Instant;

/// A protocol with its I/O left out: bytes and time go in, events and outbound bytes come out.
///
/// A machine opens no socket, reads no clock and spawns nothing. One driver per runtime runs any machine; the
/// [crate page](crate) shows such a driver whole. A turn of it is:
///
/// 1. write what [`outbound`](Self::outbound) holds, and report it with [`handle_write`](Self::handle_write);
/// 2. take events with [`poll_event`](Self::poll_event) until it gives `None`;
/// 3. wait until the transport is ready or [`poll_timeout`](Self::poll_timeout) is due;
/// 4. append what can be read to [`inbound`](Self::inbound) and report it with [`handle_read`](Self::handle_read);
/// 5. only then look at the clock, and call [`handle_timeout`](Self::handle_timeout) if it is due: bytes that
///    wait in the socket are a sign of life, and a busy application must not kill a healthy peer.
///
/// The order of the calls is free; no machine panics on any order. Nothing happens behind the driver's back:
/// `now` is always an argument, and it should be read once per read, write or timer, never per message.
pub trait Machine {
    /// The reports of the machine.
    type Event;
    /// How it fails. A failure is reported once, by [`poll_event`](Self::poll_event).
    type Error;

    /// The buffer to which the driver appends what it read. The driver reserves room in it, and may take the
    /// buffer away (`mem::take`) while it is empty and nothing is to be read, so that an idle connection holds none.
    fn inbound(&mut self) -> &mut BytesMut;

    /// `n` bytes were appended to [`inbound`](Self::inbound); 0 is the end of the stream.
    fn handle_read(&mut self, n: usize, now: Instant);

    /// The bytes that are to be written, oldest byte first.
    ///
    /// The driver either looks at its chunks ([`bytes::Buf`]) or takes them out ([`Outbound::take_out`]), writes,
    /// and reports what was written with [`handle_write`](Self::handle_write). When it is empty and
    /// [finished](Outbound::is_finished), the driver shuts down the write side of the transport.
    fn outbound(&mut self) -> &mut Outbound;

    /// The transport took the `n` oldest bytes of [`outbound`](Self::outbound). 0 says that it takes nothing at
    /// present: a deadline for the write runs from the first such call on, until it has taken enough.
    fn handle_write(&mut self, n: usize, now: Instant);

    /// The transport took something that is worth nothing yet: `taken` bytes of a TLS record that is not whole. The record counts
    /// with [`handle_write`](Self::handle_write) once it is whole. Its bytes are progress of a write all the same.
    ///
    /// Called by a machine around this one, never by a driver. A layer around another machine hands it on with the bytes of its
    /// own that are not whole, and a machine without a deadline for writes does nothing.
    #[doc(hidden)]
    fn handle_progress(&mut self, _taken: usize, _now: Instant) {}

    /// The peer sent something that is worth nothing yet: a part of a TLS record, or a message of TLS itself. It is a sign of life all
    /// the same.
    ///
    /// Called by a machine around this one, never by a driver. A layer around another machine hands it on.
    #[doc(hidden)]
    fn handle_sign_of_life(&mut self, _now: Instant) {}

    /// The transport failed. After a failure to write, the driver reads on until the end of the stream: the
    /// last words of the peer are worth more than a broken pipe. A failure to read is the end of the stream.
    fn handle_error(&mut self, error: TransportError, now: Instant);

    /// The next event, or `None` if the machine needs bytes or time first.
    fn poll_event(&mut self) -> Result<Option<Self::Event>, Self::Error>;

    /// The one deadline at which [`handle_timeout`](Self::handle_timeout) is to be called, if there is one.
    fn poll_timeout(&self) -> Option<Instant>;

    /// It is `now`. Harmless if nothing is due.
    fn handle_timeout(&mut self, now: Instant);
}

/// The direction of a transport that has failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Receiving from the peer failed.
    Read,
    /// Sending to the peer failed.
    Write,
}

/// The transport failed. A driver tells the machine this error. The machine tells it to the user if nothing better explains the end.
#[derive(Debug)]
pub struct TransportError {
    direction: Direction,
    initiator: Initiator,
    source: Box<dyn Error + Send + Sync>,
}

impl TransportError {
    /// A read failed with `source`.
    pub fn read(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { direction: Direction::Read, initiator: Initiator::Remote, source: source.into() }
    }

    /// A write failed with `source`.
    pub fn write(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { direction: Direction::Write, initiator: Initiator::Remote, source: source.into() }
    }

    /// The same, where this side has ended the stream. A layer around the machine, such as TLS, may have refused something of the peer's.
    #[doc(hidden)]
    pub fn by(self, initiator: Initiator) -> Self {
        Self { initiator, ..self }
    }

    /// The side that has ended the stream: the peer's, unless such a layer says otherwise.
    #[doc(hidden)]
    pub fn initiator(&self) -> Initiator {
        self.initiator
    }

    /// The direction that failed.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The error that the driver, or a machine around this one, gave as the reason: for example, a `std::io::Error`. `Display` shows its
    /// text, so the chain of [`source`](Error::source) goes on behind it.
    pub fn reason(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }

    /// The same error, taken out.
    pub fn into_source(self) -> Box<dyn Error + Send + Sync> {
        self.source
    }

    /// The one of two that says more: how reading failed, which may be what the peer said last, is worth more than a broken
    /// pipe.
    #[doc(hidden)]
    pub fn or_better(first: Option<Self>, next: Self) -> Self {
        match (first, next.direction) {
            (Some(first), Direction::Write) => first,
            (Some(first), Direction::Read) if first.direction == Direction::Read => first,
            _ => next,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.direction {
            Direction::Read => "reading from",
            Direction::Write => "writing to",
        };
        write!(f, "{what} the transport failed: {}", self.source)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
