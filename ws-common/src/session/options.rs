//! What can be set on a client that stays connected.

use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ws_core::{Config, Message, Random, Response};

use super::connector::UserConnector;
use super::prepare::Prepare;
use super::{Delivery, OutboxPolicy, Session};
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::reconnect::Reconnect;
use crate::redirect::{RedirectDecision, RedirectStep};
use crate::tls::TlsConnector;

/// Shortest time of a setting: a shorter one would never let the session come to rest.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// Gives the messages that a connection begins with.
pub(super) type OnOpen = Arc<dyn Fn(&Response) -> Vec<Message> + Send + Sync>;

/// The settings of a [`Session`].
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) connect: ConnectOptions,
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
/// Of two calls of one method, the last wins. The exceptions add one more: [`header`](Self::header),
/// [`subprotocol`](Self::subprotocol) and [`address`](Self::address).
pub struct ClientBuilder<C> {
    settings: Result<Settings, ConnectError>,
    client: PhantomData<fn() -> C>,
}

impl<C: From<Session>> ClientBuilder<C> {
    /// A client of the server at `url`: `ws://host:port/path?query`, or `wss://`.
    pub fn new(url: &str) -> Self {
        let settings = ConnectOptions::new(url).map(|connect| Settings {
            connect,
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
        });
        Self { settings, client: PhantomData }
    }

