//! What a user wants of a session.

use std::time::Duration;

use ws_core::{CloseFrame, Closed, Connection, Instant, Message, SendError, Side};

use super::event::{ClientEvent, Stats, Status};
use super::outbox::{Confirmation, Ticket};
use super::{Session, State, Wish};

/// RFC 6455 §7.1.5: there was no Close frame.
const ABNORMAL: u16 = 1006;

/// While so many bytes of events wait, no more are read ahead.
const MAX_READ_AHEAD: usize = 1 << 20;

impl Session {
    /// Whether a message of any size would be accepted now.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Queues a message, also while there is no connection. Messages go out in order, right after
    /// [`ClientEvent::Open`]. An error hands the message back: the outbox is full, or the client is over or closing.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        if !self.is_accepting() {
            return Err(SendError::Closed(Some(message)));
        }
        if self.outbox.push(message).map_err(SendError::Full)? {
            self.events.push_back(ClientEvent::BufferFull);
        }
        self.feed();
        Ok(())
    }

    fn is_accepting(&self) -> bool {
        match &self.state {
            State::Over => false,
            State::Open(open) if matches!(self.wish, Some(Wish::Stop)) => open.connection.is_open(),
            _ => true,
        }
    }

    /// Whether everything that was queued has been taken by a transport, or (confirmed) is proven, or nothing ever will.
    pub fn is_flushed(&self) -> bool {
        self.outbox.is_empty() || matches!(self.state, State::Over)
    }

    /// Asks for a proof that the next WebSocket hop has parsed all that was queued so far; see
    /// [`Delivery`](super::Delivery) for what that is worth.
    pub fn confirm(&mut self) -> Ticket {
        let ticket = self.outbox.confirm();
        if let State::Over = self.state {
            self.outbox.end();
        }
        self.feed();
        ticket
    }

    /// What became of it. Once it is known, it is told once.
    pub fn confirmation(&mut self, ticket: Ticket) -> Confirmation {
        self.outbox.confirmation(ticket)
    }

    /// Takes back what was not sent, or (confirmed) not proven, oldest first: for when the client is over.
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.outbox.take_unsent()
    }

    /// Ends the client: closes an open connection with the closing handshake, after what waits in the outbox, and gives up
    /// everything else at once. It does not come back.
    pub fn close(&mut self, frame: CloseFrame, now: Instant) {
        self.now = now;
        self.wish = Some(Wish::Stop);
        match &mut self.state {
            State::Open(open) => {
                self.outbox.feed_all(&mut open.connection);
                open.connection.close(frame, now);
            }
            _ => self.give_up(),
        }
    }

    /// Ends the client at once, without a Close frame. It does not come back.
    pub fn abort(&mut self, now: Instant) {
        self.now = now;
        self.wish = Some(Wish::Stop);
        match &mut self.state {
            State::Open(open) => open.connection.abort(),
            _ => self.give_up(),
        }
    }

    /// There is no connection to be closed.
    fn give_up(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Opening { .. } | State::Handshaking { .. } => {
                self.action = Some(super::Action::Drop);
                self.events.push_back(ClientEvent::Closed(Closed::abrupt(ABNORMAL, Side::Us)));
            }
            State::Waiting { .. } | State::Open(_) | State::Over => self.action = None,
        }
        self.outbox.end();
    }

    /// Comes back after `delay`, whatever the policy: when the connection under way has ended, or, if none is, from now.
    /// Fractions of a second count.
    pub fn reconnect_after(&mut self, delay: Duration, now: Instant) {
        self.now = now;
        match self.state {
            State::Over | State::Waiting { .. } => {
                self.wish = None;
                self.attempts.again(delay);
                self.state = State::Waiting { until: now + delay };
                let attempt = self.attempts.count();
                self.events.push_back(ClientEvent::Reconnecting { attempt, after: delay });
            }
            _ => self.wish = Some(Wish::Again(delay)),
        }
    }

    /// Does not come back: neither now, if it is waiting for that, nor after the connection under way.
    pub fn cancel_reconnect(&mut self) {
        match self.state {
            State::Waiting { .. } => self.give_up(),
            State::Over => {}
            _ => self.wish = Some(Wish::Stop),
        }
    }

    /// Stops reading: TCP tells the peer to wait. Nothing is lost, and the deadline of a pong stands still.
    pub fn pause(&mut self) {
        self.is_paused = true;
        if let Some(connection) = self.connection() {
            connection.pause();
        }
    }

    /// Reads again.
    pub fn resume(&mut self, now: Instant) {
        self.is_paused = false;
        if let Some(connection) = self.connection() {
            connection.resume(now);
        }
    }

    /// Where the client is.
    pub fn status(&self) -> Status {
        match &self.state {
            State::Waiting { .. } => Status::Waiting,
            State::Opening { .. } | State::Handshaking { .. } => Status::Connecting,
            State::Open(open) if open.connection.is_open() => Status::Open,
            State::Open(_) => Status::Closing,
            State::Over => Status::Closed,
        }
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether nothing will happen any more, unless the user wants it, and everything was reported.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over) && self.events.is_empty()
    }

    /// For drivers: looks at what was read while somebody waits for something else than events, which are kept. Says whether
    /// to read on.
    pub fn read_ahead(&mut self) -> bool {
        while self.ahead < MAX_READ_AHEAD {
            match self.step() {
                Some(event) => self.push_ahead(event),
                None => return !self.is_paused,
            }
        }
        false
    }

    /// For drivers: the shortest time between anything that happens and a deadline that comes of it; see
    /// [`Config::shortest_timeout`](ws_core::Config::shortest_timeout).
    pub fn shortest_timeout(&self) -> Duration {
        let config = self.settings.connect.connection_config();
        config.shortest_timeout().min(self.settings.confirm_timeout)
    }

    /// For drivers: whether reading is wanted.
    pub fn is_reading(&self) -> bool {
        !self.is_paused
    }

    fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.state {
            State::Open(open) => Some(&mut open.connection),
            _ => None,
        }
    }
}
