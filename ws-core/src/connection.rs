//! An open connection: one end of it, from the opening handshake to the end of the stream.

mod closing;
#[cfg(feature = "deflate")]
mod compression;
mod read_ahead;
mod sending;
mod visit;

use bytes::{Bytes, BytesMut};

use crate::close::{CloseFrame, Closed};
use crate::config::Config;
use crate::deflate::NegotiatedDeflate;
use crate::error::{Error, Timeout, Violation};
use crate::frame::Role;
use crate::keepalive::{Due, Keepalive, earliest};
use crate::machine::{Broken, Direction, Machine};
use crate::message::{Event, Message};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::receive::{Inbound, Receive, Received};
use crate::send::{Before, Send};
use crate::time::Instant;

use closing::Closing;
use read_ahead::ReadAhead;
pub use visit::{Data, Reply, Visit};

/// One end of an open WebSocket connection, as a [`Machine`].
///
/// It comes out of [`ClientHandshake::open`](crate::ClientHandshake::open) or
/// [`ServerHandshake::accept`](crate::ServerHandshake::accept).
///
/// - **Receiving**: [`poll_event`](Machine::poll_event) gives owned messages; [`visit`](Self::visit) lends them;
///   [`receive_pieces`](Self::receive_pieces) gives messages of any size as they come.
/// - **Sending**: [`send`](Self::send), [`send_ref`](Self::send_ref), [`ping`](Self::ping), and in parts
///   [`start_message`](Self::start_message). Nothing leaves before the driver writes [`outbound`](Machine::outbound).
/// - **Closing**: [`close`](Self::close) begins the closing handshake. A Close frame from the peer, a violation or a
///   missed deadline are dealt with by the machine itself. The last event is always [`Event::Closed`].
///
/// Memory: what waits to be sent is bounded by `max_send_buffer` and one message, plus 16 pongs and a Close frame;
/// what is assembled by `max_message_size`; the rest is what the driver reads in at a time, and what compression takes, if it
/// was negotiated.
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    receive: Receive,
    send: Send,
    keepalive: Keepalive,
    closing: Closing,
    ahead: ReadAhead,
    /// A piece of a message was handed out, and was not its last.
    is_within_pieces: bool,
    /// A piece was dropped while we wait for the end.
    is_cut: bool,
    /// What the driver said last.
    now: Instant,
}

