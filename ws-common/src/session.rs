//! The client that stays connected, as a machine over many connections.

mod addresses;
mod backlog;
mod closing;
mod connector;
mod deadlines;
mod ends;
mod event;
mod gauge;
mod liveness;
mod machine;
mod open;
mod opening;
mod options;
mod outbox;
mod phases;
mod prepare;
mod proofs;
mod question;
mod record;
mod stats;
mod user;

pub use connector::{ConnectorClient, UserConnector};
pub use event::{ClientError, ClientEvent, ClientStatus};
pub use gauge::Gauge;
pub use options::ClientBuilder;
pub use outbox::{Delivery, OutboxPolicy};
pub use prepare::{Asked, AsyncClient, Attempt, PendingAnswer};
pub use proofs::{ConfirmError, Mark, Ticket};
pub use question::{Answer, Question};
pub use stats::ClientStats;

use std::sync::Arc;
use std::time::Duration;

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Outbound, Random};

use crate::client_upgrade::ClientUpgrade;
use crate::options::CheckedOptions;
use crate::reconnect::{Attempts, Cause, GiveUp};
use addresses::{Candidate, FailedAddresses};
use backlog::Backlog;
use ends::UndecidedEnd;
use open::Open;
use options::Settings;
use outbox::Outbox;
use proofs::Position;

/// The long-lived client, without I/O: it holds the outbox, the reconnect policy and the order of events, and asks its driver
/// to open and to drop transports ([`poll_action`](Self::poll_action)). [`ClientBuilder`] makes one.
///
/// It is a [`Machine`](ws_core::Machine) all the time: while a transport is up, bytes move as for any other; while none is,
/// only its deadlines are kept. Its events come from [`poll_event`](ws_core::Machine::poll_event), which never fails: a
/// failure is an event. The order of events stands with [`ClientEvent`].
///
/// A driver's turn is that of any machine, with one more step: after events were taken, after a deadline, after an answer and
/// after anything that the user did, it asks `poll_action` until there is nothing more to do. The [crate page](crate) shows such
/// a driver.
///
/// No code of the user runs inside. A hook is a [`Question`], which the driver asks while it holds no lock, and whose
/// [`Answer`] it hands in by [`answer`](Self::answer). While a question is open, the transport is gone, and no deadline runs but that of
/// [`ClientBuilder::prepare_timeout`]. Only for the hook of [`ClientBuilder::on_open`] the transport is up; then nothing is read.
///
/// Memory: the outbox is bounded by [`ClientBuilder::max_send_buffer`] and one message; received messages that
/// wait by 1 MiB and one message. Beyond that nothing is read until some are taken or [dropped](Self::discard_events). Reports are
/// bounded by 1 MiB and the reports of two attempts. Messages that were given up are bounded by 1 MiB and the messages of one end. Beyond
/// these limits, [reports are merged](ClientEvent). For losses that [`confirm`](Self::confirm) reports, 64 intervals are kept.
///
/// Up to 16 addresses are remembered that took TCP and then failed: before the connection was open, before it was stable
/// ([`Reconnect::stable_after`](crate::reconnect::Reconnect::stable_after)), or by a missed deadline of a pong, a write or a proof at any
/// time. The next attempts [try them last](crate::happy_eyeballs::HappyEyeballs::try_last), until another address of the same host, or of the same proxy, has
/// opened. No attempt has two requests on the wire.
pub struct Session {
    connect: CheckedOptions,
    settings: Settings,
    /// Nonces of proofs, and delays. Each transport replaces it, so that it is never older than the last one.
    random: Random,
    state: SessionState,
    /// The buffers that a driver sees while there is no transport. The last transport may still take the outbound bytes.
    absent: (BytesMut, Outbound),
    /// The transport is to be dropped or reset, before anything else is done.
    transport_to_drop: Option<Action>,
    action: Option<Action>,
    /// A hook that is to be asked after the action was taken.
    question: Option<Question>,
    /// The number of the latest question.
    questions: u64,
    /// Events that wait to be taken.
    events: Backlog,
    outbox: Outbox,
    attempts: Attempts,
    failed_addresses: FailedAddresses,
    /// The messages up to which `confirm` without a mark has returned.
    confirmed_to: Position,
    /// The messages up to which `flushed` without a mark has told.
    flushed_to: Position,
    /// The user's wish for the end of this attempt or connection.
    wish: Option<Wish>,
    is_paused: bool,
    /// The machine of the transport may have something to report.
    has_input: bool,
    gauge: Arc<Gauge>,
    stats: ClientStats,
    /// The last time that the driver or the user told.
    now: Instant,
    /// [`Config::shortest_timeout`](ws_core::Config::shortest_timeout) of the attempt or the connection under way, which the hook of
    /// [`ClientBuilder::prepare`] may have changed.
    shortest: Duration,
}

