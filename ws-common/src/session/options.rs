//! The settings of a client that stays connected.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ws_core::{Message, Random, Response};

use super::connector::UserConnector;
use super::prepare::Prepare;
use super::{Delivery, OutboxPolicy, Session};
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::reconnect::Reconnect;

/// Shortest time of a setting: a shorter one would never let the session come to rest.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// Gives the messages that a connection begins with.
pub(super) type OnOpen = Arc<dyn Fn(&Response) -> Vec<Message> + Send + Sync>;

/// The settings of a [`Session`]. The options of its connections are apart.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) reconnect: Reconnect,
    pub(super) delivery: Delivery,
    pub(super) max_deliveries: u32,
    pub(super) confirm_timeout: Duration,
    pub(super) connector: Option<UserConnector>,
    pub(super) prepare: Option<Prepare>,
    pub(super) prepare_timeout: Duration,
    pub(super) on_open: Option<OnOpen>,
    pub(super) hold: bool,
    pub(super) when_lost: OutboxPolicy,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) heartbeat: Option<(Duration, Message)>,
}

/// Sets up a client that stays connected. Invalid settings are reported by [`build`](Self::build).
///
/// It has all settings of [`ConnectOptions`], and the settings of a client besides. Of two calls of one method, the last wins. The
/// exceptions add one more: [`header`](Self::header), [`subprotocol`](Self::subprotocol) and [`address`](Self::address).
///
/// # The outbox
///
/// [`max_send_buffer`](Self::max_send_buffer) is also the number of bytes that may wait to be sent (or confirmed), over all connections,
/// counted as on the wire without compression. One message may go beyond it. Of messages shorter than 128 bytes, at most one for each
/// 128 bytes of it waits, and at least 256. So the outbox holds at most four times this memory, 128 KiB and one message.
/// [`prepare`](Self::prepare) does not change this bound.
pub struct ClientBuilder<C> {
    pub(crate) connect: ConnectOptions,
    settings: Settings,
    client: PhantomData<fn() -> C>,
}

impl<C: From<Session>> ClientBuilder<C> {
    /// A client of the server at a URL (`ws://host:port/path?query`, or `wss://`), or with these options.
    pub fn new(options: impl Into<ConnectOptions>) -> Self {
        let settings = Settings {
            reconnect: Reconnect::backoff(),
            delivery: Delivery::default(),
            max_deliveries: 5,
            confirm_timeout: Duration::from_secs(20),
            connector: None,
            prepare: None,
            prepare_timeout: Duration::from_secs(30),
            on_open: None,
            hold: false,
            when_lost: OutboxPolicy::default(),
            idle_timeout: None,
            heartbeat: None,
        };
        Self { connect: options.into(), settings, client: PhantomData }
    }

    /// Whether and when to reconnect after a connection, or an attempt at one, has ended. Default:
    /// [`Reconnect::backoff`].
    #[must_use]
    pub fn reconnect(self, reconnect: impl Into<Reconnect>) -> Self {
        self.set(|settings| settings.reconnect = reconnect.into())
    }

