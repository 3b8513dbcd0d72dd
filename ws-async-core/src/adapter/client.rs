/// The client that stays connected.
#[doc(hidden)]
#[macro_export]
macro_rules! define_client {
    ($name:literal, $runtime:ty, $unix:literal) => {
        /// A client that stays connected: it reports each phase, sends queued messages as soon as there is a connection, and reconnects
        /// when the connection is lost.
        ///
        /// ```no_run
        /// use std::time::Duration;
        #[doc = concat!("use ", $name, "::{Client, ClientEvent, Reconnect};")]
        ///
        /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
        /// let mut client = Client::builder("ws://127.0.0.1:8080/feed")
        ///     .header("Cookie", "session=1")
        ///     .on_open(|_response| ["subscribe trades", "subscribe news"])
        ///     .ping_interval(Duration::from_secs(55))
        ///     .reconnect(Reconnect::after(Duration::from_secs(1)))
        ///     .build()?;
        /// while let Some(event) = client.next_event().await {
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
        /// **Messages of a connection** and messages of the client are different things. A login or a subscription belongs to one
        /// connection: [`on_open`](ws_async_core::ws_common::session::ClientBuilder::on_open) gives such messages to each connection, and
        /// [`send_now`](Self::send_now) sends one on the present connection. An order belongs to the client: [`send`](Self::send) puts it
        /// into the outbox, and it is sent on whichever connection there is. With
        /// [`hold`](ws_async_core::ws_common::session::ClientBuilder::hold), the outbox waits until the server has accepted the login:
        ///
        /// ```no_run
        #[doc = concat!("# use ", $name, "::{Client, ClientEvent};")]
        /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
        /// let mut client = Client::builder("wss://broker.example/orders")
        ///     .on_open(|_response| ["login 7f3a"])
        ///     .hold(true)
        ///     .build()?;
        /// client.try_send("buy 1")?;
        /// while let Some(event) = client.next_event().await {
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
        #[doc = concat!("use ", $name, "::Client;")]
        ///
        /// # #[cfg(unix)]
        #[doc = concat!("# fn build() -> Result<Client, ", $name, "::ConnectError> {")]
        /// let client = Client::builder("ws://localhost/feed")
        #[doc = concat!("    .connector(async |_options| Ok(", $unix, "(\"/run/feed.sock\").await?))")]
        ///     .build()?;
        /// # Ok(client)
        /// # }
        /// ```
        ///
        /// [`connector`](ws_async_core::ws_common::session::ClientBuilder::connector) gives the rules of TLS, errors, time and redirects.
        /// [`Connected`] tells the client about a stream.
        ///
        /// **Somebody must wait.** Connecting, heartbeat and reconnecting go on while any waiting method of the client or of one of its
        /// [`handle`](Self::handle)s is under way: usually [`next_event`](Self::next_event), in a loop. While none is, nothing happens.
        ///
        /// **In the background**: [`spawn`](Self::spawn) runs the client in a task of its own. [`spawn_with`](Self::spawn_with) also calls
        /// a closure with each event.
        ///
        /// **Dropping** it, with all its handles, ends everything at once, without a Close frame.
        pub struct Client($crate::Client<$runtime>);

        #[doc(hidden)]
        impl From<$crate::ws_common::session::Session> for Client {
            fn from(session: $crate::ws_common::session::Session) -> Self {
                Self(session.into())
            }
        }

        #[doc(hidden)]
        impl $crate::ws_common::session::AsyncClient for Client {}

        impl Client {
            /// Sets up a client of a server: `Client::builder("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`].
            pub fn builder(
                options: impl Into<$crate::ws_common::ConnectOptions>,
            ) -> $crate::ws_common::session::ClientBuilder<Self> {
                $crate::ws_common::session::ClientBuilder::new(options)
            }

            /// The next event; `None` when the client is over, after [`ClientEvent::GaveUp`] has told the reason.
            /// [`reconnect_after`](Self::reconnect_after) then begins anew. Cancel safe.
            ///
            /// A panic of a hook ([`prepare`](ws_async_core::ws_common::session::ClientBuilder::prepare), `prepare_async`,
            /// [`decide`](ws_async_core::ws_common::reconnect::Reconnect::decide)) reaches the task that waits when the hook runs. The client
            /// then ends, and reports that.
            #[inline]
            pub fn next_event(
                &mut self,
            ) -> impl Future<Output = Option<$crate::ws_common::session::ClientEvent>> {
                self.0.next_event()
            }

            /// As [`Handle::send`].
            pub fn send(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send(message)
            }

            /// As [`Handle::try_send`].
            pub fn try_send(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send(message)
            }

            /// As [`Handle::send_with_ttl`].
            pub fn send_with_ttl(
                &self,
                message: impl Into<$crate::ws_core::Message>,
                ttl: std::time::Duration,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send_with_ttl(message, ttl)
            }

            /// As [`Handle::try_send_with_ttl`].
            pub fn try_send_with_ttl(
                &self,
                message: impl Into<$crate::ws_core::Message>,
                ttl: std::time::Duration,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send_with_ttl(message, ttl)
            }

            /// As [`Handle::send_now`].
            pub fn send_now(
                &self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.send_now(message)
            }

            /// As [`Handle::release`].
            pub fn release(&self) -> bool {
                self.0.release()
            }

            /// As [`Handle::ping`].
            pub fn ping(
                &self,
                payload: impl AsRef<[u8]>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::PingError>> {
                self.0.ping(payload)
            }

            /// As [`Handle::flush`], where [`SendError::Undelivered`](ws_async_core::ws_core::SendError::Undelivered) tells of messages that any
            /// handle has sent since the last such call that returned.
            pub fn flush(&self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.flush()
            }

            /// As [`Handle::confirm`], for everything that any handle has sent since the last such call that returned. If nothing was,
            /// it is ready at once.
            pub fn confirm(
                &self,
            ) -> impl Future<Output = Result<(), $crate::ws_common::session::ConfirmError>> {
                self.0.confirm()
            }

            /// As [`Handle::close`].
            pub fn close(&self, frame: impl Into<$crate::ws_core::CloseFrame>) -> impl Future<Output = ()> {
                self.0.close(frame)
            }

            /// As [`Handle::start_close`].
            pub fn start_close(&self, frame: impl Into<$crate::ws_core::CloseFrame>) {
                self.0.start_close(frame);
            }

            /// As [`Handle::abort`].
            pub fn abort(&self) {
                self.0.abort();
            }

            /// As [`Handle::reconnect_after`].
            pub fn reconnect_after(&self, delay: std::time::Duration) {
                self.0.reconnect_after(delay);
            }

            /// As [`Handle::cancel_reconnect`].
            pub fn cancel_reconnect(&self) {
                self.0.cancel_reconnect();
            }

            /// As [`Handle::reconnect_now`].
            pub fn reconnect_now(&self) {
                self.0.reconnect_now();
            }

            /// As [`Handle::check_now`].
            pub fn check_now(&self, timeout: std::time::Duration) {
                self.0.check_now(timeout);
            }

            /// As [`Handle::pause`].
            pub fn pause(&self) {
                self.0.pause();
            }

            /// As [`Handle::resume`].
            pub fn resume(&self) {
                self.0.resume();
            }

            /// As [`Handle::take_unsent`].
            pub fn take_unsent(&self) -> Vec<$crate::ws_core::Message> {
                self.0.take_unsent()
            }

            /// As [`Handle::clear`].
            pub fn clear(&self) -> usize {
                self.0.clear()
            }

            /// As [`Handle::skip_stuck`].
            pub fn skip_stuck(&self) -> bool {
                self.0.skip_stuck()
            }

            /// As [`Handle::status`].
            pub fn status(&self) -> $crate::ws_common::session::ClientStatus {
                self.0.status()
            }

            /// As [`Handle::stats`].
            pub fn stats(&self) -> $crate::ws_common::session::ClientStats {
                self.0.stats()
            }

            /// Another way to this client, for other tasks.
            pub fn handle(&self) -> Handle {
                Handle(self.0.handle())
            }

            /// Runs the client in a task of its own: connecting, heartbeat and reconnecting go on while nobody waits. Gives a handle, and
            /// the client again, for its events. It is called in a task of the runtime.
            ///
            /// ```no_run
            #[doc = concat!("use ", $name, "::{Client, ClientEvent};")]
            ///
            /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
            /// let (handle, mut events) = Client::builder("ws://127.0.0.1:8080/feed").build()?.spawn();
            /// handle.send("hello").await?;
            /// while let Some(event) = events.next_event().await {
            ///     if let ClientEvent::Message(message) = event {
            ///         println!("received {message}");
            ///     }
            /// }
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// Events wait for the program: messages up to 1 MiB, then nothing more is read, and TCP tells the peer to wait. If the client
            /// is dropped, events are dropped as they come.
            ///
            /// The task ends when the client and all its handles are dropped: then the connection ends at once, without a Close frame. If
            /// a hook panics, the task ends by this panic, and so does the client.
            pub fn spawn(self) -> (Handle, Self) {
                let (handle, client) = self.0.spawn();
                (Handle(handle), Self(client))
            }

            /// Runs the client in a task of its own, which calls `on_event` with each event. It is called in a task of the runtime.
            ///
            /// ```no_run
            /// use std::time::Duration;
            #[doc = concat!("use ", $name, "::{Client, ClientEvent};")]
            ///
            /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
            /// let feed = Client::builder("ws://127.0.0.1:8080/feed").build()?.spawn_with(|feed, event| match event {
            ///     ClientEvent::Open(_) => drop(feed.try_send("subscribe")),
            ///     ClientEvent::Message(message) => println!("received {message}"),
            ///     ClientEvent::Error(error) => println!("error: {error}"),
            ///     ClientEvent::Closed(_) => feed.reconnect_after(Duration::from_secs(1)),
            ///     _ => {}
            /// });
            /// feed.send("hello").await?;
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// The closure must not block. It may call each method of the handle that does not wait. The task ends with the client, after
            /// [`ClientEvent::GaveUp`], though every handle is dropped before. If the closure panics, the client ends at once, without a
            /// Close frame.
            pub fn spawn_with(
                self,
                mut on_event: impl FnMut(&Handle, $crate::ws_common::session::ClientEvent) + Send + 'static,
            ) -> Handle {
                let own = self.handle();
                Handle(self.0.spawn_with(move |event| on_event(&own, event)))
            }
        }

        /// The events, as of [`next_event`](Client::next_event). Cancel safe.
        impl $crate::futures_core::Stream for Client {
            type Item = $crate::ws_common::session::ClientEvent;

            #[inline]
            fn poll_next(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Self::Item>> {
                std::pin::Pin::new(&mut self.get_mut().0).poll_next(cx)
            }
        }
    };
}