/// A task for the driver. Before a transport is dropped, it takes the bytes that wait in [`outbound`](ws_core::Machine::outbound), if it can
/// at once: they tell the peer the reason.
#[derive(Debug)]
pub enum Action {
    /// Drop the transport, if there is one still, then resolve and connect ([`Connector`](crate::connector::Connector)), within
    /// [`open_timeout`](CheckedOptions::open_timeout), and tell the session by [`Session::opened`] or [`Session::not_opened`].
    /// If the user has set a connector, call that instead ([`Session::connector`]).
    Open(Box<CheckedOptions>),
    /// Drop the transport in the ordinary way: bytes that it still holds may reach the peer.
    Drop,
    /// Run a hook of the user: release every lock, call [`Question::ask`] or [`Question::start`], and give the answer to
    /// [`Session::answer`]. The transport was dropped before, except for the hook of [`ClientBuilder::on_open`].
    Ask(Question),
    /// Reset the transport (TCP RST), or give up opening one: bytes that it still holds must not reach the peer after newer messages on the
    /// next connection. It is asked for after a missed deadline, a failed attempt, and [`Session::abort`]; after a missed
    /// `close_timeout` only if another attempt may follow. A transport that cannot be reset is dropped.
    Reset,
}

enum SessionState {
    /// Nothing was begun. The first attempt is due at once.
    New,
    /// Waits for the next attempt.
    Waiting {
        until: Instant,
        cause: Cause,
    },
    /// An attempt has begun, and the hook of [`ClientBuilder::prepare`] is asked for its options.
    Preparing {
        question: u64,
        deadline: Instant,
    },
    /// A redirect is to be followed, and the hook of [`on_redirect`](ClientBuilder::on_redirect) is asked about it.
    Redirecting {
        question: u64,
        deadline: Instant,
        /// The addresses of the server that redirects.
        addresses: Vec<Candidate>,
    },
    /// The driver resolves and connects.
    Connecting(Box<OpeningAttempt>),
    Handshaking(Box<OpeningAttempt>, Box<ClientUpgrade>),
    Open(Box<Open>),
    /// An attempt or a connection has ended, and the hook of [`Reconnect::decide`](crate::reconnect::Reconnect::decide) is asked about it.
    Deciding(Box<UndecidedEnd>),
    Over,
}

/// An attempt to connect, the redirects that it follows included.
struct OpeningAttempt {
    options: CheckedOptions,
    deadline: Instant,
    /// Whether the server has a private, loopback or link-local address. `false` if only the proxy knows the address.
    is_private: bool,
    /// The addresses that the transport leads to, once it is up.
    addresses: Vec<Candidate>,
}

/// A decision of the user, which replaces that of the policy.
enum Wish {
    /// Reconnect after this time. It counts from the end of the attempt or the connection under way, or from the call if that is later.
    Again { after: Duration, called: Instant },
    /// Do not reconnect, for this reason.
    Stop(GiveUp),
}

impl Session {
    fn new(connect: CheckedOptions, settings: Settings, random: Random) -> Self {
        Self {
            outbox: Outbox::new(settings.delivery, connect.config().max_send_buffer, settings.max_deliveries),
            attempts: settings.reconnect.attempts(),
            failed_addresses: FailedAddresses::default(),
            shortest: connect.config().shortest_timeout(),
            connect,
            settings,
            random,
            state: SessionState::New,
            absent: (BytesMut::new(), Outbound::default()),
            transport_to_drop: None,
            action: None,
            question: None,
            questions: 0,
            events: Backlog::default(),
            confirmed_to: Position::default(),
            flushed_to: Position::default(),
            wish: None,
            is_paused: false,
            has_input: false,
            gauge: Arc::default(),
            stats: ClientStats::default(),
            now: Instant::EPOCH,
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("status", &self.status())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
