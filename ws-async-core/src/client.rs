//! The client that stays connected.

mod access;
mod session_driver;

use std::time::Duration;

use ws_common::session::{
    ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError, Mark, Session,
};
use ws_core::bytes::Bytes;
use ws_core::{CloseFrame, Message, PingError, SendError};

use crate::runtime::Runtime;
use access::ClientAccess;

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and reconnects
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_async_core::{Client, ClientEvent, Reconnect, Runtime};
///
/// # async fn run<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::<R>::builder("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .on_open(|_response| ["subscribe trades", "subscribe news"])
///     .ping_interval(Duration::from_secs(55))
///     .reconnect(Reconnect::after(Duration::from_secs(1)))
///     .build()?;
/// while let Some(event) = client.next().await {
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
/// # use ws_async_core::{Client, ClientEvent, Runtime};
/// # async fn run<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::<R>::builder("wss://broker.example/orders")
///     .on_open(|_response| ["login 7f3a"])
///     .hold(true)
///     .build()?;
/// client.try_send("buy 1")?;
/// while let Some(event) = client.next().await {
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
/// **Somebody must wait.** Connecting, heartbeat and reconnecting go on while any waiting method of the client or of one of its
/// [`handle`](Self::handle)s is under way: usually [`next`](Self::next), in a loop. While none is, nothing happens.
///
/// **Dropping** it, with all its handles, ends everything at once, without a Close frame.
pub struct Client<R: Runtime> {
    pub(crate) access: ClientAccess<R>,
}

/// Built by [`Client::builder`].
impl<R: Runtime> From<Session> for Client<R> {
    fn from(session: Session) -> Self {
        Self { access: ClientAccess::new(session) }
    }
}

/// Another way to a [`Client`], for other tasks. It may be cloned. It does everything but hand out events.
///
/// Each handle remembers which messages it has sent, for [`confirm`](Self::confirm) and [`flush`](Self::flush). A clone starts with a
/// copy of that.
pub struct Handle<R: Runtime> {
    pub(crate) access: ClientAccess<R>,
    mark: Mark,
}

impl<R: Runtime> Client<R> {
    /// Sets up a client of the server at `url`.
    pub fn builder(url: &str) -> ClientBuilder<Self> {
        ClientBuilder::new(url)
    }

    /// The next event; `None` when the client is over, after [`ClientEvent::GaveUp`] has told the reason.
    /// [`reconnect_after`](Self::reconnect_after) then begins anew. Cancel safe.
    ///
    /// A panic of a hook ([`prepare`](ClientBuilder::prepare), [`decide`](crate::Reconnect::decide)) reaches whoever waits when
    /// the hook runs. The client then ends, and reports that.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.access.next().await
    }

    /// As [`Handle::send`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send(message.into(), None).await
    }

    /// As [`Handle::try_send`].
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.try_send(message.into(), None, None)
    }

    /// As [`Handle::send_with_ttl`].
    pub async fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.send_expiring(message.into(), Some(ttl), None).await
    }

    /// As [`Handle::try_send_with_ttl`].
    pub fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.try_send(message.into(), Some(ttl), None)
    }

    /// As [`Handle::clear`].
    pub fn clear(&self) -> usize {
        self.access.clear()
    }

    /// As [`Handle::reconnect_now`].
    pub fn reconnect_now(&self) {
        self.access.change(Session::reconnect_now);
    }

    /// As [`Handle::check_now`].
    pub fn check_now(&self, timeout: Duration) {
        self.access.change(move |session, now| session.check_now(timeout, now));
    }

    /// As [`Handle::send_now`].
    pub fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send_now(message.into(), None)
    }

    /// As [`Handle::release`].
    pub fn release(&self) -> bool {
        self.access.release()
    }

    /// As [`Handle::ping`].
    pub async fn ping(&self, payload: impl Into<Bytes>) -> Result<(), PingError> {
        self.access.ping(payload.into()).await
    }

    /// As [`Handle::flush`], where [`SendError::Undelivered`] tells of messages that any handle has sent since the last such call
    /// that returned.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.access.flush(None).await
    }

    /// As [`Handle::confirm`], for everything that any handle has sent since the last such call that returned. If nothing was,
    /// it is ready at once.
    pub async fn confirm(&self) -> Result<(), ConfirmError> {
        self.access.confirm(None).await
    }

    /// As [`Handle::close`].
    pub async fn close(&self, frame: impl Into<CloseFrame>) {
        self.access.close(frame.into()).await;
    }

    /// As [`Handle::start_close`].
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.access.start_close(frame.into());
    }

    /// As [`Handle::abort`].
    pub fn abort(&self) {
        self.access.change(Session::abort);
    }

    /// As [`Handle::reconnect_after`].
    pub fn reconnect_after(&self, delay: Duration) {
        self.access.change(move |session, now| session.reconnect_after(delay, now));
    }

    /// As [`Handle::cancel_reconnect`].
    pub fn cancel_reconnect(&self) {
        self.access.change(|session, _| session.cancel_reconnect());
    }

    /// As [`Handle::pause`].
    pub fn pause(&self) {
        self.access.change(Session::pause);
    }

    /// As [`Handle::resume`].
    pub fn resume(&self) {
        self.access.change(Session::resume);
    }

    /// As [`Handle::take_unsent`].
    pub fn take_unsent(&self) -> Vec<Message> {
        self.access.take_unsent()
    }

    /// As [`Handle::skip_stuck`].
    pub fn skip_stuck(&self) -> bool {
        self.access.skip_stuck()
    }

    /// As [`Handle::status`].
    pub fn status(&self) -> ClientStatus {
        self.access.status()
    }

    /// As [`Handle::stats`].
    pub fn stats(&self) -> ClientStats {
        self.access.stats()
    }

    /// Another way to this client, for other tasks.
    pub fn handle(&self) -> Handle<R> {
        Handle { access: self.access.clone(), mark: Mark::default() }
    }
}

