//! An open connection: one end of it, from the opening handshake to the end of the stream.

mod borrowed;
mod buffers;
mod close;
mod closing;
#[cfg(feature = "deflate")]
mod compression;
mod ending;
mod machine;
mod progress;
mod read_ahead;
mod receiving;
mod sending;

use bytes::{Bytes, BytesMut};

use crate::close::Closed;
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::deflate::NegotiatedDeflate;
use crate::error::Error;
use crate::frame::Role;
use crate::inbound::Inbound;
use crate::keepalive::Keepalive;
use crate::message::{Event, Message};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::receive::{Excess, FrameViolation, Receive, Received};
use crate::send::Send;
use crate::stats::{RoundTrips, Stats};
use crate::time::Instant;
#[cfg(feature = "tracing")]
use crate::trace::TraceScope;
use crate::windows::Windows;

pub use borrowed::{ForEachEnd, Responder};
use closing::Closing;
use read_ahead::ReadAhead;
pub use receiving::DataPoll;

/// One end of an open WebSocket connection, as a [`Machine`](crate::Machine).
///
/// It comes out of [`ClientHandshake::open`](crate::ClientHandshake::open) or
/// [`ServerHandshake::accept`](crate::ServerHandshake::accept).
///
/// - **Receiving**: [`poll_event`](crate::Machine::poll_event) gives owned messages; [`for_each_borrowed`](Self::for_each_borrowed) borrows them;
///   [`receive_chunks`](Self::receive_chunks) gives messages of any size as they come.
/// - **Sending**: [`send`](Self::send), [`send_ref`](Self::send_ref), [`ping`](Self::ping), and in fragments
///   [`start_message`](Self::start_message). Nothing leaves before the driver writes [`outbound`](crate::Machine::outbound).
/// - **Closing**: [`close`](Self::close) begins the closing handshake. A Close frame from the peer, a violation or a
///   missed deadline are dealt with by the machine itself. The last event is always [`Event::Closed`].
///
/// The settings bound its memory ([`Config`](Config#memory)).
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    receive: Receive,
    send: Send,
    keepalive: Keepalive,
    closing: Closing,
    deadlines: Deadlines,
    windows: Windows,
    ahead: ReadAhead,
    /// The last time that the driver told.
    now: Instant,
    /// When bytes came last.
    read_at: Instant,
    round_trips: RoundTrips,
}

/// The fate of the next event.
#[derive(Clone, Copy)]
enum Fate {
    HandedOut,
    /// It waits in a queue, and keeps at most twice its size alive.
    Kept,
}

impl Connection {
    /// A connection whose opening handshake was done elsewhere, such as by an HTTP server.
    ///
    /// `leftover` holds the bytes of the stream that were read beyond the handshake. `with_deflate` turns compression on. `config` alone
    /// does not.
    pub fn after_handshake(
        role: Role,
        config: &Config,
        random: Random,
        leftover: BytesMut,
        now: Instant,
    ) -> Self {
        Self::new(role, config, random, leftover, Outbound::default(), now)
    }

    pub(crate) fn new(
        role: Role,
        config: &Config,
        mut random: Random,
        inbound: BytesMut,
        outbound: Outbound,
        now: Instant,
    ) -> Self {
        let mut deadlines = Deadlines::new(config);
        Self {
            receive: Receive::new(role, config),
            keepalive: Keepalive::new(config, &mut random, &mut deadlines, now),
            send: Send::new(role, config, random, &outbound),
            closing: Closing::default(),
            deadlines,
            windows: Windows::new(config, now),
            ahead: ReadAhead::new(config.max_read_ahead),
            inbound: inbound.into(),
            outbound,
            now,
            read_at: now,
            round_trips: RoundTrips::default(),
        }
    }

    /// From here on, both ends may compress.
    #[cfg_attr(not(feature = "deflate"), allow(unreachable_code, reason = "there is nothing to negotiate"))]
    pub(crate) fn use_deflate(&mut self, deflate: &NegotiatedDeflate) {
        self.receive
            .set_inflater(deflate.inflater(self.role()).with_max_ratio(self.windows.max_inflate_ratio()));
        self.send.set_compressor(deflate.compressor(self.role()));
    }

    /// The role of this end.
    pub fn role(&self) -> Role {
        self.send.role()
    }

