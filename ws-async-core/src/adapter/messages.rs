/// Messages that are never whole in memory.
#[doc(hidden)]
#[macro_export]
macro_rules! define_messages {
    () => {
        /// A message that is being sent in fragments; see [`WebSocket::send_stream`]. `C` is the connection or the half that it borrows.
        ///
        /// It is also a writer of bytes by the traits of the runtime, whose `poll_close` or `poll_shutdown` finishes the message. Each write
        /// is a fragment, of at most 64 KiB: small writes want a buffer before them.
        ///
        /// Dropped before [`finish`](Self::finish), it closes the connection with 1011: a cut message must not look whole.
        pub struct MessageWriter<'a, C: $crate::Streaming = WebSocket>($crate::MessageWriter<'a, C::Access>);

        impl<C: $crate::Streaming> MessageWriter<'_, C> {
            /// Waits for room, then queues the next fragment as a frame of its own. Text may be cut anywhere.
            ///
            /// Cancel safety: dropped before there is room, nothing of the fragment is sent; else all of it.
            pub fn write(
                &mut self,
                fragment: impl AsRef<[u8]>,
            ) -> impl Future<Output = Result<(), $crate::ws_core::StreamError>> {
                self.0.write(fragment)
            }

            /// Waits until the transport has taken all fragments. Cancel safe.
            pub fn flush(&mut self) -> impl Future<Output = Result<(), $crate::ws_core::StreamError>> {
                self.0.flush()
            }

            /// Ends the message, and waits until the transport has taken it.
            ///
            /// An error if a text ends within a character; then the connection is closed with 1011.
            /// Cancel safety: dropped before it is done, the message may be cut, and the connection is closed with 1011.
            pub fn finish(self) -> impl Future<Output = Result<(), $crate::ws_core::StreamError>> {
                self.0.finish()
            }
        }

        /// A message that is being received in chunks; see [`WebSocket::recv_stream`]. `C` is the connection or the half that it
        /// borrows.
        ///
        /// It is also a reader of bytes by the traits of the runtime. A message that was cut off is an error of the kind `UnexpectedEof`.
        ///
        /// Dropped before its end, the rest of the message is passed over.
        pub struct MessageReader<'a, C: $crate::Streaming = WebSocket>($crate::MessageReader<'a, C::Access>);

        impl<C: $crate::Streaming> MessageReader<'_, C> {
            /// The type of the message.
            pub fn kind(&self) -> $crate::ws_core::MessageKind {
                self.0.kind()
            }

            /// The next chunk, at most as large as one read; `None` after the last.
            ///
            /// Text was checked as far as it came, but a character may be cut in two by the border of two chunks. Cancel safe.
            ///
            /// An error if the message was cut off: why the connection failed, or
            /// [`Error::Unfinished`](ws_async_core::ws_core::Error::Unfinished) if it was closed in order.
            pub fn next_chunk(
                &mut self,
            ) -> impl Future<Output = Result<Option<$crate::ws_core::bytes::Bytes>, $crate::ws_core::Error>>
            {
                self.0.next_chunk()
            }
        }
    };
}
