//! A client that stays connected, in virtual time.

mod plan;
mod trace;
mod turns;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use ws_common::{
    CheckedOptions, ConnectError, OpenPhase,
    connector::{Connector, ConnectorStep},
    reconnect::{Cause, GiveUp},
    session::{ClientBuilder, ClientEvent, Question, Session},
};
use ws_core::{Connection, Instant, Machine, Random, TransportError};

pub use plan::{AttemptPlan, ServerManner};
pub use trace::trace_line;

use plan::{VirtualLink, VirtualServer};

/// Number of turns without a rest after which a simulation is stuck.
const MAX_TURNS: u32 = 1_000_000;

/// Driver of a [`Session`] in virtual time: it opens transports, moves bytes to and from simulated servers, and turns the clock. No socket is
/// opened and no time is waited, so a day of reconnecting passes in a moment.
///
/// The servers speak WebSocket by the library's own machines. The URL may have any host, because nothing is resolved, and begins with `ws://`: the
/// servers have no TLS.
///
/// The first attempt begins with the first [`advance`](Self::advance) or [`settle`](Self::settle). Random values, such as delays of a backoff,
/// come from a fixed seed, so each run is the same.
///
/// Time itself costs nothing, and an attempt to connect costs less than a millisecond. Events and [`seen`](Self::seen) take memory until the
/// test takes them out.
///
/// ```
/// use std::time::Duration;
///
/// use ws_testkit::{AttemptPlan, VirtualClient};
/// use ws_tokio::{Client, Reconnect};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let second = Duration::from_secs(1);
/// let builder = Client::builder("ws://feed.test/").reconnect(Reconnect::after(second));
/// let mut client = VirtualClient::new(builder.on_open(|_| ["login"]))?;
/// client.plan([AttemptPlan::refuse(503)]);
/// client.advance(2 * second);
/// assert_eq!(
///     client.trace(),
///     ["connected", "error handshake", "closed 1006 broken peer", "reconnecting 1 in 1s", "connected", "open"],
/// );
/// client.cut();
/// client.advance(7 * 24 * 3600 * second);
/// assert_eq!(client.session.stats().connections, 2);
/// assert_eq!(client.texts(), ["login", "login"]);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// The methods that drive panic when the session breaks a rule of its own, for example when it ends without [`ClientEvent::GaveUp`], and when it
/// does not come to rest.
pub struct VirtualClient {
    /// The client itself, for all of its methods. [`settle`](Self::settle) afterwards does whatever needs no time.
    pub session: Session,
    /// The virtual time. It begins at [`Instant::EPOCH`], and [`advance`](Self::advance) moves it. A test that moves it forward by itself
    /// simulates a driver that was not run for that time.
    pub now: Instant,
    /// Switches of the simulation, which a test may set between any two calls.
    pub switches: VirtualSwitches,
    /// All that happened in the simulation, besides the events.
    pub seen: VirtualRecord,
    plans: VecDeque<AttemptPlan>,
    /// The plan of attempts when `plans` is empty.
    then: AttemptPlan,
    /// The addresses of the server's name, if it matters which is dialed, and the plan of attempts that dial each.
    addresses: Vec<(SocketAddr, AttemptPlan)>,
    link: Option<VirtualLink>,
    opening: Option<(AttemptPlan, Instant)>,
    events: Vec<ClientEvent>,
}

/// Switches of a simulation.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VirtualSwitches {
    /// Number of bytes that are moved at a time. By default there is no limit.
    pub chunk: usize,
    /// Whether somebody takes the events; else they are read ahead. By default they are taken.
    pub is_taking: bool,
    /// The transport takes no bytes of the client.
    pub is_blocked: bool,
    /// No server sends anything, pongs included.
    pub is_mute: bool,
    /// Each turn checks that `has_events` agrees with `poll_event`.
    pub is_checking: bool,
    /// Hooks are not run, but kept in [`VirtualRecord::questions`] until [`VirtualClient::answer`].
    pub is_hesitating: bool,
}

impl Default for VirtualSwitches {
    fn default() -> Self {
        Self {
            chunk: usize::MAX,
            is_taking: true,
            is_blocked: false,
            is_mute: false,
            is_checking: false,
            is_hesitating: false,
        }
    }
}

