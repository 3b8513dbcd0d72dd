//! The checks of a connection that only a client has: the time without data, `check_now`, and the heartbeat.

use std::time::Duration;

use ws_core::{Connection, Instant};

use super::open::Open;
use super::options::SHORTEST;
use super::outbox::PresentSource;
use super::{Session, SessionState};

/// The time without data messages.
pub(super) struct Idle {
    timeout: Option<Duration>,
    deadline: Instant,
    /// Since when it stands still, because reading is paused.
    still: Option<Instant>,
    /// The measure of the data that came.
    seen: u64,
}

impl Idle {
    pub(super) fn new(timeout: Option<Duration>, now: Instant) -> Self {
        Self { timeout, deadline: now + timeout.unwrap_or_default(), still: None, seen: 0 }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timeout.and(Some(self.deadline)).filter(|_| self.still.is_none())
    }

    pub(super) fn set_still(&mut self, is_still: bool, now: Instant) {
        match (is_still, self.still) {
            (true, None) => self.still = Some(now),
            (false, Some(since)) => {
                self.still = None;
                self.deadline = self.deadline + (now - since);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Looks whether data came with the last read.
    pub(super) fn look(&mut self, connection: &Connection, now: Instant) {
        let Some(timeout) = self.timeout else { return };
        let received = connection.stats().received;
        // Every header of a data frame counts, so that an empty message does.
        let seen = received.payload_bytes + received.frames - received.pings - received.pongs;
        if std::mem::replace(&mut self.seen, seen) != seen {
            self.deadline = now + timeout;
            self.still = self.still.and(Some(now));
        }
    }
}

/// A ping of `check_now`.
pub(super) struct Check {
    pub(super) by: Instant,
    /// The time that the program gave.
    pub(super) timeout: Duration,
    /// The position behind it in the stream of this connection.
    end: u64,
}

impl Open {
    /// Bytes came from the peer. They answer a check if its ping has left.
    pub(super) fn heard(&mut self, written: u64) {
        if self.check.as_ref().is_some_and(|check| check.end <= written) {
            self.check = None;
        }
    }
}

impl Session {
    /// Schedules the first heartbeat of the connection.
    pub(super) fn start_heartbeat(&mut self) {
        if let SessionState::Open(open) = &mut self.state
            && let Some((every, _)) = &self.settings.heartbeat
        {
            open.heartbeat_at = Some(self.now + *every);
        }
    }

    /// Sends a heartbeat if one is due. A heartbeat that has not even left says all that another could.
    pub(super) fn beat(&mut self) {
        let SessionState::Open(open) = &mut self.state else { return };
        let Some((every, message)) = &self.settings.heartbeat else { return };
        let Some(due) = open.heartbeat_deadline().filter(|due| *due <= self.now) else { return };
        let next = due + *every;
        open.heartbeat_at = Some(if next > self.now { next } else { self.now + *every });
        if !self.outbox.has_heartbeat() {
            // If messages of `send_now` fill the buffer, the peer has enough to read.
            let _ = self.outbox.give_now(open.connection(), message.clone(), PresentSource::Heartbeat);
        }
    }

    /// Looks whether the peer is there, for a program that knows that the network has changed: sends a ping, and ends the connection as
    /// after a missed pong ([`Timeout::Check`](ws_core::Timeout::Check)) if no byte comes within `timeout`. Bytes that come before the ping has left do not
    /// count. The time stands still while nothing is read.
    ///
    /// Zero counts as 1 ms. It has no effect if no connection is open ([`reconnect_now`](Self::reconnect_now) is for that case), or if
    /// the peer has sent its Close frame. While a ping waits for its answer, another call can only shorten the time.
    pub fn check_now(&mut self, timeout: Duration, now: Instant) {
        self.now = now;
        let SessionState::Open(open) = &mut self.state else { return };
        if open.is_asking() || !open.expects_data() {
            return;
        }
        let by = now + timeout.max(SHORTEST);
        if let Some(check) = &mut open.check {
            if by < check.by {
                (check.by, check.timeout) = (by, timeout);
            }
            return;
        }
        let nonce = self.random.next_u64().to_ne_bytes();
        if open.connection().ping(nonce).is_ok() {
            let end = self.outbox.end_of(open.connection());
            open.check = Some(Check { by, timeout, end });
        }
    }
}
