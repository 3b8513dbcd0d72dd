//! What happens to a session: attempts, connections, their ends, and time.

use std::convert::Infallible;
use std::net::SocketAddr;

use ws_core::bytes::BytesMut;
use ws_core::{
    Broken, ClientHandshake, Closed, Event, HandshakeError, Instant, Machine, Outbound, Random, Side,
};

use super::event::{ClientError, ClientEvent};
use super::{Action, Open, Session, State, Wish};
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::reconnect::End;

/// RFC 6455 §7.1.5: there was no Close frame.
const ABNORMAL: u16 = 1006;

/// For drivers: transports.
impl Session {
    /// What the driver is to do now.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// The transport is up that [`Action::Open`] asked for, between these addresses. From now on it is driven as for any
    /// [`Machine`]. Says whether it is wanted still.
    pub fn opened(&mut self, peer: SocketAddr, local: SocketAddr, now: Instant) -> bool {
        self.now = now;
        let random = self.new_random();
        let (options, deadline) = match std::mem::replace(&mut self.state, State::Over) {
            State::Opening { options, deadline } => (options, deadline),
            other => {
                self.state = other;
                return false;
            }
        };
        let config = options.connection_config().clone();
        let machine = Box::new(ClientHandshake::new(options.request(), config, random, deadline));
        self.state = State::Handshaking { options, machine };
        self.events.push_back(ClientEvent::Connected { peer, local });
        true
    }

    /// The transport could not be opened that [`Action::Open`] asked for.
    pub fn not_opened(&mut self, error: ConnectError, now: Instant) {
        self.now = now;
        if let State::Opening { .. } = self.state {
            self.failed(error);
        }
    }

    fn new_random(&mut self) -> Random {
        let mut seed = [0; 32];
        seed.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = self.random.next_u64().to_ne_bytes());
        Random::from_seed(seed)
    }
}

impl Session {
    /// Begins the next attempt.
    fn attempt(&mut self) {
        let options = self.redirected.take().unwrap_or_else(|| {
            self.redirects = 0;
            let options = self.settings.connect.clone();
            match &self.settings.prepare {
                Some(prepare) => prepare(self.attempts.count(), options),
                None => options,
            }
        });
        self.stats.attempts += 1;
        self.attempts.begin(self.now);
        let deadline = self.now + options.time_to_open();
        let options = Box::new(options);
        self.action = Some(Action::Open(options.clone()));
        self.state = State::Opening { options, deadline };
    }

    /// The attempt has failed.
    fn failed(&mut self, error: ConnectError) {
        let target = match std::mem::replace(&mut self.state, State::Over) {
            State::Handshaking { options, .. } => self.redirect(&options, &error),
            _ => None,
        };
        if let Some(options) = target {
            self.redirects += 1;
            self.redirected = Some(options);
            self.action = Some(Action::Drop);
            self.state = State::Waiting { until: self.now };
            return;
        }
        self.redirected = None;
        let delay = self.next_delay(&End::Failed(&error));
        self.events.push_back(ClientEvent::Error(ClientError::Connect(error)));
        self.ended(Closed::abrupt(ABNORMAL, Side::Peer), delay);
    }

    /// Where the response wants the client to go, if that is allowed.
    fn redirect(&self, options: &ConnectOptions, error: &ConnectError) -> Option<ConnectOptions> {
        let ConnectError::Handshake(HandshakeError::Rejected(rejected)) = error else { return None };
        let is_redirect = matches!(rejected.response.status(), 301 | 302 | 303 | 307 | 308);
        if !is_redirect || self.redirects >= self.settings.max_redirects {
            return None;
        }
        options.redirected(rejected.response.headers().get("Location")?).ok()
    }

    /// The attempt or the connection has ended: the last of its events.
    fn ended(&mut self, closed: Closed, delay: Option<std::time::Duration>) {
        self.action = Some(Action::Drop);
        self.confirm_by = None;
        let given_up = self.outbox.lost();
        self.events.push_back(ClientEvent::Closed(closed));
        self.events.extend(given_up.into_iter().map(ClientEvent::Undelivered));
        match delay {
            Some(after) => {
                self.state = State::Waiting { until: self.now + after };
                self.events.push_back(ClientEvent::Reconnecting { attempt: self.attempts.count(), after });
            }
            None => {
                self.state = State::Over;
                self.outbox.end();
            }
        }
    }

    /// How long to wait for the next attempt, if there is to be one.
    fn next_delay(&mut self, end: &End<'_>) -> Option<std::time::Duration> {
        match self.wish.take() {
            Some(Wish::Again(after)) => {
                self.attempts.again(after);
                Some(after)
            }
            Some(Wish::Stop) => None,
            None => {
                let random = &mut self.random;
                self.settings.reconnect.next(&mut self.attempts, end, || random.next_u64(), self.now).ok()
            }
        }
    }

    /// The next event, from the transport's machine.
    pub(super) fn step(&mut self) -> Option<ClientEvent> {
        match &mut self.state {
            State::Waiting { .. } | State::Opening { .. } | State::Over => None,
            State::Handshaking { machine, .. } => match machine.poll_event() {
                Ok(None) => None,
                Ok(Some(response)) => {
                    self.open();
                    Some(ClientEvent::Open(response))
                }
                Err(error) => {
                    self.failed(error.into());
                    self.pop()
                }
            },
            State::Open(open) => match open.connection.poll_event() {
                Ok(None) => None,
                Ok(Some(event)) => self.connection_event(event),
                Err(error) => {
                    open.failure = Some(error);
                    self.step()
                }
            },
        }
    }