/// All that happened in a simulation, in order. A test may take out any of it.
#[derive(Default, Debug)]
#[non_exhaustive]
pub struct VirtualRecord {
    /// The texts of messages that servers got, with the number of the connection, from 1.
    pub received: Vec<(u64, String)>,
    /// Messages before a [login](ServerManner::login), each of which a server has refused.
    pub refused: Vec<String>,
    /// The payloads of pings that servers got.
    pub pings: Vec<Vec<u8>>,
    /// The heads of the requests that servers got.
    pub requests: Vec<String>,
    /// The URL of each attempt.
    pub dials: Vec<String>,
    /// The options of the latest attempt.
    pub options: Option<CheckedOptions>,
    /// The address that each attempt has dialed first, if there are [addresses](VirtualClient::addresses).
    pub peers: Vec<SocketAddr>,
    /// Whether each transport that was dropped was reset.
    pub partings: Vec<bool>,
    /// Number of unsent messages at each end of a connection or an attempt.
    pub unsent: Vec<usize>,
    /// The cause of each `Reconnecting`.
    pub causes: Vec<Cause>,
    /// The reason, if the client has given up.
    pub gave_up: Option<GiveUp>,
    /// Hooks that wait for their run, while [`VirtualSwitches::is_hesitating`] is set.
    pub questions: Vec<Question>,
    /// The messages of panics that hooks had.
    pub panics: Vec<String>,
    /// Number of open transports so far.
    pub connections: u64,
    /// Number of turns of the driver.
    pub turns: u64,
}

impl VirtualClient {
    /// A client that has not begun to connect, with the settings of any adapter's client, for example those of `ws_tokio::Client::builder`. Each
    /// attempt meets a server that accepts it, unless there is a [plan](Self::plan).
    ///
    /// A future of `prepare_async` is polled once, and its attempt fails if it is not ready. A
    /// [connector](ClientBuilder::connector) is not called: the plans stand for its transports.
    ///
    /// # Errors
    ///
    /// The errors of [`ClientBuilder::build`]: settings that cannot be used.
    pub fn new<C: From<Session>>(builder: ClientBuilder<C>) -> Result<Self, ConnectError> {
        Ok(Self {
            session: builder.session(Random::from_seed([7; 32]))?,
            now: Instant::EPOCH,
            switches: VirtualSwitches::default(),
            seen: VirtualRecord::default(),
            plans: VecDeque::new(),
            then: AttemptPlan::default(),
            addresses: Vec::new(),
            link: None,
            opening: None,
            events: Vec::new(),
        })
    }

    /// The next attempts meet these plans, one each, behind the plans that there are already.
    pub fn plan(&mut self, plans: impl IntoIterator<Item = AttemptPlan>) {
        self.plans.extend(plans);
    }

    /// All attempts after the planned ones meet this plan. By default it is a server that accepts.
    pub fn then(&mut self, plan: AttemptPlan) {
        self.then = plan;
    }

    /// Drops the plans of next attempts.
    pub fn forget_plans(&mut self) {
        self.plans.clear();
    }

    /// The server's name has these addresses. An attempt meets the plan of the address that it dials first, in place of any other plan.
    pub fn addresses(&mut self, addresses: impl IntoIterator<Item = (SocketAddr, AttemptPlan)>) {
        self.addresses = addresses.into_iter().collect();
    }

    /// Does everything that needs no time.
    ///
    /// # Panics
    ///
    /// See [`VirtualClient`].
    pub fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    /// Lets time pass, with a stop at each deadline of the client and of its server.
    ///
    /// # Panics
    ///
    /// See [`VirtualClient`].
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut idle = 0;
        loop {
            self.rest();
            let server = self.link.as_ref().and_then(|link| link.server.poll_timeout());
            let opening = self.opening.as_ref().map(|(_, deadline)| *deadline);
            let due = [self.session.poll_timeout(), server, opening].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            idle = if due <= self.now { idle + 1 } else { 0 };
            assert!(idle < 100, "a deadline that does not go away: {due:?}, {:?}", self.session);
            self.now = self.now.max(due);
            if opening.is_some_and(|deadline| deadline <= self.now) {
                self.opening = None;
                let open_timeout =
                    self.seen.options.as_ref().map_or(Duration::ZERO, |options| options.open_timeout());
                let error = ConnectError::Timeout { phase: OpenPhase::Connect, open_timeout, peer: None };
                self.session.not_opened(error, self.now);
            }
            self.session.handle_timeout(self.now);
            if let Some(link) = &mut self.link {
                link.server.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    fn rest(&mut self) {
        for _ in 0..MAX_TURNS {
            if !self.turn() {
                return;
            }
        }
        panic!("the client does not come to rest: {:?}", self.trace());
    }

    /// The events since the last call of this method or of [`trace`](Self::trace), in order.
    pub fn events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.events)
    }

