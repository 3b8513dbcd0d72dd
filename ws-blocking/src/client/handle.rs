//! Handles to a client.

use std::sync::Arc;
use std::time::Duration;

use ws_common::session::{ClientStats, ClientStatus, ConfirmError, Mark, Session};
use ws_core::{CloseFrame, Message, PingError, SendError};

use super::SharedClient;
use super::owners::Ownership;
#[cfg(doc)]
use crate::{Client, ClientBuilder, ClientEvent};

/// Another way to a [`Client`], for other threads: it does everything but take events. It may be cloned. A clone begins with a copy of
/// the messages that [`confirm`](Self::confirm) and [`flush`](Self::flush) cover.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<SharedClient>,
    /// The messages that it has sent since its last confirmation, and since its last flush.
    mark: Mark,
    /// One of them, as long as it lives.
    _owner: Arc<Ownership>,
}

impl Handle {
    pub(super) fn new(shared: Arc<SharedClient>, owner: Arc<Ownership>) -> Self {
        Self { shared, mark: Mark::new(), _owner: owner }
    }

    /// Waits until there is room in the outbox, queues the message, and writes what the transport takes at once. A message is accepted
    /// whether or not there is a connection; messages go out in order. The rest leaves while any
    /// thread waits.
    ///
    /// If nobody else drives the client, each `send` does the work that needs no waiting: it connects, and on an open connection it
    /// reads every 250 ms. Between two calls there is no heartbeat. [`try_send`](Self::try_send) only queues and writes.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into(), None, None, Some(&self.mark))
    }

    /// As [`send`](Self::send), but waits no longer than `timeout` for room. Then [`SendError::Full`] hands the message back.
    pub fn send_timeout(&self, message: impl Into<Message>, timeout: Duration) -> Result<(), SendError> {
        self.shared.send(message.into(), None, Some(timeout), Some(&self.mark))
    }

    /// Queues the message if there is room, and writes what the transport takes at once, without waiting. If there is no room, the
    /// error hands the message back. The rest leaves while any thread waits.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.try_send(message.into(), None, Some(&self.mark))
    }

    /// As [`send`](Self::send), for a message that is worthless after `ttl`, such as a price. If it has not begun to leave within this
    /// time, counted from the call, it is dropped: [`ClientStats::messages_expired`] counts it, and [`flush`](Self::flush) and
    /// [`confirm`](Self::confirm) report it; the client has no event for it. A message that has begun to leave is finished. After
    /// [`close`](Self::close), none expires.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ws_blocking::{Handle, SendError};
    /// # fn quote(handle: &Handle) -> Result<(), SendError> {
    /// handle.send_with_ttl("quote 17.3", Duration::from_secs(2))
    /// # }
    /// ```
    ///
    /// Such a message is handed to the connection only when all before it have left.
    pub fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.shared.send(message.into(), Some(ttl), None, Some(&self.mark))
    }

    /// As [`try_send`](Self::try_send), with a time to live as for [`send_with_ttl`](Self::send_with_ttl).
    pub fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.shared.try_send(message.into(), Some(ttl), Some(&self.mark))
    }

    /// Sends a message on the present connection, before all messages that wait in the outbox: a login, for example. It is never sent
    /// on another connection. Up to 64 KiB and one message that the connection has already leave before it.
    ///
    /// An error hands the message back at once: no connection is open ([`SendError::NotConnected`]), it is closing, or as many bytes
    /// of such messages wait as [`max_send_buffer`](ClientBuilder::max_send_buffer) allows. One message may go beyond that. They wait
    /// apart from the outbox, so that a login passes a full one. They are not compressed. [`confirm`](Self::confirm) covers them, and
    /// [`flush`](Self::flush) reports one that did not leave.
    pub fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send_now(message.into(), Some(&self.mark))
    }

    /// Lets the messages of the outbox go on the present connection, which [`hold`](ClientBuilder::hold) holds back. Says whether they
    /// go now.
    ///
    /// It has no effect before [`ClientEvent::Open`] of the present connection was taken: a caller that answers events of the connection
    /// before does not mean this one.
    pub fn release(&self) -> bool {
        self.shared.change(Session::release)
    }

    /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven. An error
    /// if the client is over before.
    ///
    /// [`SendError::Undelivered`], at once, if a message was given up or skipped that this handle has sent since its last `flush`
    /// that returned. Each is told once: the next call asks about later messages.
    pub fn flush(&self) -> Result<(), SendError> {
        self.shared.flush(Some(&self.mark))
    }

    /// Waits for the proof that the next WebSocket hop has parsed every message that this handle has sent since its last `confirm`
    /// that returned. An error if one of them was lost with a connection, if the handle has never sent any, or if the client is over
    /// before.
    pub fn confirm(&self) -> Result<(), ConfirmError> {
        self.shared.confirm(Some(&self.mark))
    }

    /// Sends a ping with a payload of at most 125 bytes on the open connection. Its pong comes as
    /// [`ClientEvent::Pong`], with the round-trip time. Waits while more than 128 KiB wait in the connection. An error if none is open.
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.shared.ping(payload.as_ref())
    }

    /// Ends the client for good: with the closing handshake if a connection is open; else at once. The messages of the outbox go out
    /// first. It ends within twice `close_timeout` after the transport has last taken bytes. The events to the end are still
    /// reported.
    pub fn close(&self, frame: impl Into<CloseFrame>) {
        self.shared.close(frame.into());
    }

    /// Begins what [`close`](Self::close) does, without waiting: [`Client`] goes on to the end.
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.shared.start_close(frame.into());
    }

    /// Ends the client for good, at once, without a Close frame.
    pub fn abort(&self) {
        self.shared.change(Session::abort);
    }

    /// The client comes back after `delay`; the policy is not asked. The delay begins now if no connection is open or under way, and else
    /// with its end.
    pub fn reconnect_after(&self, delay: Duration) {
        self.shared.change(|session, now| session.reconnect_after(delay, now));
    }

    /// Begins the next attempt at once, if the client waits for it. Else it has no effect.
    ///
    /// For a program that learns that the network has changed:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ws_blocking::Handle;
    /// fn network_changed(handle: &Handle) {
    ///     handle.check_now(Duration::from_secs(2));
    ///     handle.reconnect_now();
    /// }
    /// ```
    pub fn reconnect_now(&self) {
        self.shared.change(Session::reconnect_now);
    }

    /// Looks whether the peer is there: sends a ping, and ends the connection as after a missed pong
    /// ([`Timeout::Check`](ws_core::Timeout::Check)) if no byte comes within `timeout`. Bytes that come before the ping has left do not count.
    /// The time stands still while nothing is read.
    ///
    /// It has no effect if no connection is open. While a ping waits for its answer, another call can only shorten the time.
    pub fn check_now(&self, timeout: Duration) {
        self.shared.change(|session, now| session.check_now(timeout, now));
    }

    /// Does not reconnect: neither now, if it waits for that or prepares it, nor when the connection under way has ended.
    pub fn cancel_reconnect(&self) {
        self.shared.change(|session, _| session.cancel_reconnect());
    }

    /// Hands out no message from this call on, until [`resume`](Self::resume). Messages wait up to 1 MiB; then nothing more is read, and
    /// TCP tells the peer to wait. Nothing is lost. Pings are answered, and deadlines run on.
    pub fn pause(&self) {
        self.shared.change(Session::pause);
    }

    /// Hands out messages again.
    pub fn resume(&self) {
        self.shared.change(Session::resume);
    }

    /// Takes back the messages that were not sent, oldest first: for when the client is over.
    pub fn take_unsent(&self) -> Vec<Message> {
        self.shared.change(|session, _| session.take_unsent())
    }

    /// Empties the outbox, and says how many messages are dropped. [`flush`](Self::flush) and [`confirm`](Self::confirm) report the loss.
    ///
    /// Messages of an open connection stay. They have begun to leave, wait for a proof, or are in the last 64 KiB and one message before
    /// the transport. Without an open connection, all are dropped.
    pub fn clear(&self) -> usize {
        self.shared.change(|session, _| session.clear())
    }

    /// Drops the message that [`ClientEvent::Stuck`] reported last, so that the messages behind it go on. Says whether there was one:
    /// it may have been proven since. If it is under way on an open connection, it is dropped when that ends without a proof.
    /// `flush` and `confirm` report the loss.
    pub fn skip_stuck(&self) -> bool {
        self.shared.change(|session, _| session.skip_stuck())
    }

    /// Where the client is. It needs no lock.
    pub fn status(&self) -> ClientStatus {
        self.shared.gauge.status()
    }

    /// The totals over all connections, and the counts of the present one. It waits for no lock, and tells the counts at the end of the
    /// last call that used the client.
    pub fn stats(&self) -> ClientStats {
        self.shared.gauge.stats()
    }
}
