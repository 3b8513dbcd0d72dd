//! The client that stays connected, as a machine over many connections.

mod event;
mod machine;
mod options;
mod outbox;
mod user;

pub use event::{ClientError, ClientEvent, Stats, Status};
pub use options::ClientBuilder;
pub use outbox::{Confirmation, Delivery, Ticket};

use std::collections::VecDeque;
use std::time::Duration;

use ws_core::bytes::BytesMut;
use ws_core::{ClientHandshake, Connection, Instant, Outbound, Random};

use crate::options::ConnectOptions;
use crate::reconnect::Attempts;
use options::Settings;
use outbox::Outbox;

/// The long-lived client, without I/O: it holds the outbox, the reconnect policy and the order of events, and asks its driver
/// to open and to drop transports ([`poll_action`](Self::poll_action)).
///
/// It is a [`Machine`] all the time: while a transport is up, bytes move as for any other; while none is, only its
/// deadlines are kept. Its events come from [`poll_event`](Machine::poll_event), which never fails: a failure is an event.
pub struct Session {
    settings: Settings,
    random: Random,
    state: State,
    /// What a driver sees while there is no transport.
    absent: (BytesMut, Outbound),
    action: Option<Action>,
    /// Events that were read ahead, or that go with one that was handed out.
    events: VecDeque<ClientEvent>,
    /// What the events hold, in bytes.
    ahead: usize,
    outbox: Outbox,
    attempts: Attempts,
    /// What the user wants when this connection has ended.
    wish: Option<Wish>,
    /// Redirects that were followed in a row, and where the last one led.
    redirects: u32,
    redirected: Option<ConnectOptions>,
    /// When the proof that is under way must have come.
    confirm_by: Option<Instant>,
    is_paused: bool,
    stats: Stats,
    now: Instant,
}

/// What a driver is to do.
#[derive(Debug)]
pub enum Action {
    /// Resolve and connect, within [`ConnectOptions::time_to_open`], and tell the session by [`Session::opened`] or
    /// [`Session::not_opened`].
    Open(Box<ConnectOptions>),
    /// Drop the transport, or give up opening one.
    Drop,
}

enum State {
    /// Waits for the next attempt.
    Waiting {
        until: Instant,
    },
    /// The driver resolves and connects.
    Opening {
        options: Box<ConnectOptions>,
        deadline: Instant,
    },
    Handshaking {
        options: Box<ConnectOptions>,
        machine: Box<ClientHandshake>,
    },
    Open(Box<Open>),
    Over,
}

struct Open {
    connection: Connection,
    since: Instant,
    /// What it failed of, which says more than how it was closed.
    failure: Option<ws_core::Error>,
    unconfirmed: bool,
}

enum Wish {
    /// Come back after this time, whatever the policy.
    Again(Duration),
    /// Do not come back.
    Stop,
}

impl Session {
    fn new(settings: Settings, random: Random) -> Self {
        let outbox = Outbox::new(settings.delivery, settings.outbox, settings.max_deliveries);
        Self {
            attempts: settings.reconnect.attempts(),
            settings,
            random,
            // The first attempt is due at once.
            state: State::Waiting { until: Instant::EPOCH },
            absent: (BytesMut::new(), Outbound::default()),
            action: None,
            events: VecDeque::new(),
            ahead: 0,
            outbox,
            wish: None,
            redirects: 0,
            redirected: None,
            confirm_by: None,
            is_paused: false,
            stats: Stats::default(),
            now: Instant::EPOCH,
        }
    }
}
