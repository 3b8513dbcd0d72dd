//! What belongs to one open connection.

use ws_core::{Connection, Instant, Response};

use super::addresses::Candidate;
use super::event::ClientError;
use super::liveness::{Check, Idle};
use crate::maybe_tls::MaybeTls;

pub(super) struct Open {
    pub(super) machine: MaybeTls<Connection>,
    pub(super) opening: OpeningPhase,
    pub(super) since: Instant,
    /// The addresses that the transport leads to.
    pub(super) addresses: Vec<Candidate>,
    /// What it failed of, which says more than how it was closed.
    pub(super) failure: Option<ClientError>,
    /// The user closes: the peer's Close is read for, whatever else there is.
    pub(super) is_closing: bool,
    /// The user has closed since the last pause: messages are handed out.
    pub(super) ends_pause: bool,
    /// The code of the peer's Close frame, which is answered when the user has taken it.
    pub(super) unanswered: Option<u16>,
    /// When the proof that is under way must have come.
    pub(super) confirm_by: Option<Instant>,
    /// When the next heartbeat is due.
    pub(super) heartbeat_at: Option<Instant>,
    pub(super) idle: Idle,
    /// The answer that the user asked for by `check_now`.
    pub(super) check: Option<Check>,
    /// Since when nothing is read.
    stopped: Option<Instant>,
    /// When the peer's Close frame came. The closing handshake does not make a connection stable, so that it is known here whether
    /// the connection was.
    pub(super) until: Option<Instant>,
}

/// The opening phase of a connection, in which messages of the outbox wait.
///
/// ```text
///   handshake ─┬─ on_open ─▶ Asking ─┬─ hold ─▶ Held ── release ─▶ Over
///              └─────────────────────┴──────────────────────────────▲
/// ```
pub(super) enum OpeningPhase {
    /// The hook `on_open` is asked. `Open` is not reported yet, nothing is read, and nobody may send.
    Asking { question: u64, response: Box<Response> },
    /// Messages of `on_open` and `send_now` leave.
    Held,
    /// Messages of the outbox leave.
    Over,
}

impl Open {
    pub(super) fn new(
        mut machine: MaybeTls<Connection>,
        addresses: Vec<Candidate>,
        idle: Idle,
        now: Instant,
    ) -> Self {
        // What has not begun to leave goes out on the next connection.
        machine.inner_mut().withhold_from_a_closing_peer();
        Self {
            machine,
            opening: OpeningPhase::Over,
            since: now,
            addresses,
            failure: None,
            is_closing: false,
            ends_pause: false,
            unanswered: None,
            confirm_by: None,
            heartbeat_at: None,
            idle,
            check: None,
            stopped: None,
            until: None,
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        self.machine.inner_mut()
    }

    /// Whether the hook `on_open` is asked.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.opening, OpeningPhase::Asking { .. })
    }

    /// Whether messages of the outbox wait for the end of the opening phase.
    pub(super) fn is_shut(&self) -> bool {
        !matches!(self.opening, OpeningPhase::Over)
    }

    /// The deadline of a proof stands still while nothing is read. Once the connection closes, that has its own.
    pub(super) fn confirm_deadline(&self) -> Option<Instant> {
        self.confirm_by.filter(|_| self.stopped.is_none() && self.machine.inner().is_open())
    }

    /// So does that of `check_now`.
    pub(super) fn check_deadline(&self) -> Option<Instant> {
        let by = self.check.as_ref().map(|check| check.by);
        by.filter(|_| self.stopped.is_none() && self.expects_data())
    }

    pub(super) fn idle_deadline(&self) -> Option<Instant> {
        self.idle.deadline().filter(|_| self.expects_data())
    }

    /// Nothing follows the peer's Close frame (RFC 6455 §5.5.1), even while its answer waits for the user.
    pub(super) fn expects_data(&self) -> bool {
        self.until.is_none() && self.machine.inner().is_open()
    }

    pub(super) fn heartbeat_deadline(&self) -> Option<Instant> {
        self.heartbeat_at.filter(|_| self.machine.inner().is_open())
    }

    pub(super) fn set_reading(&mut self, is_reading: bool, now: Instant) {
        match (is_reading, self.stopped) {
            (false, None) => {
                self.stopped = Some(now);
                self.connection().pause(now);
            }
            (true, Some(since)) => {
                self.stopped = None;
                self.connection().resume(now);
                self.confirm_by = self.confirm_by.map(|deadline| deadline + (now - since));
                if let Some(check) = &mut self.check {
                    check.by = check.by + (now - since);
                }
            }
            (false, Some(_)) | (true, None) => {}
        }
    }
}
