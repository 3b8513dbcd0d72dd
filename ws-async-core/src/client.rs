//! The client that stays connected.

mod access;
mod background;
mod polled;
mod session_driver;
mod supply;
mod transport;
mod unlocked;
mod user_future;

use std::time::Duration;

use ws_common::ConnectOptions;
use ws_common::session::{
    AsyncClient, ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError, Mark, Session,
};
use ws_core::{CloseFrame, Message, PingError, SendError};

use crate::runtime::Runtime;
use access::ClientAccess;
pub use supply::{Connected, user_connector};

/// A client that stays connected, whose methods an adapter documents.
pub struct Client<R: Runtime> {
    pub(crate) access: ClientAccess<R>,
}

/// Built by [`Client::builder`].
impl<R: Runtime> From<Session> for Client<R> {
    fn from(session: Session) -> Self {
        Self { access: ClientAccess::new(session) }
    }
}

impl<R: Runtime> AsyncClient for Client<R> {}

/// Another way to a [`Client`], for other tasks.
pub struct Handle<R: Runtime> {
    pub(crate) access: ClientAccess<R>,
    mark: Mark,
    /// As a `Sink`, it has accepted this message, and another handle was faster to take the room.
    kept: Option<Message>,
}

impl<R: Runtime> Client<R> {
    /// Sets up a client of a server: `Client::builder("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`].
    pub fn builder(options: impl Into<ConnectOptions>) -> ClientBuilder<Self> {
        ClientBuilder::new(options)
    }

    /// The next event; `None` when the client is over, after [`ClientEvent::GaveUp`] has told the reason.
    pub async fn next_event(&mut self) -> Option<ClientEvent> {
        self.access.next_event().await
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
    pub async fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.access.ping(payload).await
    }

    /// As [`Handle::flush`], for the messages of all handles.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.access.flush(None).await
    }

    /// As [`Handle::confirm`], for the messages of all handles.
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
        Handle { access: self.access.clone(), mark: Mark::default(), kept: None }
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
        Self { access: self.access.clone(), mark: self.mark.clone(), kept: None }
    }
}

impl<R: Runtime> Handle<R> {
    /// Waits until there is room in the outbox, and queues the message.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send(message.into(), Some(&self.mark)).await
    }

    /// Queues the message if there is room, without waiting.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.try_send(message.into(), None, Some(&self.mark))
    }

    /// As [`send`](Self::send), for a message that is dropped if it has not begun to leave within `ttl`.
    pub async fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.send_expiring(message.into(), Some(ttl), Some(&self.mark)).await
    }

    /// As [`try_send`](Self::try_send), with a time to live as for [`send_with_ttl`](Self::send_with_ttl).
    pub fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.access.try_send(message.into(), Some(ttl), Some(&self.mark))
    }

    /// Sends a message on the present connection, before the outbox.
    pub fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.access.send_now(message.into(), Some(&self.mark))
    }

    /// Lets the messages of the outbox go on the present connection.
    pub fn release(&self) -> bool {
        self.access.release()
    }

    /// Sends a ping on the present connection, with a payload of at most 125 bytes.
    pub async fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.access.ping(payload).await
    }

    /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.access.flush(Some(&self.mark)).await
    }

    /// Waits for the proof that the next WebSocket hop has parsed every message that this handle has sent since its last
    /// `confirm` that returned.
    pub async fn confirm(&self) -> Result<(), ConfirmError> {
        self.access.confirm(Some(&self.mark)).await
    }

    /// Ends the client for good: with the closing handshake if a connection is open; else at once.
    pub async fn close(&self, frame: impl Into<CloseFrame>) {
        self.access.close(frame.into()).await;
    }

    /// Begins what [`close`](Self::close) does, without waiting: [`Client::next_event`] goes on to the end.
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.access.start_close(frame.into());
    }

    /// Ends the client for good, at once, without a Close frame.
    pub fn abort(&self) {
        self.access.change(Session::abort);
    }

    /// Reconnects after `delay`, whatever the policy says.
    pub fn reconnect_after(&self, delay: Duration) {
        self.access.change(move |session, now| session.reconnect_after(delay, now));
    }

    /// Begins the next attempt at once, if the client waits for it.
    pub fn reconnect_now(&self) {
        self.access.change(Session::reconnect_now);
    }

    /// Looks whether the peer is there.
    pub fn check_now(&self, timeout: Duration) {
        self.access.change(move |session, now| session.check_now(timeout, now));
    }

    /// Does not reconnect: neither now, if the client waits for that or prepares it, nor when the connection under way has ended.
    pub fn cancel_reconnect(&self) {
        self.access.change(|session, _| session.cancel_reconnect());
    }

    /// Hands out no more messages, from this call on.
    pub fn pause(&self) {
        self.access.change(Session::pause);
    }

    /// Hands out messages again.
    pub fn resume(&self) {
        self.access.change(Session::resume);
    }

    /// Takes back the messages that were not sent, oldest first.
    pub fn take_unsent(&self) -> Vec<Message> {
        self.access.take_unsent()
    }

    /// Empties the outbox, and says how many messages are dropped.
    pub fn clear(&self) -> usize {
        self.access.clear()
    }

    /// Drops the message that [`ClientEvent::Stuck`] reported last.
    pub fn skip_stuck(&self) -> bool {
        self.access.skip_stuck()
    }

    /// The state of the client.
    pub fn status(&self) -> ClientStatus {
        self.access.status()
    }

    /// The totals over all connections, and the counts of the present one.
    pub fn stats(&self) -> ClientStats {
        self.access.stats()
    }
}