    /// The events since the last call of this method or of [`events`](Self::events), one line each:
    ///
    /// | Event | Line |
    /// | --- | --- |
    /// | `Connected`, `Open` | `connected`, `open` |
    /// | `Message`, `Ping` | `message hello`, `ping hello`; at most 20 bytes of the payload |
    /// | `Pong` | `pong` |
    /// | `Closing` | `closing 1001` |
    /// | `Error` | `error handshake`: the phase |
    /// | `Closed` | `closed 1000 clean us`: the code, `clean` or `broken`, and the side that began, `us` or `peer` |
    /// | `Reconnecting` | `reconnecting 1 in 500ms` |
    /// | `BufferFull`, `BufferDrained` | `full`, `drained` |
    /// | `Undelivered`, `Stuck` | `undelivered hello`, `stuck hello after 3: cause` |
    /// | `GaveUp` | `gave up: reason` |
    pub fn trace(&mut self) -> Vec<String> {
        self.events().iter().map(trace_line).collect()
    }

    /// The texts of messages that the servers got, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.seen.received.iter().map(|(_, text)| &**text).collect()
    }

    /// Queues a text in the client's outbox.
    ///
    /// # Panics
    ///
    /// If the session refuses the message, for example because its outbox is full.
    pub fn send(&mut self, text: &str) {
        // The panic is documented: a test that expects a refusal calls `session.send`.
        self.session.send(text.to_owned()).expect("a session that takes the message");
    }

    /// The server's end of the open connection: it sends messages, pings and Close frames.
    ///
    /// # Panics
    ///
    /// If no connection is open: see [`has_server`](Self::has_server).
    pub fn server(&mut self) -> &mut Connection {
        match self.link.as_mut().map(|link| &mut link.server) {
            Some(VirtualServer::Open(connection)) => connection,
            _ => panic!("no server has a connection"),
        }
    }

    /// Whether a server has an open connection.
    pub fn has_server(&self) -> bool {
        self.link.as_ref().is_some_and(|link| matches!(link.server, VirtualServer::Open(_)))
    }

    /// Whether there is a transport, with a handshake under way or an open connection.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// The server is gone: the stream ends without a Close frame.
    ///
    /// # Panics
    ///
    /// If there is no transport: see [`is_connected`](Self::is_connected).
    pub fn cut(&mut self) {
        self.lose_server();
        self.session.handle_read(0, self.now);
    }

    /// The server is gone: the connection is reset.
    ///
    /// # Panics
    ///
    /// If there is no transport: see [`is_connected`](Self::is_connected).
    pub fn reset(&mut self) {
        self.lose_server();
        self.session.handle_error(TransportError::read(io::Error::other("reset")), self.now);
    }

    fn lose_server(&mut self) {
        // The panic is documented.
        let link = self.link.as_mut().expect("a transport");
        (link.server, link.eof) = (VirtualServer::Silent, true);
    }

    /// The transport brings these bytes, legal or not, as if the server had sent them.
    pub fn inject(&mut self, bytes: &[u8]) {
        self.session.inbound().extend_from_slice(bytes);
        self.session.handle_read(bytes.len(), self.now);
    }

    /// Runs the hooks that wait, and tells the session their answers.
    pub fn answer(&mut self) {
        for question in std::mem::take(&mut self.seen.questions) {
            if let Some(panic) = self.session.answer(question.ask(), self.now) {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                self.seen.panics.push(text.unwrap_or_default());
            }
        }
    }

    /// The plan of an attempt with these options.
    fn next_plan(&mut self, options: &CheckedOptions) -> AttemptPlan {
        match dialed(options, &self.addresses) {
            Some((peer, plan)) => {
                self.seen.peers.push(peer);
                plan
            }
            None => self.plans.pop_front().unwrap_or_else(|| self.then.clone()),
        }
    }
}

/// The address that an attempt with these options dials first, where the server's name has these addresses, and its plan.
fn dialed(
    options: &CheckedOptions,
    addresses: &[(SocketAddr, AttemptPlan)],
) -> Option<(SocketAddr, AttemptPlan)> {
    addresses.first()?;
    let mut connector = Connector::<()>::new(options, Instant::EPOCH);
    loop {
        match connector.poll(Instant::EPOCH) {
            ConnectorStep::Resolve { .. } => {
                connector.handle_addresses(Ok(addresses.iter().map(|(address, _)| *address).collect()));
            }
            ConnectorStep::Connect { address, .. } => {
                return addresses.iter().find(|(other, _)| *other == address).cloned();
            }
            other => panic!("a step that neither resolves nor dials: {other:?}"),
        }
    }
}

impl fmt::Debug for VirtualClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClient")
            .field("session", &self.session)
            .field("now", &self.now)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
