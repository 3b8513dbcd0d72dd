//! What a driver does with a session.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Machine, Outbound, Random, TransportError};

use super::addresses::Candidate;
use super::event::ClientEvent;
use super::{Action, Session, SessionState};
use crate::client_upgrade::ClientUpgrade;
use crate::connector::Route;
use crate::error::{ConnectError, OpenPhase};
use crate::target::is_private;

/// For drivers: transports.
impl Session {
    /// The next task of the driver, if there is one. To be asked until there is none, whenever something happened: an event, a
    /// deadline, an answer, a call of the user.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.transport_to_drop.take().or_else(|| self.action.take());
        action.or_else(|| self.question.take().map(Action::Ask))
    }

    /// The transport is up that [`Action::Open`] asked for, between these addresses, and leads where `route` says. From now on it
    /// is driven as for any [`Machine`]. Says whether it is wanted still; if not, the driver drops it.
    ///
    /// `random` is fresh from the operating system for each transport ([`system::random`](crate::system::random)). All keys, masking
    /// keys and nonces of the connection come from it, and the delays behind it. So two copies of a session, as after a fork or in a
    /// restored virtual machine, do not send the same keys.
    #[must_use = "a transport that is not wanted any more is to be dropped"]
    pub fn opened(
        &mut self,
        route: &Route,
        peer: SocketAddr,
        local: SocketAddr,
        random: Random,
        now: Instant,
    ) -> bool {
        self.now = now;
        let SessionState::Connecting(attempt) = &mut self.state else { return false };
        attempt.is_private = route.server_address(peer).is_some_and(is_private);
        attempt.addresses = Candidate::all(route, attempt.options.target(), peer);
        self.events.push(ClientEvent::Connected { peer: Some(peer), local: Some(local) });
        self.shake_hands(route, random)
    }

    /// Begins the opening handshake on a transport. Says whether the transport is of use.
    pub(super) fn shake_hands(&mut self, route: &Route, mut random: Random) -> bool {
        self.random = split(&mut random);
        let SessionState::Connecting(attempt) = std::mem::replace(&mut self.state, SessionState::Over) else {
            return false;
        };
        // The outbox is the bound on what waits. The connection gets a window of it, and all that is left to close.
        let options = attempt.options.clone().without_send_limit();
        match ClientUpgrade::new(&options, route, random, attempt.deadline) {
            Ok(opening) => {
                self.state = SessionState::Handshaking(attempt, Box::new(opening));
                self.has_input = true;
                true
            }
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    /// The transport could not be opened that [`Action::Open`] asked for. Does nothing if it is not wanted any more.
    pub fn not_opened(&mut self, error: ConnectError, now: Instant) {
        self.now = now;
        if let SessionState::Connecting(_) = self.state {
            self.failed(error);
        }
    }
}

/// A source of its own for the session: it shares no state with that of the connection.
fn split(random: &mut Random) -> Random {
    let mut seed = [0; 32];
    seed.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = random.next_u64().to_ne_bytes());
    Random::from_seed(seed)
}

/// For drivers: reading.
impl Session {
    /// Whether to read. Not while the hook of [`ClientBuilder::on_open`](super::ClientBuilder::on_open) is asked, and not while too many
    /// messages wait, unless the opening handshake is under way, or
    /// [`close`](Self::close) was called: then the peer's answer is read for. While paused, events wait up to the same limit.
    pub fn is_reading(&self) -> bool {
        match &self.state {
            SessionState::Handshaking(..) => true,
            SessionState::Open(open) if open.is_asking() => false,
            SessionState::Open(open) if open.is_closing => true,
            _ => !self.events.is_full(),
        }
    }

    /// Whether so many messages wait to be taken that nothing is read. A caller that waits for something else goes on when some were
    /// taken.
    pub fn is_full(&self) -> bool {
        self.events.is_full()
    }

    /// Whether `poll_event` would return at once: with an event, or with `None` because the client is over. Not with a message
    /// while paused.
    ///
    /// `false` is exact. `true` may be wrong while bytes wait that nobody has looked at; [`read_ahead`](Self::read_ahead) looks
    /// at them.
    pub fn has_events(&self) -> bool {
        if self.is_over() {
            true
        } else if self.events.is_empty() {
            self.has_input && !self.events.is_discarding()
        } else {
            // While messages are held, the bytes behind them may bring the end, which frees them.
            !self.is_holding()
                || !self.events.begins_with_message()
                || (self.has_input && !self.is_standing_still())
        }
    }

    /// Whether bytes are not looked at, because nobody takes the messages that wait. The end behind a missed deadline waits for nobody.
    fn is_standing_still(&self) -> bool {
        let SessionState::Open(open) = &self.state else { return false };
        self.events.is_full() && !open.is_closing && !open.machine.inner().has_missed_deadline()
    }

