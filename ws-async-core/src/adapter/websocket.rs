/// The whole connection.
#[doc(hidden)]
#[macro_export]
macro_rules! define_websocket {
    ($name:literal, $runtime:ty, $stream:ty, [$($transport:tt)+]) => {
        /// One WebSocket connection, of either role. `T` is its transport: a TCP stream, or any other type within the bounds below.
        ///
        /// ```no_run
        #[doc = concat!("use ", $name, "::{CloseCode, WebSocket};")]
        ///
        /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
        /// let (mut ws, _response) = WebSocket::connect("ws://127.0.0.1:8080/feed").await?;
        /// ws.send("hello").await?;
        /// while let Some(message) = ws.recv().await? {
        ///     println!("received {:?}", message.as_text());
        /// }
        /// println!("{}", ws.close(CloseCode::NORMAL).await);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// | To | there is |
        /// | --- | --- |
        /// | open one | [`connect`](Self::connect), [`connect_over`](Self::connect_over) a stream that is open already, [`accept`](Self::accept) |
        /// | receive | [`recv`](Self::recv) a message, [`next_event`](Self::next_event) gives an event of any kind, [`for_each_borrowed`](Self::for_each_borrowed) messages where they lie, [`recv_stream`](Self::recv_stream); it is a `Stream` |
        /// | send | [`send`](Self::send); [`feed`](Self::feed) and [`flush`](Self::flush); [`ready`](Self::ready) and [`try_send`](Self::try_send); [`send_stream`](Self::send_stream); [`ping`](Self::ping); it is a `Sink` |
        /// | end it | [`close`](Self::close), or [`start_close`](Self::start_close) and go on receiving |
        /// | do both at once | [`split`](Self::split) |
        /// | hand it over | [`into_parts`](Self::into_parts) |
        /// | observe it | [`stats`](Self::stats): frames, messages, bytes, round-trip times; [`closed`](Self::closed) |
        ///
        /// **Somebody must wait.** Every waiting method writes the queue, reads, answers pings, sends those of
        /// `ping_interval` and keeps all deadlines. While none is under way, nothing happens, and there is no heartbeat. A task that
        /// sends only now and then should [`split`](Self::split) the connection and receive in another task meanwhile.
        ///
        /// **Dropping** it closes the transport at once, without a Close frame: the peer reports 1006.
        pub struct WebSocket<T = $stream>($crate::WebSocket<$runtime, T>);

        impl WebSocket {
            /// Connects to a server: `WebSocket::connect("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`]. Gives the
            /// connection and the server's response.
            ///
            /// Redirects are errors, unless [`ConnectOptions::max_redirects`] allows some.
            ///
            /// It ends within `open_timeout`. Dropped before, nothing stays behind, but for a look-up of the name by the system,
            /// which cannot be called off.
            pub fn connect<O>(
                options: O,
            ) -> impl Future<Output = Result<(Self, $crate::ws_core::Response), $crate::ws_common::ConnectError>>
            where
                O: Into<$crate::ws_common::ConnectOptions>,
            {
                $crate::opened($crate::WebSocket::connect(options), Self)
            }
        }

        impl<T: $($transport)+> WebSocket<T> {
            /// Connects over a transport that is open already, such as a Unix socket, a pipe in memory or a tunnel. For `wss`, TLS begins
            /// on it; a proxy that was set is not asked.
            pub fn connect_over<O>(
                transport: T,
                options: O,
            ) -> impl Future<Output = Result<(Self, $crate::ws_core::Response), $crate::ws_common::ConnectError>>
            where
                O: Into<$crate::ws_common::ConnectOptions>,
            {
                $crate::opened($crate::WebSocket::connect_over(transport, options), Self)
            }

            /// Accepts a client on a transport that is open already, with every default. Gives the connection and the client's
            /// request. To look at the request before, and perhaps to refuse it, see [`Incoming`].
            pub fn accept(
                transport: T,
            ) -> impl Future<Output = Result<(Self, $crate::ws_core::Request), $crate::ws_common::AcceptError>> {
                Incoming::new(transport, $crate::ws_common::AcceptOptions::default()).accept()
            }

            /// A connection whose handshake was done elsewhere: see
            /// [`Connection::after_handshake`](ws_async_core::ws_core::Connection::after_handshake).
            ///
            /// `epoch` is the moment that the connection's [`Instant`](ws_async_core::ws_core::Instant)s count from.
            pub fn from_connection(
                transport: T,
                connection: $crate::ws_core::Connection,
                epoch: impl Into<std::time::Instant>,
            ) -> Self {
                Self($crate::WebSocket::from_connection(transport, connection, epoch))
            }

            /// The next message; `None` once the connection has ended in order, or was broken off by this side. Control frames are
            /// dealt with on the way.
            ///
            /// The send queue goes out first. Messages that came in one read are handed out without a system call between
            /// them. An error says why the connection broke off, once it has ended and the peer was told, within `close_timeout`;
            /// the next call gives `None`. Cancel safe.
            #[inline]
            pub fn recv(
                &mut self,
            ) -> impl Future<Output = Result<Option<$crate::ws_core::Message>, $crate::ws_core::Error>> {
                self.0.recv()
            }

            /// The next event of any kind; `None` after [`Event::Closed`], which comes in any case, after an error too. Cancel safe.
            pub fn next_event(
                &mut self,
            ) -> impl Future<Output = Result<Option<$crate::ws_core::Event>, $crate::ws_core::Error>> {
                self.0.next_event()
            }

            /// Shows each message to `visitor`, where it lies in the read buffer: without a reference count or an allocation per
            /// message. The visitor may answer, and says whether to go on. Ends when it breaks off, or with the connection.
            ///
            /// Before a message is shown, there is room for an answer to it. Cancel safe.
            pub fn for_each_borrowed(
                &mut self,
                visitor: impl FnMut(
                    $crate::ws_core::MessageRef<'_>,
                    &mut $crate::ws_core::Responder<'_>,
                ) -> std::ops::ControlFlow<()>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::Error>> {
                self.0.for_each_borrowed(visitor)
            }

            /// Receives the next message in chunks, as they come: of any size, without ever being whole in memory. `None` once the
            /// connection has ended in order. Cancel safe.
            pub async fn recv_stream(
                &mut self,
            ) -> Result<Option<MessageReader<'_, Self>>, $crate::ws_core::Error> {
                Ok(self.0.recv_stream().await?.map(MessageReader))
            }

            /// Waits for room, queues the message, and waits until the transport has taken everything.
            ///
            /// Cancel safety: the message is never half-sent nor reordered. Dropped before there was room, nothing was sent; dropped
            /// after, the message is queued, and goes out with the next thing that waits. To tell the two apart, use
            /// [`ready`](Self::ready), [`try_send`](Self::try_send) and [`flush`](Self::flush).
            #[inline]
            pub fn send(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send(message)
            }

            /// Queues the message if there is room, and writes it if the transport takes it at once, all without waiting. An error hands
            /// the message back. To send many messages with one write, use [`feed`](Self::feed).
            #[inline]
            pub fn try_send(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send(message)
            }

            /// Waits until there is room for a message. Cancel safe.
            pub fn ready(&mut self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.ready()
            }

            /// Waits for room and queues the message, without writing: several can leave together with the next
            /// [`flush`](Self::flush) or other waiting method. Cancel safety as for [`send`](Self::send).
            #[inline]
            pub fn feed(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.feed(message)
            }

            /// Waits until the transport has taken everything that is queued. Cancel safe.
            ///
            /// An error if the connection ended before, and something of it was lost.
            #[inline]
            pub fn flush(&mut self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.flush()
            }

            /// Sends a ping with a payload of at most 125 bytes. Its pong comes as [`Event::Pong`], with the round-trip time.
            /// Cancel safety as for [`send`](Self::send).
            pub fn ping(
                &mut self,
                payload: impl AsRef<[u8]>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::PingError>> {
                self.0.ping(payload)
            }

            /// Begins a message that is sent in fragments, of any total size, without ever being whole in memory. Until it is
            /// finished, no other message can be sent.
            pub fn send_stream(
                &mut self,
                kind: $crate::ws_core::MessageKind,
            ) -> Result<MessageWriter<'_, Self>, $crate::ws_core::StreamError> {
                self.0.send_stream(kind).map(MessageWriter)
            }

            /// Closes: begins the closing handshake, unless it has begun, and waits for its end, at most twice `close_timeout`.
            ///
            /// `frame` is a [`CloseCode`], a [`CloseFrame`] with a reason, `1000`, `(1000, "why")`, or `None` for no code. The send queue goes
            /// out first.
            /// Messages that come meanwhile can be received afterwards, as far as `max_read_ahead` holds them; to get all, call
            /// [`start_close`](Self::start_close) and go on receiving. Cancel safe: call it again, or go on receiving.
            pub fn close(
                &mut self,
                frame: impl Into<$crate::ws_core::CloseFrame>,
            ) -> impl Future<Output = $crate::ws_core::Closed> {
                self.0.close(frame)
            }

            /// Begins the closing handshake, and writes as much as the transport takes at once, without waiting: go on receiving to
            /// its end.
            pub fn start_close(&mut self, frame: impl Into<$crate::ws_core::CloseFrame>) {
                self.0.start_close(frame);
            }

            /// How the connection ended, once it has.
            pub fn closed(&self) -> Option<&$crate::ws_core::Closed> {
                self.0.closed()
            }

            /// The counts of this connection so far: frames, messages and bytes in each direction, and round-trip times.
            pub fn stats(&self) -> $crate::ws_core::Stats {
                self.0.stats()
            }

            /// Two halves, to send in one task and receive in another.
            pub fn split(self) -> (Sender<T>, Receiver<T>) {
                let (sender, receiver) = self.0.split();
                (Sender(sender), Receiver(receiver))
            }

            /// Takes the connection apart: its transport, the bytes that were read and not yet taken, and queued bytes that were not written.
            /// `None` if the transport was reset: after a deadline of a pong or of a write, after an abort of the connection, or after one of its
            /// listener. A listener no longer counts the connection, and does not stop it.
            ///
            /// The transport stays open, and no Close frame is sent. For example, another program or library goes on with the connection:
            ///
            /// ```no_run
            #[doc = concat!("# use ", $name, "::WebSocket;")]
            /// # async fn hand_over(mut ws: WebSocket) -> Result<(), Box<dyn std::error::Error>> {
            /// ws.flush().await?;
            /// if let Some(parts) = ws.into_parts() {
            ///     let (transport, read) = (parts.transport, parts.read);
            ///     // The next reader takes `read` before it reads from `transport`.
            ///     println!("{transport:?} and {} bytes", read.len());
            /// }
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// - Receive all messages before: [`Parts`] lists the missing bytes. A reader of these bytes does not know the state of a compressor.
            /// - After the closing handshake, the transport is shut down for writing (RFC 6455 §7.1.1). Bytes behind the peer's Close frame were
            ///   dropped.
            /// - Over TLS, the session ends here. Both buffers are empty, and the transport is the stream below TLS. To keep the session, open
            ///   `ws://` over a stream that does TLS itself ([`connect_over`](Self::connect_over)).
            /// - Two halves have to be [reunited](Sender::reunite) before.
            pub fn into_parts(self) -> Option<$crate::ws_common::Parts<T>> {
                self.0.into_parts()
            }

            /// The transport. Reading from it or writing to it breaks the connection. `None` once it was reset, because the peer had
            /// missed a deadline or the listener had broken off the connection.
            pub fn transport(&self) -> Option<&T> {
                self.0.transport()
            }
        }

        #[doc(hidden)]
        impl<T: $($transport)+> $crate::Streaming for WebSocket<T> {
            type Access = $crate::WebSocket<$runtime, T>;
        }

        $crate::define_stream! {
            /// As [`recv`](WebSocket::recv).
            WebSocket, [$($transport)+]
        }

        $crate::define_sink! {
            /// As [`ready`](WebSocket::ready), [`try_send`](WebSocket::try_send), [`flush`](WebSocket::flush); closing sends Close 1000
            /// and waits for the end. After a ready `poll_ready`, `start_send` always has room.
            [T: $($transport)+], WebSocket<T>
        }
    };
}