impl Connection {
    /// A connection whose opening handshake was done elsewhere, such as by an HTTP server.
    ///
    /// `leftover` is what was read of the stream beyond the handshake. There is no compression, whatever `config` says, unless
    /// `with_deflate` follows.
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
        random: Random,
        inbound: BytesMut,
        outbound: Outbound,
        now: Instant,
    ) -> Self {
        Self {
            receive: Receive::new(role, config),
            send: Send::new(role, config, random, &outbound),
            keepalive: Keepalive::new(config, now),
            closing: Closing::new(config.close_timeout),
            ahead: ReadAhead::new(config.max_read_ahead),
            is_within_pieces: false,
            is_cut: false,
            inbound: inbound.into(),
            outbound,
            now,
        }
    }

    /// From here on, both ends may compress.
    #[cfg_attr(not(feature = "deflate"), allow(unreachable_code, reason = "there is nothing to negotiate"))]
    pub(crate) fn use_deflate(&mut self, deflate: &NegotiatedDeflate) {
        self.receive.set_inflater(deflate.inflater(self.role()));
        self.send.set_compressor(deflate.compressor(self.role()));
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.send.role()
    }

    /// Whether messages are still accepted for sending.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.closing.is_open()
    }

    /// How the connection ended, once it has.
    pub fn closed(&self) -> Option<&Closed> {
        self.closing.closed()
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2): what waits to be sent goes out first, and messages that come
    /// meanwhile are still reported. Does nothing if the connection is closing already.
    ///
    /// The Close frame has `close_timeout` to leave, and then the peer has as long to answer.
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Instant) {
        if self.closing.is_open() {
            self.queue_close(&frame.into(), Before::All, true, now);
        }
    }

    /// The closing handshake, once begun, ends by this time at the latest, however long what waits takes to leave.
    pub fn end_by(&mut self, deadline: Instant) {
        self.closing.end_by(deadline);
    }

    /// Ends the connection at once, without a Close frame: what waits is dropped, and the peer sees the stream break off.
    pub fn abort(&mut self) {
        self.closing.abort();
        self.outbound.clear();
        self.outbound.finish();
        self.keepalive.stop_writing();
    }

    /// Reading is paused, because the user takes nothing: what could be a sign of life is not seen, so the deadline for
    /// a pong stands still.
    pub fn pause(&mut self) {
        self.keepalive.pause();
    }

    /// Reading goes on.
    #[inline]
    pub fn resume(&mut self, now: Instant) {
        self.keepalive.resume(now);
    }

    fn queue_close(&mut self, frame: &CloseFrame, before: Before, initiated: bool, now: Instant) {
        self.keepalive.stop();
        if self.closing.can_write() {
            self.send.close(&mut self.outbound, frame, before);
        }
        self.closing.queued(initiated, now);
    }

    /// The straight path: the next message, if that is the next event, and it is whole in the buffer. An `Option` of a
    /// message moves through the layers of an adapter for a fraction of what the result of an event costs there.
    #[inline(always)]
    fn poll_whole(&mut self) -> Option<Message> {
        // A failure that is held back is one after which nothing is received.
        if self.ahead.is_empty() && self.closing.is_receiving() {
            self.receive.whole(&mut self.inbound)
        } else {
            None
        }
    }

    /// Whether there is surely nothing to look at before more bytes or time come, as most often after what came in one read. The
    /// long way round through all that could be there takes longer than a message does.
    #[inline]
    fn is_at_rest(&mut self) -> bool {
        self.ahead.is_empty() && !self.closing.has_begun() && self.receive.is_at_rest(&mut self.inbound)
    }

    /// The next event, of those that were not yet read ahead.
    fn step(&mut self) -> Result<Option<Event>, Error> {
        if self.closing.is_receiving() {
            if let Some(message) = self.receive.whole(&mut self.inbound) {
                return Ok(Some(Event::Message(message)));
            }
            match self.receive.poll(self.inbound.buffer()) {
                Ok(Some(Received::Message(message))) => return Ok(Some(Event::Message(message))),
                Ok(Some(received)) => return Ok(Some(self.received(received))),
                Ok(None) => {}
                Err(violation) => return Err(self.violated(violation)),
            }
        }
        self.poll_end()
    }

    fn received(&mut self, received: Received) -> Event {
        match received {
            Received::Message(message) => Event::Message(message),
            Received::Piece(piece) => Event::Piece(piece),
            Received::Ping(payload) => {
                // RFC 6455 §5.5.2: a ping is answered, unless a Close frame was already received; and §5.5.1: nothing
                // follows our own Close frame.
                if !self.closing.has_sent() && self.closing.can_write() {
                    self.send.pong(&mut self.outbound, payload.clone());
                }
                Event::Ping(payload)
            }
            Received::Pong(payload) => {
                let round_trip = self.keepalive.pong(&payload, self.now);
                Event::Pong { payload, round_trip }
            }
            Received::Close(frame) => {
                self.peer_closes(frame.clone());
                Event::Closing(frame)
            }
        }
    }

    /// RFC 6455 §5.5.1: a Close frame is answered, with the code that it has, unless one was sent before.
    fn peer_closes(&mut self, frame: CloseFrame) {
        if !self.closing.has_sent() {
            let answer = frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from);
            self.queue_close(&answer, Before::Begun, false, self.now);
        }
        self.closing.received(frame);
        self.inbound.release();
        self.finish_if_complete();
    }

    /// RFC 6455 §7.1.1: the server ends the TCP connection first, so that it is the client's port that is free at once.
    fn finish_if_complete(&mut self) {
        if self.role() == Role::Server && self.closing.is_complete() {
            self.outbound.finish();
        }
    }

    /// RFC 6455 §7.1.7: tells the peer what it did wrong, and looks at nothing that comes after.
    #[cold]
    fn violated(&mut self, violation: Violation) -> Error {
        let code = violation.code();
        if !self.closing.has_sent() {
            // What was accepted before the violation goes out first, as when we close for any other reason.
            self.queue_close(&code.into(), Before::All, true, self.now);
        }
        self.closing.violated(code.into());
        self.outbound.finish();
        self.inbound.release();
        Error::Violation(violation)
    }

    /// Everything that came was looked at: is this the end?
    #[inline]
    fn poll_end(&mut self) -> Result<Option<Event>, Error> {
        if self.closing.may_end() { self.end() } else { Ok(None) }
    }

    #[cold]
    fn end(&mut self) -> Result<Option<Event>, Error> {
        if let Some(error) = self.closing.poll_error() {
            self.outbound.clear();
            self.outbound.finish();
            self.keepalive.stop_writing();
            return Err(error);
        }
        let closed = self.closing.poll_closed(self.outbound.is_empty(), self.send.unsent());
        if closed.is_some() {
            self.outbound.clear();
            self.outbound.finish();
            self.keepalive.stop_writing();
        }
        Ok(closed.map(Event::Closed))
    }

    fn missed(&mut self, timeout: Timeout) {
        self.closing.missed(timeout);
        self.outbound.clear();
        self.keepalive.stop_writing();
    }
}

impl Machine for Connection {
    type Event = Event;
    type Error = Error;

    #[inline]
    fn inbound(&mut self) -> &mut BytesMut {
        self.inbound.buffer()
    }

    #[inline]
    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.keepalive.read(now);
        if n == 0 {
            self.closing.eof();
        }
        if !self.closing.is_receiving() {
            // Nothing means anything any more; it is only read to see the end of the stream.
            self.inbound.buffer().clear();
        }
    }

    #[inline]
    fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    #[inline(always)]
    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        if n == 0 {
            if !self.outbound.is_empty() {
                self.keepalive.write_blocked(now);
            }
            return;
        }
        self.outbound.acknowledge(n);
        let pings = self.send.wrote(&mut self.outbound);
        self.keepalive.wrote(pings, now);
        if self.outbound.is_empty() {
            self.closing.all_written(now);
        }
    }

    fn handle_progress(&mut self, now: Instant) {
        self.now = now;
        self.keepalive.wrote(0, now);
    }

    fn handle_error(&mut self, error: Broken, now: Instant) {
        self.now = now;
        match error.direction() {
            Direction::Read => self.closing.read_failed(error),
            Direction::Write => {
                self.closing.write_failed(error, now);
                self.outbound.clear();
                self.keepalive.stop_writing();
            }
        }
    }

    #[inline]
    fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        if let Some(message) = self.poll_whole() {
            return Ok(Some(Event::Message(message)));
        }
        if self.is_at_rest() {
            return Ok(None);
        }
        match self.closing.take_failure() {
            None => self.poll_ahead(),
            Some(failure) => Err(failure),
        }
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.closing.deadline(), self.keepalive.deadline())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.closing.is_due(now) {
            return self.missed(Timeout::Close);
        }
        match self.keepalive.due(now) {
            None => {}
            Some(Due::PongMissing) => self.missed(Timeout::Pong),
            Some(Due::WriteBlocked) => self.missed(Timeout::Write),
            Some(Due::Ping) => {
                let nonce = self.send.nonce();
                self.queue_ping(Bytes::copy_from_slice(&nonce));
            }
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