    /// How surely messages arrive. Default: at most once.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        self.set(|settings| settings.delivery = delivery)
    }

    /// Number of ends of connections that may count against a message, with [`Delivery::Confirmed`], until it is given up. It is at least 1.
    /// Default: 5. [`Delivery::Confirmed`] says which ends count. After as many that do not count, and in which the message was alone,
    /// the client reports [`ClientEvent::Stuck`](super::ClientEvent::Stuck).
    ///
    /// With fewer than 3, a server that crashes again and again may cost a message that is not the reason.
    #[must_use]
    pub fn max_deliveries(self, times: u32) -> Self {
        self.set(|settings| settings.max_deliveries = times)
    }

    /// Longest time from the moment that a ping has left until its proof, though other bytes come meanwhile. Default: 20 s.
    #[must_use]
    pub fn confirm_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.confirm_timeout = timeout)
    }

    /// Calls `hook` each time that a connection opens, before [`ClientEvent::Open`](super::ClientEvent::Open) is reported. Its messages
    /// are sent first on this connection: a login, subscriptions. They are never sent again on a later one, which calls the hook anew.
    ///
    /// ```
    /// use ws_common::session::{ClientBuilder, Session};
    /// use ws_core::Message;
    ///
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://feed.example/ws")
    ///     .on_open(|_response| [r#"{"op":"login","key":"…"}"#, r#"{"op":"subscribe","channel":"trades"}"#])
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// - The messages wait in the connection, apart from the outbox. Together they are bounded by
    ///   [`max_send_buffer`](Self::max_send_buffer), and one message may go beyond it. If they exceed it, none is sent, and the client
    ///   ends with [`ClientError::OpeningTooLarge`](super::ClientError::OpeningTooLarge).
    /// - They are not compressed, because a login may be a secret.
    /// - If the peer closes before they have left, they leave before our Close frame, within `close_timeout`.
    /// - The client holds no lock while the hook runs, as with [`prepare`](Self::prepare). The hook may call every method that does not
    ///   wait, but `send_now` fails until it has returned. Nothing is read meanwhile. A hook that panics ends the client.
    /// - `confirm` of the client covers the messages of the present connection. The end of a connection loses none of them.
    #[must_use]
    pub fn on_open<I>(self, hook: impl Fn(&Response) -> I + Send + Sync + 'static) -> Self
    where
        I: IntoIterator<Item: Into<Message>>,
    {
        let hook: OnOpen = Arc::new(move |response| hook(response).into_iter().map(Into::into).collect());
        self.set(|settings| settings.on_open = Some(hook))
    }

    /// Whether messages of the outbox wait after each [`ClientEvent::Open`](super::ClientEvent::Open) until the program calls
    /// `release`, for example because the server has accepted the login. Default: no.
    ///
    /// Messages of [`on_open`](Self::on_open) and `send_now` do not wait. Each new connection holds again. If the client is closed
    /// before `release`, the messages of the outbox are not sent.
    #[must_use]
    pub fn hold(self, hold: bool) -> Self {
        self.set(|settings| settings.hold = hold)
    }

    /// The outbox when the connection is lost. Default: [`OutboxPolicy::Keep`].
    ///
    /// An order that is late is worse than none, so this client drops those that wait when its connection is lost:
    ///
    /// ```
    /// use ws_common::session::{ClientBuilder, OutboxPolicy, Session};
    ///
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://broker.example/orders")
    ///     .when_lost(OutboxPolicy::Drop)
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    #[must_use]
    pub fn when_lost(self, policy: OutboxPolicy) -> Self {
        self.set(|settings| settings.when_lost = policy)
    }

    /// Time without a byte of a data message after which the connection ends, because the feed is stale. Pings do not count. Default: `None`.
    /// Zero counts as 1 ms.
    ///
    /// A feed that sends a price every second, and is dead without one for ten:
    ///
    /// ```
    /// use std::time::Duration;
    /// use ws_common::session::{ClientBuilder, Session};
    ///
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://feed.example/ws").idle_timeout(Duration::from_secs(10)).build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// The time stands still while reading is paused. The peer gets Close 1001 with the reason, and has `close_timeout` for its answer. The
    /// error is [`ClientError::Idle`](super::ClientError::Idle), and the client reconnects as after a missed pong.
    #[must_use]
    pub fn idle_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into().map(|timeout| timeout.max(SHORTEST));
        self.set(|settings| settings.idle_timeout = timeout)
    }

    /// Sends this message each time that so much time has passed on an open connection, for servers that want a ping of their own.
    /// Default: none. Zero counts as 1 ms.
    ///
    /// A server that closes a connection without `{"op":"ping"}` for a minute:
    ///
    /// ```
    /// use std::time::Duration;
    /// use ws_common::session::{ClientBuilder, Session};
    ///
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://feed.example/ws")
    ///     .heartbeat(Duration::from_secs(30), r#"{"op":"ping"}"#)
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// The first one follows `every` after [`ClientEvent::Open`](super::ClientEvent::Open), or after `release` with [`hold`](Self::hold).
    /// It does not wait in the outbox, and it is not sent again on a later connection. If one has not left yet, the next is left out.
    #[must_use]
    pub fn heartbeat(self, every: Duration, message: impl Into<Message>) -> Self {
        let message = message.into();
        self.set(|settings| settings.heartbeat = Some((every.max(SHORTEST), message)))
    }

    /// The client. It begins to connect when somebody waits for its next event.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, as [`ConnectOptions::build`] says. [`ConnectError::Local`] if the system has no random numbers.
    pub fn build(self) -> Result<C, ConnectError> {
        let random = crate::system::random().map_err(ConnectError::Local)?;
        Ok(self.session(random)?.into())
    }

    /// The machine alone: for drivers and simulations. `random` serves until the first transport is up, for the delays between
    /// attempts. Each transport brings a source of its own ([`Session::opened`]).
    pub fn session(self, random: Random) -> Result<Session, ConnectError> {
        // The hook may still add an offer. The answer of the hook is checked in each attempt.
        let connect = if self.settings.prepare.is_some() {
            self.connect.check_each()?
        } else {
            self.connect.build()?
        };
        self.settings.check_connector(&connect)?;
        Ok(Session::new(connect, self.settings, random))
    }

    pub(super) fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }
}