/// The messages that something receives.
#[doc(hidden)]
#[macro_export]
macro_rules! define_stream {
    ($(#[$attribute:meta])* $type:ident, [$($transport:tt)+]) => {
        $(#[$attribute])*
        impl<T: $($transport)+> $crate::futures_core::Stream for $type<T> {
            type Item = Result<$crate::ws_core::Message, $crate::ws_common::WebSocketError>;

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

/// The messages that something sends.
#[doc(hidden)]
#[macro_export]
macro_rules! define_sink {
    ($(#[$attribute:meta])* [$($generics:tt)*], $type:ty) => {
        $(#[$attribute])*
        impl<$($generics)*> $crate::futures_sink::Sink<$crate::ws_core::Message> for $type {
            type Error = $crate::ws_common::WebSocketError;

            #[inline]
            fn poll_ready(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                std::pin::Pin::new(&mut self.get_mut().0).poll_ready(cx)
            }

            #[inline]
            fn start_send(
                self: std::pin::Pin<&mut Self>,
                message: $crate::ws_core::Message,
            ) -> Result<(), Self::Error> {
                std::pin::Pin::new(&mut self.get_mut().0).start_send(message)
            }

            #[inline]
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                std::pin::Pin::new(&mut self.get_mut().0).poll_flush(cx)
            }

            #[inline]
            fn poll_close(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                std::pin::Pin::new(&mut self.get_mut().0).poll_close(cx)
            }
        }
    };
}
