//! What a session goes through: attempts, connections, their ends.

use std::time::Duration;

use ws_core::bytes::Buf;
use ws_core::{Closed, Connection, Error, Event, Initiator, Instant, Machine, Outbound, Timeout};

use super::addresses::Candidate;
use super::ends::ABNORMAL;
use super::event::{ClientError, ClientEvent};
use super::liveness::Idle;
use super::open::{Open, OpeningPhase};
use super::prepare::Attempt;
use super::question::{Ended, Question};
use super::{Action, OpeningAttempt, Session, SessionState, Wish};
use crate::client_upgrade::Opened;
use crate::error::{ConnectError, PrepareError};
use crate::options::CheckedOptions;
use crate::reconnect::{Cause, GiveUp};
use crate::trace;

/// What may still leave when the machine of a transport is gone, in bytes: an alert, or the end of TLS.
const LAST_WORDS: usize = 4096;

/// Attempts.
impl Session {
    /// Begins the next attempt.
    pub(super) fn attempt(&mut self) {
        self.stats.attempts += 1;
        self.attempts.begin(self.now);
        let cause = match std::mem::replace(&mut self.state, SessionState::New) {
            SessionState::Waiting { cause, .. } => Some(cause),
            _ => None,
        };
        let options = self.connect.clone();
        let Some(hook) = self.settings.prepare.clone() else { return self.connect_first(options) };
        let attempt = Attempt { number: self.attempts.count(), cause };
        let question = self.ask(|id| Question::prepare(id, hook, attempt, options));
        let deadline = self.now + self.settings.prepare_timeout;
        self.state = SessionState::Preparing { question, deadline };
    }

    /// The hook has given the options of the attempt, or an error. Options that come late may hold a token that has expired.
    pub(super) fn prepared(&mut self, prepared: Result<CheckedOptions, PrepareError>) {
        let SessionState::Preparing { deadline, .. } = self.state else { return };
        match prepared {
            Ok(_) if self.now >= deadline => self.prepare_timed_out(),
            Ok(options) => self.connect_first(options),
            Err(error) => self.failed(ConnectError::Prepare(error)),
        }
    }

    /// The hook has not given the options in time.
    pub(super) fn prepare_timed_out(&mut self) {
        self.question = None;
        self.failed(ConnectError::PrepareTimeout(self.settings.prepare_timeout));
    }

    /// Opens the first transport of an attempt; redirects may lead to others.
    pub(super) fn connect_first(&mut self, options: CheckedOptions) {
        let deadline = self.now + options.open_timeout();
        self.connect(OpeningAttempt { options, deadline, is_private: false, addresses: Vec::new() });
    }

    fn connect(&mut self, attempt: OpeningAttempt) {
        // The hook of `prepare` may have set a proxy.
        if let Err(error) = self.settings.check_connector(&attempt.options) {
            return self.failed(error);
        }
        self.absent.1 = Outbound::default();
        self.shortest = attempt.options.config().shortest_timeout();
        let failed = self.failed_addresses.oldest_first();
        self.action = Some(Action::Open(Box::new(attempt.options.clone().try_last(&failed))));
        self.state = SessionState::Connecting(Box::new(attempt));
    }

    /// The attempt has failed, unless it goes on elsewhere.
    pub(super) fn failed(&mut self, mut error: ConnectError) {
        if let SessionState::Handshaking(attempt, _) = &self.state
            && let Some(redirect) = attempt.options.redirect(&mut error, attempt.is_private)
        {
            let (deadline, addresses) = (attempt.deadline, attempt.addresses.clone());
            if redirect.options.redirect_hook().is_some() {
                self.drop_transport(false);
                let question = self.ask(|id| Question::redirect(id, redirect));
                self.state = SessionState::Redirecting { question, deadline, addresses };
                return;
            }
            match redirect.decide() {
                Ok(options) => return self.dial_next(options, deadline),
                Err(refused) => error = refused,
            }
        }
        if let SessionState::Handshaking(attempt, _) = &self.state {
            self.failed_addresses.failed(&attempt.addresses);
        }
        self.drop_transport(true);
        self.end(Ended::Failed(error));
    }

    /// The hook has decided about a redirect.
    pub(super) fn redirect_decided(&mut self, decided: Result<Box<CheckedOptions>, ConnectError>) {
        let SessionState::Redirecting { deadline, addresses, .. } =
            std::mem::replace(&mut self.state, SessionState::Over)
        else {
            return;
        };
        match decided {
            Ok(options) => self.dial_next(*options, deadline),
            Err(error) => {
                self.failed_addresses.failed(&addresses);
                self.end(Ended::Failed(error));
            }
        }
    }

