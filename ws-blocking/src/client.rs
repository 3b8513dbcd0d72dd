//! The client that stays connected.

mod handle;
mod owners;
mod sending;
mod shared;
mod socket;
mod stream;
mod supply;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ws_common::ConnectOptions;
use ws_common::session::{ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError, Session};
use ws_core::{CloseFrame, Message, PingError, SendError};

use crate::elapsed::Elapsed;
pub use handle::Handle;
use owners::Ownership;
pub(crate) use shared::SharedClient;
pub use supply::Connected;

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and reconnects
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_blocking::{Client, ClientEvent, Reconnect};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::builder("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .on_open(|_response| ["subscribe trades", "subscribe news"])
///     .ping_interval(Duration::from_secs(55))
///     .reconnect(Reconnect::after(Duration::from_secs(1)))
///     .build()?;
/// while let Some(event) = client.next_event() {
///     match event {
///         ClientEvent::Message(message) => println!("received {:?}", message.as_text()),
///         ClientEvent::Error(error) => println!("error: {error}"),
///         // The last event. `None` follows.
///         ClientEvent::GaveUp { reason } => println!("gave up: {reason}"),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// **Messages of a connection** and messages of the client are different things. A login or a subscription belongs to one connection:
/// [`on_open`](ClientBuilder::on_open) gives such messages to each connection, and [`send_now`](Self::send_now) sends one on the present
/// connection. An order belongs to the client: [`send`](Self::send) puts it into the outbox, and it is sent on whichever connection
/// there is. With [`hold`](ClientBuilder::hold), the outbox waits until the server has accepted the login:
///
/// ```no_run
/// # use ws_blocking::{Client, ClientEvent};
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::builder("wss://broker.example/orders")
///     .on_open(|_response| ["login 7f3a"])
///     .hold(true)
///     .build()?;
/// client.try_send("buy 1")?;
/// while let Some(event) = client.next_event() {
///     if let ClientEvent::Message(message) = event
///         && message.as_text() == Some("welcome")
///     {
///         client.release();
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// **A connector** supplies the transport of each attempt in place of the library's own TCP, such as a Unix socket:
///
/// ```no_run
/// # #[cfg(unix)]
/// # fn build() -> Result<ws_blocking::Client, ws_blocking::ConnectError> {
/// use std::os::unix::net::UnixStream;
/// use ws_blocking::Client;
///
/// let client = Client::builder("ws://localhost/feed")
///     .connector(|_options| Ok(UnixStream::connect("/run/feed.sock")?))
///     .build()?;
/// # Ok(client)
/// # }
/// ```
///
/// [`connector`](ClientBuilder::connector) gives the rules of TLS, errors, time and redirects. [`Connected`] tells the client about a stream.
///
/// **Somebody must wait.** Connecting, heartbeat and reconnecting go on while any waiting method of the client or of one of its
/// [`handle`](Self::handle)s is under way: usually [`next_event`](Self::next_event), in a loop. While none is, nothing happens. A
/// connection is opened in a thread of its own, which ends with that.
///
/// **Hooks** (`prepare`, a decision to reconnect) run in a thread that waits, with nothing locked. A hook may call every method of every
/// handle. One that would have to wait for this client gives an error instead (such as [`SendError::WithinHook`]), and
/// [`close`](Self::close) only begins to close. If a hook panics, the panic reaches the caller of the waiting method, and the client ends.
///
/// **In the background**: [`spawn`](Self::spawn) runs the client on a thread of its own. [`spawn_with`](Self::spawn_with) also calls a
/// closure with each event.
///
/// **Dropping** it, with all its handles, ends everything at once, without a Close frame. While handles are left, events are dropped
/// as they come, and the client goes on whenever one of them waits.
pub struct Client {
    pub(crate) shared: Arc<SharedClient>,
    owners: Arc<Ownership>,
}

impl Client {
    /// Sets up a client of a server: `Client::builder("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`].
    pub fn builder(options: impl Into<ConnectOptions>) -> ClientBuilder<Self> {
        ClientBuilder::new(options)
    }

    /// Waits for the next event; `None` when the client is over, after [`ClientEvent::GaveUp`] has told the reason.
    /// [`reconnect_after`](Self::reconnect_after) then begins anew.
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        self.shared.next(None).unwrap_or(None)
    }

    /// As [`next_event`](Self::next_event), but waits no longer than `timeout`. [`Elapsed`] says that no event came in this time, and
    /// nothing is lost. With zero, it does the work that needs no waiting.
    pub fn next_event_timeout(&mut self, timeout: Duration) -> Result<Option<ClientEvent>, Elapsed> {
        self.shared.next(Some(timeout))
    }

    /// As [`Handle::send`].
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into(), None, None, None)
    }

    /// As [`Handle::send_timeout`].
    pub fn send_timeout(&self, message: impl Into<Message>, timeout: Duration) -> Result<(), SendError> {
        self.shared.send(message.into(), None, Some(timeout), None)
    }

    /// As [`Handle::try_send`].
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.try_send(message.into(), None, None)
    }

    /// As [`Handle::send_with_ttl`].
    pub fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.shared.send(message.into(), Some(ttl), None, None)
    }

    /// As [`Handle::try_send_with_ttl`].
    pub fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.shared.try_send(message.into(), Some(ttl), None)
    }

    /// As [`Handle::clear`].
    pub fn clear(&self) -> usize {
        self.shared.change(|session, _| session.clear())
    }

    /// As [`Handle::reconnect_now`].
    pub fn reconnect_now(&self) {
        self.shared.change(Session::reconnect_now);
    }

    /// As [`Handle::check_now`].
    pub fn check_now(&self, timeout: Duration) {
        self.shared.change(|session, now| session.check_now(timeout, now));
    }

    /// As [`Handle::send_now`].
    pub fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send_now(message.into(), None)
    }

    /// As [`Handle::release`].
    pub fn release(&self) -> bool {
        self.shared.change(Session::release)
    }

    /// As [`Handle::flush`], where [`SendError::Undelivered`] tells of messages that any handle has sent since the last such call
    /// that returned.
    pub fn flush(&self) -> Result<(), SendError> {
        self.shared.flush(None)
    }

    /// As [`Handle::confirm`], for the messages of all handles since the last such call that returned.
    pub fn confirm(&self) -> Result<(), ConfirmError> {
        self.shared.confirm(None)
    }

    /// As [`Handle::ping`].
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.shared.ping(payload.as_ref())
    }

    /// As [`Handle::close`].
    pub fn close(&self, frame: impl Into<CloseFrame>) {
        self.shared.close(frame.into());
    }

    /// As [`Handle::start_close`].
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.shared.start_close(frame.into());
    }

    /// As [`Handle::abort`].
    pub fn abort(&self) {
        self.shared.change(Session::abort);
    }

    /// As [`Handle::reconnect_after`].
    pub fn reconnect_after(&self, delay: Duration) {
        self.shared.change(|session, now| session.reconnect_after(delay, now));
    }

    /// As [`Handle::cancel_reconnect`].
    pub fn cancel_reconnect(&self) {
        self.shared.change(|session, _| session.cancel_reconnect());
    }

    /// As [`Handle::pause`].
    pub fn pause(&self) {
        self.shared.change(Session::pause);
    }

    /// As [`Handle::resume`].
    pub fn resume(&self) {
        self.shared.change(Session::resume);
    }

    /// As [`Handle::take_unsent`].
    pub fn take_unsent(&self) -> Vec<Message> {
        self.shared.change(|session, _| session.take_unsent())
    }

    /// As [`Handle::skip_stuck`].
    pub fn skip_stuck(&self) -> bool {
        self.shared.change(|session, _| session.skip_stuck())
    }

    /// As [`Handle::status`].
    pub fn status(&self) -> ClientStatus {
        self.shared.gauge.status()
    }

    /// As [`Handle::stats`].
    pub fn stats(&self) -> ClientStats {
        self.shared.gauge.stats()
    }

    /// Another way to this client, for other threads.
    pub fn handle(&self) -> Handle {
        self.shared.share();
        Handle::new(self.shared.clone(), self.owners.clone())
    }

    /// Runs the client on a thread of its own, named `ws-client`: connecting, heartbeat and reconnecting go on while nobody waits. Gives
    /// a handle, and the client again, for its events.
    ///
    /// ```no_run
    /// use ws_blocking::{Client, ClientEvent};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let (handle, events) = Client::builder("ws://127.0.0.1:8080/feed").build()?.spawn()?;
    /// handle.send("hello")?;
    /// for event in events {
    ///     if let ClientEvent::Message(message) = event {
    ///         println!("received {message}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Events wait for the program: messages up to 1 MiB, then nothing more is read, and TCP tells the peer to wait. If the client is
    /// dropped, events are dropped as they come.
    ///
    /// The thread ends when the client and all its handles are dropped: then the connection ends at once, without a Close frame. If a
    /// hook panics, the thread ends by this panic, and so does the client. An error if the system gives no thread.
    pub fn spawn(self) -> io::Result<(Handle, Self)> {
        self.shared.share();
        self.owners.run_in_background(&self.shared)?;
        Ok((self.handle(), self))
    }

    /// Runs the client on a thread of its own, named `ws-client`, which calls `on_event` with each event.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ws_blocking::{Client, ClientEvent};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let feed = Client::builder("ws://127.0.0.1:8080/feed").build()?.spawn_with(|feed, event| match event {
    ///     ClientEvent::Open(_) => drop(feed.try_send("subscribe")),
    ///     ClientEvent::Message(message) => println!("received {message}"),
    ///     ClientEvent::Error(error) => println!("error: {error}"),
    ///     ClientEvent::Closed(_) => feed.reconnect_after(Duration::from_secs(1)),
    ///     _ => {}
    /// })?;
    /// feed.send("hello")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// While the closure runs, nothing is received and there is no heartbeat: it should be short. It may call every method of the handle
    /// that it is given. The thread ends with the client, after [`ClientEvent::GaveUp`], though every handle is dropped before. If the
    /// closure panics, the client ends at once, without a Close frame. An error if the system gives no thread.
    pub fn spawn_with(
        mut self,
        mut on_event: impl FnMut(&Handle, ClientEvent) + Send + 'static,
    ) -> io::Result<Handle> {
        let (handle, own) = (self.handle(), self.handle());
        owners::spawn(move || {
            // Other handles may be left, and nobody would drive for them.
            let aborting = EndOnPanic(own);
            while let Some(event) = self.next_event() {
                on_event(&aborting.0, event);
            }
        })?;
        Ok(handle)
    }
}

/// The events, as of [`next_event`](Client::next_event), to the end: `for event in &mut client`.
impl Iterator for Client {
    type Item = ClientEvent;

    fn next(&mut self) -> Option<ClientEvent> {
        self.next_event()
    }
}

/// Built by [`Client::builder`].
impl From<Session> for Client {
    fn from(session: Session) -> Self {
        Self { shared: SharedClient::new(session), owners: Arc::default() }
    }
}

/// Ends the client if the closure of the user panics.
struct EndOnPanic(Handle);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.abort();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A handle that waits takes over, and nobody takes events any more.
        self.shared.change(|session, _| session.discard_events());
    }
}