    /// The handshake is done.
    fn open(&mut self) {
        let State::Handshaking { machine, .. } = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        // The response was reported, so that the handshake is ready to open.
        let Ok(connection) = machine.open(self.now) else { return };
        self.stats.connections += 1;
        self.redirects = 0;
        self.state =
            State::Open(Box::new(Open { connection, since: self.now, failure: None, unconfirmed: false }));
        self.feed();
    }

    fn connection_event(&mut self, event: Event) -> Option<ClientEvent> {
        Some(match event {
            Event::Message(message) => {
                self.stats.messages_received += 1;
                ClientEvent::Message(message)
            }
            Event::Ping(payload) => ClientEvent::Ping(payload),
            Event::Pong { payload, round_trip } => {
                if self.outbox.pong(&payload) {
                    self.confirm_by = None;
                    self.feed();
                }
                ClientEvent::Pong { payload, round_trip }
            }
            Event::Closing(frame) => ClientEvent::Closing(frame),
            Event::Closed(closed) => {
                self.connection_closed(closed);
                return self.pop();
            }
            _ => return None,
        })
    }

    fn connection_closed(&mut self, closed: Closed) {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Over) else { return };
        let unsent = open.connection.unsent();
        self.stats.messages_sent += self.outbox.wrote(unsent);
        self.attempts.opened_for(self.now - open.since);
        let delay = self.next_delay(&End::Closed { closed: &closed, error: open.failure.as_ref() });
        let error = match open.failure {
            _ if open.unconfirmed => Some(ClientError::Unconfirmed),
            failure => failure.map(ClientError::Connection),
        };
        self.events.extend(error.map(ClientEvent::Error));
        self.ended(closed, delay);
    }

    /// Gives the connection what it takes of the outbox.
    pub(super) fn feed(&mut self) {
        let State::Open(open) = &mut self.state else { return };
        let random = &mut self.random;
        self.outbox.feed(&mut open.connection, || random.next_u64().to_ne_bytes());
    }

    pub(super) fn pop(&mut self) -> Option<ClientEvent> {
        let event = self.events.pop_front()?;
        self.ahead = self.ahead.saturating_sub(size(&event));
        Some(event)
    }

    pub(super) fn push_ahead(&mut self, event: ClientEvent) {
        self.ahead += size(&event);
        self.events.push_back(event);
    }
}

/// What an event that waits counts for, itself included.
fn size(event: &ClientEvent) -> usize {
    let payload = match event {
        ClientEvent::Message(message) | ClientEvent::Undelivered(message) => message.len(),
        ClientEvent::Ping(payload) | ClientEvent::Pong { payload, .. } => payload.len(),
        _ => 0,
    };
    payload + size_of::<ClientEvent>()
}

impl Machine for Session {
    type Event = ClientEvent;
    type Error = Infallible;

    fn inbound(&mut self) -> &mut BytesMut {
        match &mut self.state {
            State::Handshaking { machine, .. } => machine.inbound(),
            State::Open(open) => open.connection.inbound(),
            _ => &mut self.absent.0,
        }
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.stats.bytes_read += n as u64;
        match &mut self.state {
            State::Handshaking { machine, .. } => machine.handle_read(n, now),
            State::Open(open) => open.connection.handle_read(n, now),
            _ => self.absent.0.clear(),
        }
    }

    fn outbound(&mut self) -> &mut Outbound {
        match &mut self.state {
            State::Handshaking { machine, .. } => machine.outbound(),
            State::Open(open) => open.connection.outbound(),
            _ => &mut self.absent.1,
        }
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.stats.bytes_written += n as u64;
        match &mut self.state {
            State::Handshaking { machine, .. } => machine.handle_write(n, now),
            State::Open(open) => {
                open.connection.handle_write(n, now);
                self.stats.messages_sent += self.outbox.wrote(open.connection.unsent());
                if self.outbox.is_probing()
                    && self.confirm_by.is_none()
                    && open.connection.outbound().is_empty()
                {
                    self.confirm_by = Some(now + self.settings.confirm_timeout);
                }
                self.feed();
            }
            _ => {}
        }
    }

    fn handle_error(&mut self, error: Broken, now: Instant) {
        self.now = now;
        match &mut self.state {
            State::Handshaking { machine, .. } => machine.handle_error(error, now),
            State::Open(open) => open.connection.handle_error(error, now),
            _ => {}
        }
    }

    fn poll_event(&mut self) -> Result<Option<ClientEvent>, Infallible> {
        if self.outbox.poll_drained() {
            self.events.push_back(ClientEvent::BufferDrained);
        }
        if let Some(event) = self.pop() {
            return Ok(Some(event));
        }
        Ok(self.step())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { until } => Some(*until),
            // The driver keeps this deadline, and knows in which phase it passes; this one is for one that does not.
            State::Opening { deadline, .. } => Some(*deadline + std::time::Duration::from_secs(1)),
            State::Handshaking { machine, .. } => machine.poll_timeout(),
            State::Open(open) => {
                let confirm = self.confirm_by.filter(|_| !self.is_paused);
                [open.connection.poll_timeout(), confirm].into_iter().flatten().min()
            }
            State::Over => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        match &mut self.state {
            State::Waiting { until } if *until <= now => self.attempt(),
            State::Opening { deadline, .. } if *deadline < now => {
                self.failed(ConnectError::Timeout(crate::error::Phase::Connect));
            }
            State::Handshaking { machine, .. } => machine.handle_timeout(now),
            State::Open(open) => {
                if self.confirm_by.is_some_and(|deadline| deadline <= now && !self.is_paused) {
                    self.confirm_by = None;
                    open.unconfirmed = true;
                    open.connection.abort();
                }
                open.connection.handle_timeout(now);
            }
            State::Waiting { .. } | State::Opening { .. } | State::Over => {}
        }
    }
}
