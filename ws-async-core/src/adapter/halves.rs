/// The two halves of a connection.
#[doc(hidden)]
#[macro_export]
macro_rules! define_halves {
    ($runtime:ty, $stream:ty, [$($transport:tt)+]) => {
        /// The sending half of a [`WebSocket`], from [`split`](WebSocket::split).
        ///
        /// While it waits, it also reads, within bounds, answers pings and keeps the deadlines, so that it needs no receiver.
        /// If the receiving half is dropped, messages that come are dropped too.
        pub struct Sender<T: $($transport)+ = $stream>($crate::Sender<$runtime, T>);

        /// The receiving half of a [`WebSocket`], from [`split`](WebSocket::split).
        ///
        /// While it waits, it also writes the messages that the sending half has queued.
        pub struct Receiver<T: $($transport)+ = $stream>($crate::Receiver<$runtime, T>);

        impl<T: $($transport)+> Sender<T> {
            /// As [`WebSocket::send`].
            #[inline]
            pub fn send(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.send(message)
            }

            /// As [`WebSocket::try_send`].
            #[inline]
            pub fn try_send(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> Result<(), $crate::ws_core::SendError> {
                self.0.try_send(message)
            }

            /// As [`WebSocket::ready`].
            pub fn ready(&mut self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.ready()
            }

            /// As [`WebSocket::feed`].
            #[inline]
            pub fn feed(
                &mut self,
                message: impl Into<$crate::ws_core::Message>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.feed(message)
            }

            /// As [`WebSocket::flush`].
            #[inline]
            pub fn flush(&mut self) -> impl Future<Output = Result<(), $crate::ws_core::SendError>> {
                self.0.flush()
            }

            /// As [`WebSocket::ping`].
            pub fn ping(
                &mut self,
                payload: impl AsRef<[u8]>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::PingError>> {
                self.0.ping(payload)
            }

            /// As [`WebSocket::close`]. The receiving half goes on to its end, too.
            pub fn close(
                &mut self,
                frame: impl Into<$crate::ws_core::CloseFrame>,
            ) -> impl Future<Output = $crate::ws_core::Closed> {
                self.0.close(frame)
            }

            /// As [`WebSocket::start_close`].
            pub fn start_close(&mut self, frame: impl Into<$crate::ws_core::CloseFrame>) {
                self.0.start_close(frame);
            }

            /// As [`WebSocket::stats`]. All counts are zero if the transport of this very connection calls, or a waker that it wakes.
            pub fn stats(&self) -> $crate::ws_core::Stats {
                self.0.stats()
            }

            /// As [`WebSocket::send_stream`].
            pub fn send_stream(
                &mut self,
                kind: $crate::ws_core::MessageKind,
            ) -> Result<MessageWriter<'_, Self>, $crate::ws_core::StreamError> {
                self.0.send_stream(kind).map(MessageWriter)
            }
        }

        impl<T: $($transport)+> Sender<T> {
            /// The whole connection again. An error gives the halves back, if they are of different connections.
            pub fn reunite(
                self,
                receiver: Receiver<T>,
            ) -> Result<WebSocket<T>, $crate::ws_common::ReuniteError<Self, Receiver<T>>> {
                self.0.reunite(receiver.0).map(WebSocket).map_err(|error| $crate::ws_common::ReuniteError {
                    sender: Sender(error.sender),
                    receiver: Receiver(error.receiver),
                })
            }

            /// Shows the transport to `look`, while the other half waits for it. Reading from it or writing to it breaks the connection.
            /// `None` as from [`WebSocket::transport`], or if the transport itself calls.
            pub fn with_transport<O>(&self, look: impl FnOnce(&T) -> O) -> Option<O> {
                self.0.with_transport(look)
            }
        }

        impl<T: $($transport)+> Receiver<T> {
            /// As [`Sender::with_transport`].
            pub fn with_transport<O>(&self, look: impl FnOnce(&T) -> O) -> Option<O> {
                self.0.with_transport(look)
            }

            /// As [`WebSocket::recv`].
            #[inline]
            pub fn recv(
                &mut self,
            ) -> impl Future<Output = Result<Option<$crate::ws_core::Message>, $crate::ws_core::Error>> {
                self.0.recv()
            }

            /// As [`WebSocket::next_event`].
            pub fn next_event(
                &mut self,
            ) -> impl Future<Output = Result<Option<$crate::ws_core::Event>, $crate::ws_core::Error>> {
                self.0.next_event()
            }

            /// Shows each message to `visitor`, which may answer, and says whether to go on. Ends when it breaks off, or with the
            /// connection. Cancel safe.
            ///
            /// The visitor may use the sending half. Receiving never waits for room to send: an answer for which there is none is
            /// refused with [`StreamError::Full`](ws_async_core::ws_core::StreamError::Full).
            pub fn for_each_borrowed(
                &mut self,
                visitor: impl FnMut(
                    $crate::ws_core::MessageRef<'_>,
                    &mut $crate::ws_core::Responder<'_>,
                ) -> std::ops::ControlFlow<()>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::Error>> {
                self.0.for_each_borrowed(visitor)
            }

            /// As [`WebSocket::recv_stream`].
            pub async fn recv_stream(
                &mut self,
            ) -> Result<Option<MessageReader<'_, Self>>, $crate::ws_core::Error> {
                Ok(self.0.recv_stream().await?.map(MessageReader))
            }

            /// As [`WebSocket::closed`].
            pub fn closed(&mut self) -> Option<$crate::ws_core::Closed> {
                self.0.closed()
            }

            /// As [`Sender::stats`].
            pub fn stats(&self) -> $crate::ws_core::Stats {
                self.0.stats()
            }
        }

        #[doc(hidden)]
        impl<T: $($transport)+> $crate::Streaming for Sender<T> {
            type Access = $crate::HalfConnection<$runtime, T>;
        }

        #[doc(hidden)]
        impl<T: $($transport)+> $crate::Streaming for Receiver<T> {
            type Access = $crate::HalfConnection<$runtime, T>;
        }

        $crate::define_stream! {
            /// As [`recv`](Receiver::recv).
            Receiver, [$($transport)+]
        }

        $crate::define_sink! {
            /// As that of [`WebSocket`].
            [T: $($transport)+], Sender<T>
        }
    };
}
