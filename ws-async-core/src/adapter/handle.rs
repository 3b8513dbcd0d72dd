/// Another way to a client.
#[doc(hidden)]
#[macro_export]
macro_rules! define_handle {
    ($name:literal, $runtime:ty) => {
        /// Another way to a [`Client`], for other tasks. It may be cloned. It does everything but hand out events.
        ///
        /// Each handle remembers the messages that it has sent, for [`confirm`](Self::confirm) and [`flush`](Self::flush). A clone starts
        /// with a copy of that.
        #[derive(Clone)]
        pub struct Handle($crate::Handle<$runtime>);

        impl Handle {
            /// Waits until there is room in the outbox, queues the message, and writes as much as can be written without waiting. A
            /// message is accepted whether or not there is a connection; messages go out in order.
            ///
            /// If nobody else drives the client, each `send` does the work that needs no waiting: it connects, and on an open connection
            /// it reads every 250 ms. Between two calls there is no heartbeat. [`try_send`](Self::try_send) only queues and writes.
            ///
            /// Cancel safety: dropped before there is room, the message was not queued; after, it is.
            pub fn send(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send(message)
            }

            /// Queues the message if there is room, and writes as much as can be written, all without waiting. Else the error hands the
            /// message back.
            pub fn try_send(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send(message)
            }

            /// As [`send`](Self::send), for a message that is worthless after `ttl`, such as a price. If it has not begun to leave within this
            /// time, counted from the call, it is dropped: [`ClientStats::messages_expired`](ws_async_core::ws_common::session::ClientStats::messages_expired) counts it, and [`flush`](Self::flush) and
            /// [`confirm`](Self::confirm) report it; the client has no event for it. A message that has begun to leave is finished. After [`close`](Self::close), none expires.
            ///
            /// ```no_run
            /// # use std::time::Duration;
            #[doc = concat!("# use ", $name, "::{Handle, SendError};")]
            /// # async fn quote(handle: &Handle) -> Result<(), SendError> {
            /// handle.send_with_ttl("quote 17.3", Duration::from_secs(2)).await
            /// # }
            /// ```
            ///
            /// Such a message is handed to the connection only when all before it have left.
            pub fn send_with_ttl(
                &self,
                message: impl Into<$crate::ws_core::Message>,
                ttl: std::time::Duration,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send_with_ttl(message, ttl)
            }

            /// As [`try_send`](Self::try_send), with a time to live as for [`send_with_ttl`](Self::send_with_ttl).
            pub fn try_send_with_ttl(
                &self,
                message: impl Into<$crate::ws_core::Message>,
                ttl: std::time::Duration,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send_with_ttl(message, ttl)
            }

            /// Sends a message on the present connection, before all messages that wait in the outbox: a login, for example. It is never sent
            /// on another connection. Up to 64 KiB and one message that the connection has already leave before it.
            ///
            /// An error hands the message back at once: no connection is open ([`SendError::NotConnected`](ws_async_core::ws_core::SendError::NotConnected)), it is closing, or as many bytes
            /// of such messages wait as [`max_send_buffer`](ws_async_core::ws_common::session::ClientBuilder::max_send_buffer) allows. One message may go beyond that. They wait
            /// apart from the outbox, so that a login passes a full one. They are not compressed. [`confirm`](Self::confirm) covers them, and
            /// [`flush`](Self::flush) reports one that did not leave.
            pub fn send_now(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.send_now(message)
            }

            /// Lets the messages of the outbox go on the present connection, which [`hold`](ws_async_core::ws_common::session::ClientBuilder::hold) holds back. Says whether they
            /// go now.
            ///
            /// It has no effect before [`ClientEvent::Open`] of the present connection was taken: a caller that answers events of the connection
            /// before does not mean this one. `false`, if the transport of this very client calls.
            pub fn release(&self) -> bool {
                self.0.release()
            }

            /// Sends a ping on the present connection, with a payload of at most 125 bytes. Its pong comes as [`ClientEvent::Pong`],
            /// with the round-trip time. It waits while more than 128 KiB wait to be written. An error if no connection is open.
            /// Cancel safety: dropped before it is ready, no ping was sent.
            pub fn ping(
                &self,
                payload: impl AsRef<[u8]>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::PingError>> {
                self.0.ping(payload)
            }

            /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven. An error
            /// if the client is over before. Cancel safe.
            ///
            /// [`SendError::Undelivered`](ws_async_core::ws_core::SendError::Undelivered), at once, if a message was given up or skipped that
            /// this handle has sent since its last `flush` that returned. Each is told once: the next call asks about later messages.
            pub fn flush(&self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.flush()
            }

            /// Waits for the proof that the next WebSocket hop has parsed every message that this handle has sent since its last
            /// `confirm` that returned.
            ///
            /// [`ConfirmError::Lost`](ws_async_core::ws_common::session::ConfirmError::Lost) if one of them may be lost with a connection;
            /// [`ConfirmError::NothingSent`](ws_async_core::ws_common::session::ConfirmError::NothingSent) if this handle has never sent
            /// anything, as messages of other handles are not asked about;
            /// [`ConfirmError::Closed`](ws_async_core::ws_common::session::ConfirmError::Closed) if the client is over before. Cancel safe: the
            /// next call asks about the same messages, and later ones.
            pub fn confirm(
                &self,
            ) -> impl Future<Output = Result<(), $crate::ws_common::session::ConfirmError>> {
                self.0.confirm()
            }

            /// Ends the client for good: with the closing handshake if a connection is open; else at once. The outbox goes out
            /// first. It ends within twice `close_timeout` after the transport has last taken bytes. The events to the end are still
            /// reported. Cancel safe.
            pub fn close(&self, frame: impl Into<$crate::ws_core::CloseFrame>) -> impl Future<Output = ()> {
                self.0.close(frame)
            }

            /// Begins the same as [`close`](Self::close), without waiting: [`Client::next_event`] goes on to the end.
            pub fn start_close(&self, frame: impl Into<$crate::ws_core::CloseFrame>) {
                self.0.start_close(frame);
            }

            /// Ends the client for good, at once, without a Close frame.
            pub fn abort(&self) {
                self.0.abort();
            }

            /// Reconnects after `delay`, against any policy: from now, if no connection is open or under way; else when that has ended.
            pub fn reconnect_after(&self, delay: std::time::Duration) {
                self.0.reconnect_after(delay);
            }

            /// Does not reconnect: neither now, if the client waits for that or prepares it, nor when the connection under way has ended.
            pub fn cancel_reconnect(&self) {
                self.0.cancel_reconnect();
            }

            /// Begins the next attempt at once, if the client waits for it. Else it has no effect.
            ///
            /// For a program that learns that the network has changed:
            ///
            /// ```no_run
            /// # use std::time::Duration;
            #[doc = concat!("# use ", $name, "::Handle;")]
            /// fn network_changed(handle: &Handle) {
            ///     handle.check_now(Duration::from_secs(2));
            ///     handle.reconnect_now();
            /// }
            /// ```
            pub fn reconnect_now(&self) {
                self.0.reconnect_now();
            }

            /// Looks whether the peer is there: sends a ping, and ends the connection as after a missed pong
            /// ([`Timeout::Check`](ws_async_core::ws_core::Timeout::Check)) if no byte comes within `timeout`. Bytes that come before the ping has left do not count.
            /// The time stands still while nothing is read.
            ///
            /// It has no effect if no connection is open. While a ping waits for its answer, another call can only shorten the time.
            pub fn check_now(&self, timeout: std::time::Duration) {
                self.0.check_now(timeout);
            }

            /// Hands out no more messages, from this call on. Messages that come wait, up to 1 MiB, and pings are answered meanwhile;
            /// then nothing more is read, and TCP tells the peer to wait. Nothing is lost.
            pub fn pause(&self) {
                self.0.pause();
            }

            /// Hands out messages again.
            pub fn resume(&self) {
                self.0.resume();
            }

            /// Takes back the messages that were not sent, oldest first: for when the client is over. None, if the transport of this
            /// very client calls.
            pub fn take_unsent(&self) -> Vec<$crate::ws_core::Message> {
                self.0.take_unsent()
            }

            /// Empties the outbox, and says how many messages are dropped. [`flush`](Self::flush) and [`confirm`](Self::confirm) report the loss.
            ///
            /// Messages of an open connection stay. They have begun to leave, wait for a proof, or are in the last 64 KiB and one message before
            /// the transport. Without an open connection, all are dropped. None, if the transport of this very
            /// client calls.
            ///
            /// ```
            #[doc = concat!("# use ", $name, "::{Handle, SendError};")]
            /// # async fn replace(handle: Handle) -> Result<(), SendError> {
            /// // Only the newest position is of use.
            /// let dropped = handle.clear();
            /// println!("{dropped} older positions are not sent");
            /// handle.send("52.5200,13.4050").await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn clear(&self) -> usize {
                self.0.clear()
            }

            /// Drops the message that [`ClientEvent::Stuck`] reported last, so that the messages behind it go on. Says whether there was
            /// one: it may have been proven since. If it is under way on an open connection, it is dropped when that ends without a
            /// proof. `flush` and `confirm` report the loss. `false`, if the transport of this very client calls.
            pub fn skip_stuck(&self) -> bool {
                self.0.skip_stuck()
            }

            /// The state of the client. It waits for no lock: a task that is busy with the client, compressing a large message for
            /// example, publishes the new state when it is done.
            pub fn status(&self) -> $crate::ws_common::session::ClientStatus {
                self.0.status()
            }

            /// The totals over all connections, and the counts of the present one. It waits for no lock, as [`status`](Self::status),
            /// and tells the counts at the end of the last call that used the client.
            pub fn stats(&self) -> $crate::ws_common::session::ClientStats {
                self.0.stats()
            }
        }

        $crate::define_sink! {
            /// Readiness is room in the outbox, and flushing is [`flush`](Handle::flush): it waits for a connection. Closing only flushes: the
            /// client goes on for other handles, until [`close`](Handle::close).
            ///
            /// If another handle takes the room between `poll_ready` and `start_send`, this handle keeps the message. The next poll as a sink
            /// queues it, and until then it is behind the messages of other methods.
            [], Handle
        }
    };
}