    /// Adds a header field to each opening handshake, in order; `Host` may be set. What is refused: see
    /// [`ClientRequest::header`](ws_core::ClientRequest::header).
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.connect(|options| Ok(options.header(name, value)?))
    }

    /// Sets `Origin`. The last call wins.
    #[must_use]
    pub fn origin(self, origin: &str) -> Self {
        self.connect(|options| Ok(options.origin(origin)?))
    }

    /// Offers a subprotocol, in order of preference.
    #[must_use]
    pub fn subprotocol(self, name: &str) -> Self {
        self.connect(|options| Ok(options.subprotocol(name)?))
    }

    /// Whether a response that chooses none of the subprotocols is an error. Default: no.
    #[must_use]
    pub fn require_subprotocol(self, required: bool) -> Self {
        self.connect(|options| Ok(options.require_subprotocol(required)))
    }

    /// The longest time for an attempt, from resolving the name to the open connection. Default: 10 s.
    #[must_use]
    pub fn open_timeout(self, timeout: Duration) -> Self {
        self.connect(|options| Ok(options.open_timeout(timeout)))
    }

    /// The local address to connect from. Default: the system chooses. See [`ConnectOptions::bind`].
    #[must_use]
    pub fn bind(self, address: SocketAddr) -> Self {
        self.connect(|options| Ok(options.bind(address)))
    }

    /// Connects to this address instead of resolving the URL's host. Several calls give several, between which there is a race.
    #[must_use]
    pub fn address(self, address: SocketAddr) -> Self {
        self.connect(|options| Ok(options.address(address)))
    }

    /// The TLS of `wss`; see [`ConnectOptions::tls`].
    #[must_use]
    pub fn tls(self, tls: impl Into<TlsConnector>) -> Self {
        self.connect(|options| Ok(options.tls(tls)))
    }

    /// Goes through this proxy; see [`ConnectOptions::proxy`].
    #[must_use]
    pub fn proxy(self, url: &str) -> Self {
        self.connect(|options| options.proxy(url))
    }

    /// Goes through the proxy that the environment names now, if it names one; see [`ConnectOptions::proxy_from_environment`].
    #[must_use]
    pub fn proxy_from_environment(self) -> Self {
        self.connect(|options| Ok(options.proxy_from_environment()))
    }

    /// The TLS that is spoken with an `https` proxy itself; see [`ConnectOptions::proxy_tls`].
    #[must_use]
    pub fn proxy_tls(self, tls: impl Into<TlsConnector>) -> Self {
        self.connect(|options| Ok(options.proxy_tls(tls)))
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default: yes.
    #[must_use]
    pub fn nodelay(self, nodelay: bool) -> Self {
        self.connect(|options| Ok(options.nodelay(nodelay)))
    }

    /// Number of unsent bytes at which the system stops taking more. Default: 64 KiB. `None` leaves it to the system. See
    /// [`ConnectOptions::notsent_lowat`].
    #[must_use]
    pub fn notsent_lowat(self, bytes: impl Into<Option<u32>>) -> Self {
        self.connect(|options| Ok(options.notsent_lowat(bytes)))
    }

    /// Time without traffic after which the system asks whether the peer is there. Default: 60 s. `None` turns it off. See
    /// [`ConnectOptions::tcp_keepalive`].
    #[must_use]
    pub fn tcp_keepalive(self, time: impl Into<Option<Duration>>) -> Self {
        self.connect(|options| Ok(options.tcp_keepalive(time)))
    }

    /// Calls `hook` with each socket before it connects. See [`ConnectOptions::on_socket`].
    #[must_use]
    pub fn on_socket(self, hook: impl Fn(&TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        self.connect(|options| Ok(options.on_socket(hook)))
    }

    /// Limits and deadlines of each connection. A setting made by name ([`ping_interval`](Self::ping_interval),
    /// [`pong_timeout`](Self::pong_timeout), [`max_send_buffer`](Self::max_send_buffer)) wins over the same setting in here, whichever
    /// is made first. The hook of [`prepare`](Self::prepare) changes it by the method of that name of [`ConnectOptions`].
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        self.connect(|options| Ok(options.config(config)))
    }

    /// How often a ping is sent, whatever the traffic. Default: 20 s. `None` sends none. See
    /// [`Config::ping_interval`](ws_core::Config::ping_interval).
    #[must_use]
    pub fn ping_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        self.connect(|options| Ok(options.ping_interval(interval)))
    }

    /// How long a ping may stay unanswered. Default: 20 s. `None` waits for ever. Any byte that comes answers it; see
    /// [`Config::pong_timeout`](ws_core::Config::pong_timeout).
    #[must_use]
    pub fn pong_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect(|options| Ok(options.pong_timeout(timeout)))
    }

    /// Length of the windows in which a transport that refuses bytes has to take 60 KiB, or all that waited. Default: 60 s. `None` waits
    /// for ever. See [`Config::write_timeout`](ws_core::Config::write_timeout). A missed window is a transient end.
    #[must_use]
    pub fn write_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect(|options| Ok(options.write_timeout(timeout)))
    }

    /// Length of the windows in which the server has to send 60 KiB of an incomplete message, or its end. Default: 60 s. `None` waits
    /// for ever. See [`Config::message_timeout`](ws_core::Config::message_timeout). A missed window is a transient end.
    #[must_use]
    pub fn message_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect(|options| Ok(options.message_timeout(timeout)))
    }

    /// Whether and when to reconnect after a connection, or an attempt at one, has ended. Default:
    /// [`Reconnect::backoff`].
    #[must_use]
    pub fn reconnect(self, reconnect: Reconnect) -> Self {
        self.set(|settings| settings.reconnect = reconnect)
    }

    /// How surely messages arrive. Default: at most once.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        self.set(|settings| settings.delivery = delivery)
    }

    /// How many bytes may wait to be sent (or confirmed), over all connections, counted as on the wire without compression.
    /// Default: [`Config::max_send_buffer`], 1 MiB. One message may go beyond it. Of messages shorter than 128 bytes, at most one for
    /// each 128 bytes of it waits, and at least 256.
    ///
    /// So the outbox holds at most four times this memory, 128 KiB and one message.
    #[must_use]
    pub fn max_send_buffer(self, bytes: usize) -> Self {
        self.connect(|options| Ok(options.max_send_buffer(bytes)))
    }

    /// How many ends of connections may count against a message, with [`Delivery::Confirmed`], until it is given up, at least 1.
    /// Default: 5. [`Delivery::Confirmed`] says which ends count. After as many that do not count, and in which the message was alone,
    /// the client reports [`ClientEvent::Stuck`](super::ClientEvent::Stuck).
    ///
    /// With fewer than 3, a server that crashes again and again may cost a message that is not the reason.
    #[must_use]
    pub fn max_deliveries(self, times: u32) -> Self {
        self.set(|settings| settings.max_deliveries = times)
    }

    /// How long a proof may take after its ping has left, whatever else comes. Default: 20 s.
    #[must_use]
    pub fn confirm_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.confirm_timeout = timeout)
    }

    /// Maximum number of redirects in a row that an attempt follows, within its one `open_timeout`. Default: none. Each attempt begins at
    /// the original URL. [`ConnectOptions::max_redirects`] names the parts of the request that another origin receives.
    #[must_use]
    pub fn max_redirects(self, redirects: u32) -> Self {
        self.connect(|options| Ok(options.max_redirects(redirects)))
    }

    /// Asks `hook` about each redirect, before the step is made; see [`ConnectOptions::on_redirect`]. The client holds no lock while the
    /// hook runs, as with [`prepare`](Self::prepare).
    #[must_use]
    pub fn on_redirect(
        self,
        hook: impl Fn(&RedirectStep<'_>) -> RedirectDecision + Send + Sync + 'static,
    ) -> Self {
        self.connect(|options| Ok(options.on_redirect(hook)))
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
    #[must_use]
    pub fn when_lost(self, policy: OutboxPolicy) -> Self {
        self.set(|settings| settings.when_lost = policy)
    }

    /// Time without a byte of a data message after which the connection ends, because the feed is stale. Pings do not count. Default: `None`.
    /// Zero counts as 1 ms.
    ///
    /// The time stands still while reading is paused. The error is [`ClientError::Idle`](super::ClientError::Idle), and the client
    /// reconnects as after a missed pong.
    #[must_use]
    pub fn idle_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into().map(|timeout| timeout.max(SHORTEST));
        self.set(|settings| settings.idle_timeout = timeout)
    }

    /// Sends this message each time that so much time has passed on an open connection, for servers that want a ping of their own.
    /// Default: none. Zero counts as 1 ms.
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
    /// An error for a URL or a header that cannot be used.
    pub fn build(self) -> Result<C, ConnectError> {
        let random = crate::system::random().map_err(ConnectError::Local)?;
        Ok(self.session(random)?.into())
    }

    /// The machine alone: for drivers and simulations. `random` serves until the first transport is up, for the delays between
    /// attempts. Each transport brings a source of its own ([`Session::opened`]).
    pub fn session(self, random: Random) -> Result<Session, ConnectError> {
        let settings = self.settings?;
        settings.check_connector(&settings.connect)?;
        Ok(Session::new(settings, random))
    }

    pub(super) fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(settings) = &mut self.settings {
            set(settings);
        }
        self
    }

    fn connect(mut self, set: impl FnOnce(ConnectOptions) -> Result<ConnectOptions, ConnectError>) -> Self {
        self.settings = self.settings.and_then(|mut settings| {
            settings.connect = set(settings.connect)?;
            Ok(settings)
        });
        self
    }
}