    /// Whether messages are still accepted for sending.
    ///
    /// It becomes `false`
    ///
    /// - with [`close`](Self::close), a violation, a missed deadline, a failed write, or [`abort`](Self::abort);
    /// - when the peer has sent its Close frame or ended the stream, and the user takes that end: it asks for the event behind the
    ///   last message. A driver may have seen the end long before ([`read_ahead`](Self::read_ahead)); the user may reply to the
    ///   messages before it all the same;
    /// - when `close_timeout` has passed since the read that brought that end.
    ///
    /// It never becomes `true` again.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.closing.is_open(self.ahead.answering.withholds())
    }

    /// For drivers: events of this connection belong to this span, and the end is one of them.
    #[cfg(feature = "tracing")]
    #[doc(hidden)]
    pub fn trace_in(&mut self, span: tracing::Span) {
        let scope = TraceScope::new(span, self.now);
        self.receive.set_scope(scope.clone());
        self.send.set_scope(scope);
    }

    /// The counts of this connection so far: frames, messages and bytes in each direction, bytes that wait, and round-trip times.
    pub fn stats(&self) -> Stats {
        Stats {
            sent: self.send.traffic(&self.outbound),
            received: self.receive.traffic(&self.inbound),
            queued_bytes: self.outbound.len(),
            unsent_messages: self.send.unsent(),
            last_round_trip: self.round_trips.last(),
            min_round_trip: self.round_trips.min(),
        }
    }

    /// How the connection ended, once it has.
    pub fn closed(&self) -> Option<&Closed> {
        self.closing.closed()
    }

    /// Whether the transport is to be reset (TCP RST, by `SO_LINGER` of zero) rather than closed: the peer has missed the deadline of a
    /// pong or of a write, or [`abort`](Self::abort) was called. Messages that the system still holds must not reach the peer later,
    /// after newer ones on another connection. The driver resets it as soon as this is `true`. It never becomes `false` again.
    #[inline]
    pub fn must_reset(&self) -> bool {
        self.closing.resets()
    }

    /// Whether the connection has ended because a deadline was missed, that of closing included, or by [`abort`](Self::abort).
    #[doc(hidden)]
    pub fn has_missed_deadline(&self) -> bool {
        self.closing.has_missed()
    }

    /// The fast path: the next message, if that is the next event, and it is whole in the buffer. To move an `Option` of a
    /// message through the layers of an adapter costs a fraction of the move of an event's result.
    #[inline(always)]
    fn poll_whole(&mut self) -> Option<Message> {
        // A failure that is held back is one after which nothing is received.
        if self.ahead.is_empty() && self.closing.is_receiving() {
            self.receive.whole(&mut self.inbound)
        } else {
            None
        }
    }

    /// Whether there is surely nothing to look at before more bytes or time come. Most often it is so after the bytes of one read. The
    /// long way round, through all that could be there, takes longer than a message does.
    #[inline(always)]
    fn is_at_rest(&mut self) -> bool {
        if !self.ahead.is_empty() || self.closing.has_begun() {
            return false;
        }
        if self.inbound.len() == 0 { self.receive.holds_nothing() } else { self.waits_in_place() }
    }

    /// Whether the next message waits in the buffer for its rest, and the peer is not too slow with it.
    #[inline(never)]
    fn waits_in_place(&mut self) -> bool {
        self.receive.is_waiting(&mut self.inbound) && !self.is_too_slow()
    }

    /// The next event that was not yet read ahead.
    fn step(&mut self, fate: Fate) -> Result<Option<Event>, Error> {
        if self.closing.is_receiving() {
            let message = match fate {
                Fate::HandedOut => self.receive.whole(&mut self.inbound),
                Fate::Kept => self.receive.whole_kept(&mut self.inbound),
            };
            if let Some(message) = message {
                return Ok(Some(Event::Message(message)));
            }
            match self.receive.poll(self.inbound.buffer()) {
                Ok(Some(Received::Message(message))) => return Ok(Some(Event::Message(message))),
                Ok(Some(received)) => return self.received(received, fate),
                Ok(None) if self.receive.is_incomplete(&self.inbound) && self.is_too_slow() => {
                    return Err(self.message_overdue());
                }
                Ok(None) => {}
                // RFC 6455 §5.5.1: no answer follows it, so the handshake is done.
                Err(FrameViolation::Close(violation)) if self.closing.has_sent() => {
                    self.closing.answered_badly(violation);
                    self.receives_no_more();
                }
                Err(FrameViolation::Close(violation) | FrameViolation::Other(violation)) => {
                    return Err(self.violated(violation));
                }
            }
        }
        self.poll_end()
    }

    /// A message in chunks is larger than one that is received whole. That is remembered with chunks that are read ahead.
    #[cold]
    fn step_beyond(&mut self, mut excess: Excess, fate: Fate) -> Result<Option<Event>, Error> {
        let chunk = excess.chunk.take();
        if let Fate::Kept = fate {
            self.ahead.push_excess(excess);
        }
        chunk.map_or_else(|| self.step(fate), |chunk| Ok(Some(Event::Chunk(chunk))))
    }

    fn received(&mut self, received: Received, fate: Fate) -> Result<Option<Event>, Error> {
        Ok(Some(match received {
            Received::Message(message) => Event::Message(message),
            Received::Chunk(chunk) => Event::Chunk(chunk),
            Received::Excess(excess) => return self.step_beyond(*excess, fate),
            Received::Ping(payload) => {
                // RFC 6455 §5.5.2: a ping is answered, unless a Close frame was already received; and §5.5.1: nothing
                // follows our own Close frame.
                if !self.closing.has_sent() && self.closing.can_write() {
                    self.send.answer_ping(&mut self.outbound, payload.clone());
                }
                Event::Ping(payload)
            }
            Received::Pong(payload) => {
                let round_trip = self.keepalive.pong(&payload, self.now);
                if let Some(time) = round_trip {
                    self.round_trips.add(time);
                }
                Event::Pong { payload, round_trip }
            }
            Received::Close(frame) => {
                // Nobody waits for a pong any more, and the deadline is that of the closing handshake.
                self.stop_keepalive();
                self.closing.received(frame.clone(), &mut self.deadlines, self.read_at);
                self.drop_inbound();
                self.finish_if_complete();
                Event::Closing(frame)
            }
        }))
    }

    fn ping_due(&mut self, now: Instant) {
        self.windows.tidy();
        if self.keepalive.due(&mut self.deadlines, now) {
            let nonce = self.send.nonce();
            self.queue_ping(Bytes::copy_from_slice(&nonce));
        }
    }

    /// Everything that came was looked at: is this the end?
    #[inline]
    fn poll_end(&mut self) -> Result<Option<Event>, Error> {
        if self.closing.may_end(self.ahead.answering.withholds()) { self.end() } else { Ok(None) }
    }
}

/// Each connection has one end in its trace, also if nobody sees it.
#[cfg(feature = "tracing")]
impl Drop for Connection {
    fn drop(&mut self) {
        if self.send.scope().is_some() && self.closing.closed().is_none() {
            self.send.scope().dropped(&self.stats(), self.now);
        }
    }
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role())
            .field("is_open", &self.is_open())
            .field("inbound", &self.inbound.len())
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}