    /// Opens the transport that a redirect leads to, in the rest of the time to open.
    fn dial_next(&mut self, options: CheckedOptions, deadline: Instant) {
        let options = options.rest_of_open_timeout(deadline - self.now);
        self.connect(OpeningAttempt { options, deadline, is_private: false, addresses: Vec::new() });
    }

    /// The transport is of no more use. If it is reset, what it holds does not reach the peer any more.
    pub(super) fn drop_transport(&mut self, resets: bool) {
        self.action = None;
        self.transport_to_drop = Some(if resets { Action::Reset } else { Action::Drop });
    }

    /// The user gives up what is under way; no connection is open.
    pub(super) fn give_up(&mut self, reason: GiveUp) {
        match self.state {
            SessionState::Deciding(_) => return self.overrule(Wish::Stop(reason)),
            // It was told.
            SessionState::Over => return,
            _ => self.wish = None,
        }
        match self.state {
            SessionState::Preparing { .. }
            | SessionState::Redirecting { .. }
            | SessionState::Connecting(_)
            | SessionState::Handshaking(..) => {
                self.drop_transport(true);
                self.question = None;
                let mut closed = Closed::abrupt(ABNORMAL, Initiator::Local);
                closed.unsent = self.outbox.len();
                self.events.push(ClientEvent::Closed(closed));
            }
            SessionState::Waiting { .. } => self.events.drop_reconnecting(),
            SessionState::New | SessionState::Open(_) | SessionState::Deciding(_) | SessionState::Over => {}
        }
        self.over(reason);
    }

    /// The next attempt, which is counted already, is due so long after this time.
    pub(super) fn wait(&mut self, from: Instant, after: Duration, cause: Cause) {
        self.state = SessionState::Waiting { until: from + after, cause: cause.clone() };
        trace::reconnecting(self.attempts.count(), after, &cause);
        self.events.push(ClientEvent::Reconnecting { attempt: self.attempts.count(), after, cause });
    }

    /// No attempt follows. This is the last event.
    pub(super) fn over(&mut self, reason: GiveUp) {
        self.state = SessionState::Over;
        self.outbox.touch();
        trace::gave_up(&reason);
        self.events.push(ClientEvent::GaveUp { reason });
    }
}

/// Connections.
impl Session {
    /// Takes the next event of the transport's machine, to hand it out at once. Says whether anything came of it; if so, there may be
    /// more.
    pub(super) fn advance(&mut self) -> bool {
        self.has_input = self.step(Connection::poll_event);
        self.has_input
    }

    /// The same for an event that waits. Its message keeps no read buffer alive.
    pub(super) fn advance_to_keep(&mut self) -> bool {
        self.has_input = self.step(Connection::poll_event_to_keep);
        self.has_input
    }

    #[inline(always)]
    fn step(&mut self, poll: impl FnOnce(&mut Connection) -> Result<Option<Event>, Error>) -> bool {
        match &mut self.state {
            SessionState::New
            | SessionState::Waiting { .. }
            | SessionState::Preparing { .. }
            | SessionState::Redirecting { .. }
            | SessionState::Connecting(_)
            | SessionState::Over => return false,
            SessionState::Deciding(_) => return self.conclude_overruled(),
            SessionState::Handshaking(attempt, opening) => match opening.poll_event() {
                Ok(None) => return false,
                Ok(Some(opened)) => {
                    let addresses = std::mem::take(&mut attempt.addresses);
                    self.open(opened, addresses);
                }
                Err(error) => {
                    self.absent.1 = last_words(opening.outbound());
                    self.failed(error);
                }
            },
            SessionState::Open(open) if open.is_asking() => return false,
            SessionState::Open(open) => match poll(open.connection()) {
                Ok(Some(event)) => self.report(event),
                // The first failure is the reason for all that follows it.
                Err(error) => {
                    open.failure.get_or_insert(ClientError::Connection(error));
                }
                // Only now the clock: all that came was looked at, and the proof was not among it.
                Ok(None) => return self.misses_deadline(),
            },
        }
        true
    }

