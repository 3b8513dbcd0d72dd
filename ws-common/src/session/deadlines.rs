//! The deadlines of a session, in one table.
//!
//! A deadline is a slot of the table. Each question about deadlines asks every slot, so a new slot needs all answers before the crate
//! compiles: when it passes, whether the connection then ends, and how long a thread may wait in a read without missing it.
//!
//! | Slot | It runs | When it passes |
//! | --- | --- | --- |
//! | [`Confirm`](SessionDeadline::Confirm) | from when a probe has left until its pong comes; not while nothing is read | the connection ends |
//! | [`Check`](SessionDeadline::Check) | from `check_now` until a byte comes; not while nothing is read | the connection ends |
//! | [`Idle`](SessionDeadline::Idle) | from the opening, and anew with each data frame; not while nothing is read or the user has paused | the session closes the connection |
//! | [`Heartbeat`](SessionDeadline::Heartbeat) | from the end of the opening phase, and anew with each heartbeat | a heartbeat is sent |
//! | [`Phase`](SessionDeadline::Phase) | in every phase that has a deadline of its own | see [`Session`]'s `handle_timeout` |
//! | [`Expiry`](SessionDeadline::Expiry) | while a message waits that expires | the message is dropped |

#[cfg(test)]
mod tests;

use std::time::Duration;

use ws_core::{CloseCode, CloseFrame, Error, Instant, Machine, Timeout};

use super::event::ClientError;
use super::open::Open;
use super::{Session, SessionState};

/// A driver keeps the time to open, and knows in which phase it passes. A session waits for a driver that is late by this time.
const GRACE: Duration = Duration::from_secs(1);

/// A slot of the table. If several have passed, the first one in this order counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SessionDeadline {
    Confirm,
    Check,
    Idle,
    Heartbeat,
    Phase,
    Expiry,
}

const _: () = {
    let mut i = 0;
    while i < SessionDeadline::ALL.len() {
        assert!(SessionDeadline::ALL[i] as usize == i);
        i += 1;
    }
    assert!(SessionDeadline::Expiry as usize + 1 == SessionDeadline::ALL.len());
};

impl SessionDeadline {
    /// Every slot, in the order of the enum.
    const ALL: [Self; 6] =
        [Self::Confirm, Self::Check, Self::Idle, Self::Heartbeat, Self::Phase, Self::Expiry];

    /// Whether the session ends the connection when the slot passes: [`Session::failure`] gives the reason.
    const fn ends_connection(self) -> bool {
        match self {
            Self::Confirm | Self::Check | Self::Idle => true,
            Self::Heartbeat | Self::Phase | Self::Expiry => false,
        }
    }
}

/// The answers of the slots.
impl Session {
    /// When the slot passes. `None` if it does not run.
    #[inline]
    fn deadline(&self, slot: SessionDeadline) -> Option<Instant> {
        match slot {
            SessionDeadline::Confirm => self.connected().and_then(Open::confirm_deadline),
            SessionDeadline::Check => self.connected().and_then(Open::check_deadline),
            SessionDeadline::Idle => self.connected().and_then(Open::idle_deadline),
            SessionDeadline::Heartbeat => self.connected().and_then(Open::heartbeat_deadline),
            SessionDeadline::Phase => self.phase_deadline(),
            SessionDeadline::Expiry => self.outbox.next_expiry().filter(|_| self.may_expire()),
        }
    }

    /// Shortest time between an input and the deadline that it gives the slot. `None` if no input of another thread brings the
    /// deadline nearer unnoticed.
    fn shortest_time_of(&self, slot: SessionDeadline) -> Option<Duration> {
        match slot {
            SessionDeadline::Confirm => Some(self.settings.confirm_timeout),
            SessionDeadline::Idle => self.settings.idle_timeout,
            SessionDeadline::Heartbeat => self.settings.heartbeat.as_ref().map(|(every, _)| *every),
            SessionDeadline::Phase => Some(self.shortest),
            // The time comes with a call, and not from a setting. The thread that makes the call ends the read.
            SessionDeadline::Check | SessionDeadline::Expiry => None,
        }
    }