    /// Whether messages wait because the user has paused. Once the user has closed the client, or it is over, they do not: what is
    /// left, and the end behind it, is handed out.
    fn is_holding(&self) -> bool {
        let is_ending = match &self.state {
            SessionState::Open(open) => open.ends_pause,
            SessionState::Over => true,
            _ => false,
        };
        self.is_paused && !is_ending
    }

    /// Drops the events that wait and all to come, because the last consumer of events is gone. Reading, reconnecting,
    /// closing, proofs and sending go on, however much arrives, and [`pause`](Self::pause) has no effect any more.
    pub fn discard_events(&mut self) {
        self.events.discard();
        self.answer_peer();
        self.check_reading();
    }

    /// Looks at what was read while somebody waits for something else than events. Messages are kept, up to 1 MiB; so are reports,
    /// which are merged beyond that ([`ClientEvent`]). Says whether to read on.
    ///
    /// When [`close`](Self::close) was called, and when a deadline was missed, messages beyond the limit are dropped, so that they do
    /// not hide the end.
    pub fn read_ahead(&mut self) -> bool {
        loop {
            if self.is_standing_still() {
                break;
            }
            let is_full = self.events.is_full();
            let before = self.events.len();
            if !self.advance_to_keep() {
                break;
            }
            // What comes of an error, say, is no event yet.
            if is_full && self.events.len() > before {
                self.events.drop_data();
            }
        }
        self.check_reading();
        self.is_reading()
    }
}

impl Machine for Session {
    type Event = ClientEvent;
    type Error = Infallible;

    fn inbound(&mut self) -> &mut BytesMut {
        match &mut self.state {
            SessionState::Handshaking(_, machine) => machine.inbound(),
            SessionState::Open(open) => open.machine.inbound(),
            _ => &mut self.absent.0,
        }
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.has_input = true;
        self.stats.bytes_read += n as u64;
        match &mut self.state {
            SessionState::Handshaking(_, machine) => machine.handle_read(n, now),
            SessionState::Open(open) => {
                if n > 0 {
                    open.heard(self.outbox.written());
                }
                open.machine.handle_read(n, now);
            }
            _ => self.absent.0 = BytesMut::new(),
        }
    }

    fn outbound(&mut self) -> &mut Outbound {
        match &mut self.state {
            SessionState::Handshaking(_, machine) => machine.outbound(),
            SessionState::Open(open) => open.machine.outbound(),
            _ => &mut self.absent.1,
        }
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.has_input = true;
        self.stats.bytes_written += n as u64;
        match &mut self.state {
            SessionState::Handshaking(_, machine) => machine.handle_write(n, now),
            SessionState::Open(open) => {
                let before = open.connection().outbound().written();
                open.machine.handle_write(n, now);
                // Over TLS, these are not the bytes that the transport took.
                let n = open.connection().outbound().written() - before;
                self.stats.messages_sent += self.outbox.wrote(n, open.machine.inner(), now);
                let confirm_by = self.outbox.probing_since().map(|left| left + self.settings.confirm_timeout);
                open.confirm_by = open.confirm_by.or(confirm_by);
                self.check_drained();
                self.feed();
            }
            _ => self.absent.1.acknowledge(n),
        }
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.now = now;
        self.has_input = true;
        match &mut self.state {
            SessionState::Handshaking(_, machine) => machine.handle_error(error, now),
            SessionState::Open(open) => open.machine.handle_error(error, now),
            _ => self.absent.1 = Outbound::default(),
        }
    }

    fn poll_event(&mut self) -> Result<Option<ClientEvent>, Infallible> {
        if self.is_holding() {
            // Messages wait, and the rest goes on behind them.
            self.read_ahead();
        } else {
            while self.events.is_empty() && self.advance() {}
        }
        let is_held = self.is_holding() && self.events.begins_with_message();
        let event = if is_held { None } else { self.events.pop() };
        if let Some(ClientEvent::Closing(_)) = event {
            self.answer_peer();
        }
        self.check_reading();
        Ok(event)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        // The end of time never comes, and a driver's clock does not reach so far.
        self.earliest_deadline().filter(|deadline| deadline.elapsed() < Duration::MAX)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.has_input = true;
        if self.may_expire() {
            self.outbox.expire(now);
            self.check_drained();
        }
        let is_due = self.has_deadline_passed(now);
        match &mut self.state {
            _ if !is_due => {}
            SessionState::New | SessionState::Waiting { .. } => self.attempt(),
            SessionState::Preparing { .. } => self.prepare_timed_out(),
            SessionState::Connecting(attempt) => {
                let open_timeout = attempt.options.whole_open_timeout();
                self.failed(ConnectError::Timeout { phase: OpenPhase::Connect, open_timeout, peer: None });
            }
            SessionState::Handshaking(_, machine) => machine.handle_timeout(now),
            SessionState::Open(open) => {
                open.machine.handle_timeout(now);
                self.beat();
            }
            SessionState::Redirecting { .. } | SessionState::Deciding(_) | SessionState::Over => {}
        }
    }
}