    /// The handshake is done.
    fn open(&mut self, opened: Opened, addresses: Vec<Candidate>) {
        self.stats.connections += 1;
        self.failed_addresses.opened(&addresses);
        let idle = Idle::new(self.settings.idle_timeout, self.now);
        let mut open = Box::new(Open::new(opened.connection, addresses, idle, self.now));
        let response = Box::new(opened.response);
        let hook = self.settings.on_open.clone();
        if let Some(hook) = hook {
            let question = self.ask(|id| Question::on_open(id, hook, response.clone()));
            open.opening = OpeningPhase::Asking { question, response };
            self.state = SessionState::Open(open);
            self.check_reading();
        } else {
            self.state = SessionState::Open(open);
            self.events.push(ClientEvent::Open(*response));
            self.begin_opening();
        }
    }

    fn report(&mut self, event: Event) {
        let event = match event {
            Event::Message(message) => {
                self.stats.messages_received += 1;
                ClientEvent::Message(message)
            }
            Event::Ping(payload) => ClientEvent::Ping(payload),
            Event::Pong { payload, round_trip } => {
                let sent =
                    round_trip.map(|time| Instant::since_epoch(self.now.elapsed().saturating_sub(time)));
                let is_answer = self.outbox.pong(&payload, sent);
                self.events.push(ClientEvent::Pong { payload, round_trip });
                return self.proven(is_answer);
            }
            Event::Closing(frame) => return self.peer_closes(frame),
            Event::Closed(closed) => return self.connection_closed(closed),
            // Chunks, which nobody asked for.
            _ => return,
        };
        self.events.push(event);
    }

    /// A pong may have proven something. If it answers a probe, the time for the next proof begins when its ping has left.
    fn proven(&mut self, is_answer: bool) {
        if let SessionState::Open(open) = &mut self.state
            && is_answer
        {
            open.confirm_by = None;
        }
        self.check_drained();
        self.feed();
    }

    fn connection_closed(&mut self, closed: Closed) {
        let (open_for, is_last) = (self.open_for(), self.is_last(&closed));
        let SessionState::Open(mut open) = std::mem::replace(&mut self.state, SessionState::Over) else {
            return;
        };
        self.absent.1 = last_words(open.machine.outbound());
        let connection = open.machine.inner();
        // After a missed `close_timeout`, too, the system may hold bytes that newer messages would overtake.
        let resets = connection.must_reset() || (connection.has_missed_deadline() && !is_last);
        self.drop_transport(resets);
        let was_stable = self.attempts.opened_for(open_for);
        let has_failed = match &open.failure {
            // A path that loses long packets may open, and be found out by a deadline long after.
            Some(
                ClientError::Unconfirmed(_)
                | ClientError::Connection(Error::Timeout(
                    Timeout::Pong(_) | Timeout::Check(_) | Timeout::Write(_),
                )),
            ) => true,
            // A server may be slow to end a stream.
            None | Some(ClientError::Connection(Error::Timeout(Timeout::Close(_)))) => false,
            Some(_) => !was_stable,
        };
        if has_failed {
            self.failed_addresses.failed(&open.addresses);
        } else if was_stable {
            self.failed_addresses.works(&open.addresses);
        }
        let error = open.failure.take();
        // The connection ends before the events behind it.
        drop(open);
        self.end(Ended::Closed { closed, error });
    }

    /// Gives the connection what it takes of the outbox.
    pub(super) fn feed(&mut self) {
        let SessionState::Open(open) = &mut self.state else { return };
        if open.machine.inner().is_open() && !open.is_asking() {
            let (random, is_shut) = (&mut self.random, open.is_shut());
            self.outbox.feed(open.connection(), is_shut, self.now, || random.next_u64().to_ne_bytes());
        }
    }

    /// Says so if the outbox has run empty. A client that is over has said its last word.
    pub(super) fn check_drained(&mut self) {
        if !matches!(self.state, SessionState::Over) && self.outbox.poll_drained() {
            self.events.push(ClientEvent::BufferDrained);
        }
    }

    /// Tells the connection whether it is read.
    pub(super) fn check_reading(&mut self) {
        let (is_reading, now) = (self.is_reading(), self.now);
        if let SessionState::Open(open) = &mut self.state {
            open.set_reading(is_reading, now);
            open.idle.set_still(!is_reading || self.is_paused, now);
        }
    }
}

/// What tells the peer why it ends.
fn last_words(outbound: &mut Outbound) -> Outbound {
    let mut last = Outbound::default();
    if outbound.remaining() <= LAST_WORDS {
        outbound.take_out(LAST_WORDS).into_iter().for_each(|bytes| last.push(bytes));
    }
    last
}
