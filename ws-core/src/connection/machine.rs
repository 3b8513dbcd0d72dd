//! The inputs and outputs of a connection, as its driver sees them.

use bytes::BytesMut;

use crate::deadlines::Deadline;
use crate::error::{Error, Timeout};
use crate::machine::{Direction, Machine, TransportError};
use crate::message::Event;
use crate::outbound::Outbound;
use crate::time::Instant;

use super::{Connection, Fate};

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
        if n == 0 {
            self.closing.eof(&mut self.deadlines, now);
            self.stop_receive_windows();
        } else {
            self.check_rate(now);
            self.read_at = now;
            self.keepalive.heard(&mut self.deadlines);
        }
        if !self.closing.is_receiving() {
            // Nothing means anything any more; it is only read to see the end of the stream.
            self.receive.skip(self.inbound.len());
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
            return self.write_refused(now);
        }
        self.outbound.acknowledge(n);
        let pings = self.send.wrote(&mut self.outbound);
        if self.deadlines.get(Deadline::Write).is_some() {
            self.write_moved(0);
        }
        self.keepalive.wrote(pings, &mut self.deadlines, now);
        if self.closing.wrote(self.outbound.is_empty(), &mut self.deadlines, now) {
            self.stop_receive_windows();
        }
    }

    fn handle_progress(&mut self, taken: usize, now: Instant) {
        self.now = now;
        if self.deadlines.get(Deadline::Write).is_some() {
            self.write_moved(taken as u64);
        }
        _ = self.closing.wrote(false, &mut self.deadlines, now);
    }

    fn handle_sign_of_life(&mut self, now: Instant) {
        self.now = now;
        self.keepalive.heard(&mut self.deadlines);
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.now = now;
        match error.direction() {
            Direction::Read => {
                self.closing.read_failed(error, &mut self.deadlines, now);
                self.stop_receive_windows();
            }
            Direction::Write => {
                self.closing.write_failed(error, &mut self.deadlines, now);
                self.drop_unsent();
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
            None => self.poll_ahead(Fate::HandedOut),
            Some(failure) => Err(failure),
        }
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        match self.deadlines.passed(now) {
            None => {}
            Some(Deadline::Close) => self.close_overdue(now),
            Some(Deadline::Pong) => {
                self.missed(Timeout::Pong(self.deadlines.after(Deadline::Pong).duration()));
            }
            Some(Deadline::Write) => self.write_overdue(now),
            Some(Deadline::Message) => self.message_window_over(now),
            Some(Deadline::Ping) => self.ping_due(now),
        }
    }
}