    /// The failure of the connection when the slot passes. `None` if it is no failure, or one that the machine reports itself.
    fn failure(&mut self, slot: SessionDeadline) -> Option<ClientError> {
        match slot {
            SessionDeadline::Confirm if self.outbox.proof_is_missing() => Some(ClientError::Unconfirmable),
            SessionDeadline::Confirm => Some(ClientError::Unconfirmed(self.settings.confirm_timeout)),
            SessionDeadline::Check => {
                let check = self.connected()?.check.as_ref()?;
                Some(ClientError::Connection(Error::Timeout(Timeout::Check(check.timeout))))
            }
            SessionDeadline::Idle => self.settings.idle_timeout.map(ClientError::Idle),
            SessionDeadline::Heartbeat | SessionDeadline::Phase | SessionDeadline::Expiry => None,
        }
    }

    #[inline]
    fn connected(&self) -> Option<&Open> {
        match &self.state {
            SessionState::Open(open) => Some(open),
            _ => None,
        }
    }

    /// The deadline of the attempt, or of the machine that drives the transport.
    fn phase_deadline(&self) -> Option<Instant> {
        match &self.state {
            SessionState::New => Some(Instant::EPOCH),
            SessionState::Waiting { until, .. } => Some(*until),
            SessionState::Preparing { deadline, .. } => Some(*deadline),
            SessionState::Connecting(attempt) => {
                // With a connector of the user, nobody else keeps this time.
                let grace = if self.settings.connector.is_some() { Duration::ZERO } else { GRACE };
                Some(attempt.deadline + grace)
            }
            SessionState::Handshaking(_, machine) => machine.poll_timeout(),
            SessionState::Open(open) => open.machine.poll_timeout(),
            // A hook is asked, or nothing follows.
            SessionState::Redirecting { .. } | SessionState::Deciding(_) | SessionState::Over => None,
        }
    }

    /// Whether messages expire: not while a hook other than `prepare` is asked, and not when the client is over.
    pub(super) fn may_expire(&self) -> bool {
        match &self.state {
            SessionState::Redirecting { .. } | SessionState::Deciding(_) | SessionState::Over => false,
            SessionState::Open(open) => !open.is_asking(),
            _ => true,
        }
    }
}

/// The questions about all slots.
impl Session {
    /// The earliest slot.
    #[inline]
    pub(super) fn earliest_deadline(&self) -> Option<Instant> {
        SessionDeadline::ALL.into_iter().filter_map(|slot| self.deadline(slot)).min()
    }

    /// Whether a slot has passed.
    pub(super) fn has_deadline_passed(&self, now: Instant) -> bool {
        self.earliest_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The shortest time between anything that happens to the attempt or the connection under way and a deadline that comes of it; see
    /// [`Config::shortest_timeout`](ws_core::Config::shortest_timeout). Another attempt may have another.
    pub fn shortest_timeout(&self) -> Duration {
        let times = SessionDeadline::ALL.into_iter().filter_map(|slot| self.shortest_time_of(slot));
        times.min().unwrap_or(Duration::MAX)
    }

    /// All that came was looked at. Says whether something did not come in time, so that the connection ends: at once if the peer may be
    /// dead, by the closing handshake if it lives.
    #[inline]
    pub(super) fn misses_deadline(&mut self) -> bool {
        let now = self.now;
        let SessionState::Open(open) = &mut self.state else { return false };
        open.idle.look(open.machine.inner(), now);
        let mut slots = SessionDeadline::ALL.into_iter().filter(|slot| slot.ends_connection());
        let is_missed = |slot: &_| self.deadline(*slot).is_some_and(|deadline| deadline <= now);
        let Some(failure) = slots.find(is_missed).and_then(|slot| self.failure(slot)) else { return false };
        let SessionState::Open(open) = &mut self.state else { return false };
        if let ClientError::Idle(_) = failure {
            // The peer lives, and learns the reason.
            let frame = CloseFrame::from((CloseCode::GOING_AWAY, failure.to_string()));
            open.connection().close(frame, now);
        } else {
            open.connection().abort();
        }
        open.failure = Some(failure);
        true
    }
}