impl<R: Runtime> Drop for Client<R> {
    fn drop(&mut self) {
        // Nobody takes events any more; they must not stand in the way of those who wait with a handle.
        self.access.change(|session, _| session.discard_events());
    }
}

impl<R: Runtime> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { access: self.access.clone(), mark: self.mark.clone() }
    }
}

impl<R: Runtime> Handle<R> {
    /// Waits until there is room in the outbox, queues the message, and writes what can be written without waiting. A message is
    /// accepted whether or not there is a connection; messages go out in order.
    ///
    /// Cancel safety: dropped before there is room, the message was not queued; after, it is.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send(message.into(), Some(&self.mark)).await
    }

    /// Queues the message if there is room, and writes what can be written, all without waiting. Else the error hands the message
    /// back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.try_send(message.into(), None, Some(&self.mark))
    }

    /// As [`send`](Self::send), for a message that is worthless after `ttl`, such as a price. If it has not begun to leave within this
    /// time, counted from the call, it is dropped: [`ClientStats::messages_expired`] counts it, and [`flush`](Self::flush) and
    /// [`confirm`](Self::confirm) report it. A message that has begun to leave is finished. After [`close`](Self::close), none expires.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ws_async_core::{Handle, Runtime, SendError};
    /// # async fn quote<R: Runtime>(handle: &Handle<R>) -> Result<(), SendError> {
    /// handle.send_with_ttl("quote 17.3", Duration::from_secs(2)).await
    /// # }
    /// ```
    ///
    /// Such a message is handed to the connection only when all before it have left.
    pub async fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.send_expiring(message.into(), Some(ttl), Some(&self.mark)).await
    }

    /// As [`try_send`](Self::try_send), with a time to live as for [`send_with_ttl`](Self::send_with_ttl).
    pub fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.try_send(message.into(), Some(ttl), Some(&self.mark))
    }

    /// Sends a message on the present connection, before all messages that wait in the outbox: a login, for example. It is never sent
    /// on another connection. Up to 64 KiB and one message that the connection has already leave before it.
    ///
    /// An error hands the message back at once: no connection is open ([`SendError::NotConnected`]), it is closing, or as many bytes
    /// of such messages wait as [`max_send_buffer`](ClientBuilder::max_send_buffer) allows. One message may go beyond that. They wait
    /// apart from the outbox, so that a login passes a full one. They are not compressed. [`confirm`](Self::confirm) covers them, and
    /// [`flush`](Self::flush) reports one that did not leave.
    pub fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send_now(message.into(), Some(&self.mark))
    }

    /// Lets the messages of the outbox go on the present connection, which [`hold`](ClientBuilder::hold) holds back. Says whether they
    /// go now.
    ///
    /// It has no effect before [`ClientEvent::Open`] of the present connection was taken: a caller that answers events of the connection
    /// before does not mean this one. `false`, if the transport of this very client calls.
    pub fn release(&self) -> bool {
        self.access.release()
    }

    /// Sends a ping on the present connection, with a payload of at most 125 bytes. Its pong comes as [`ClientEvent::Pong`], with
    /// the round-trip time. It waits while more than 128 KiB wait to be written. An error if no connection is open. Cancel
    /// safety: dropped before it is ready, no ping was sent.
    pub async fn ping(&self, payload: impl Into<Bytes>) -> Result<(), PingError> {
        self.access.ping(payload.into()).await
    }

    /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven. An error
    /// if the client is over before. Cancel safe.
    ///
    /// [`SendError::Undelivered`], at once, if a message was given up or skipped that this handle has sent since its last `flush`
    /// that returned. Each is told once: the next call asks about later messages.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.access.flush(Some(&self.mark)).await
    }

    /// Waits for the proof that the next WebSocket hop has parsed every message that this handle has sent since its last
    /// `confirm` that returned.
    ///
    /// [`ConfirmError::Lost`] if one of them may be lost with a connection; [`ConfirmError::NothingSent`] if this handle has
    /// never sent anything, as messages of other handles are not asked about; [`ConfirmError::Closed`] if the client is over
    /// before. Cancel safe: the next call asks about the same messages, and those that were sent since.
    pub async fn confirm(&self) -> Result<(), ConfirmError> {
        self.access.confirm(Some(&self.mark)).await
    }

    /// Ends the client for good: with the closing handshake if a connection is open; else at once. What waits in the outbox goes out
    /// first. It ends within twice `close_timeout` after the transport has last taken bytes. The events to the end are still
    /// reported. Cancel safe.
    pub async fn close(&self, frame: impl Into<CloseFrame>) {
        self.access.close(frame.into()).await;
    }

    /// Begins what [`close`](Self::close) does, without waiting: [`Client::next`] goes on to the end.
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.access.start_close(frame.into());
    }

    /// Ends the client for good, at once, without a Close frame.
    pub fn abort(&self) {
        self.access.change(Session::abort);
    }

    /// Reconnects after `delay`, whatever the policy says: from now, if no connection is open or under way; else when that has
    /// ended.
    pub fn reconnect_after(&self, delay: Duration) {
        self.access.change(move |session, now| session.reconnect_after(delay, now));
    }

    /// Begins the next attempt at once, if the client waits for it. Else it has no effect.
    ///
    /// For a program that learns that the network has changed:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ws_async_core::{Handle, Runtime};
    /// fn network_changed<R: Runtime>(handle: &Handle<R>) {
    ///     handle.check_now(Duration::from_secs(2));
    ///     handle.reconnect_now();
    /// }
    /// ```
    pub fn reconnect_now(&self) {
        self.access.change(Session::reconnect_now);
    }

    /// Looks whether the peer is there: sends a ping, and ends the connection as after a missed pong
    /// ([`Timeout::Pong`](ws_core::Timeout::Pong)) if no byte comes within `timeout`. Bytes that come before the ping has left do not count.
    /// The time stands still while nothing is read.
    ///
    /// It has no effect if no connection is open. While a ping waits for its answer, another call can only shorten the time.
    pub fn check_now(&self, timeout: Duration) {
        self.access.change(move |session, now| session.check_now(timeout, now));
    }

    /// Does not reconnect: neither now, if the client waits for that, nor when the connection under way has ended.
    pub fn cancel_reconnect(&self) {
        self.access.change(|session, _| session.cancel_reconnect());
    }

    /// Hands out no more messages, from this call on. Messages that come wait, up to 1 MiB, and pings are answered meanwhile; then
    /// nothing more is read, and TCP tells the peer to wait. Nothing is lost.
    pub fn pause(&self) {
        self.access.change(Session::pause);
    }

    /// Hands out messages again.
    pub fn resume(&self) {
        self.access.change(Session::resume);
    }

    /// Takes back the messages that were not sent, oldest first: for when the client is over. None, if the transport of this very
    /// client calls.
    pub fn take_unsent(&self) -> Vec<Message> {
        self.access.take_unsent()
    }

    /// Empties the outbox, and says how many messages are dropped. [`flush`](Self::flush) and [`confirm`](Self::confirm) report the loss.
    ///
    /// Messages of an open connection stay. They have begun to leave, wait for a proof, or are in the last 64 KiB and one message before
    /// the transport. Without an open connection, all are dropped. None, if the transport of this very
    /// client calls.
    pub fn clear(&self) -> usize {
        self.access.clear()
    }

    /// Drops the message that [`ClientEvent::Stuck`] reported last, so that the messages behind it go on. Says whether there was one:
    /// it may have been proven since. If it is under way on an open connection, it is dropped when that ends without a proof.
    /// `flush` and `confirm` report the loss. `false`, if the transport of this very client calls.
    pub fn skip_stuck(&self) -> bool {
        self.access.skip_stuck()
    }

    /// The state of the client. It waits for no lock: a task that is busy with the client, compressing a large message for
    /// example, publishes the new state when it is done.
    pub fn status(&self) -> ClientStatus {
        self.access.status()
    }

    /// The totals over all connections, and the counts of the present one. It waits for no lock, as [`status`](Self::status), and tells
    /// the counts at the end of the last call that used the client.
    pub fn stats(&self) -> ClientStats {
        self.access.stats()
    }
}
