/// The methods for permessage-deflate. They exist if this crate has the feature; a feature of the adapter may have another name.
#[cfg(feature = "deflate")]
#[doc(hidden)]
#[macro_export]
macro_rules! define_compression {
    ([$($transport:tt)+]) => {
        /// Compression. The offer and the answer are set by [`Config::deflate`](ws_async_core::ws_core::Config::deflate).
        impl<T: $($transport)+> WebSocket<T> {
            /// The parameters of compression that the two ends have agreed on; `None` if they do not compress.
            pub fn deflate(&self) -> Option<$crate::ws_core::NegotiatedDeflate> {
                self.0.deflate()
            }

            /// Whether messages are compressed that are sent, or begun, from now on. Default: yes, where it was negotiated; where it
            /// was not, this does nothing. Compressed messages and others may follow each other in any order.
            ///
            /// Turn it off for data that is compressed already, and for secrets next to text that an attacker can choose: the length
            /// would tell whether they are alike.
            pub fn compress(&mut self, wanted: bool) {
                self.0.compress(wanted);
            }

            /// Gives back the memory for compressing, whose size [`Deflate`](ws_async_core::ws_core::Deflate) tells, for a connection that
            /// sends nothing for a while. Legal at any time: the next compressed message refers to none before it, and is larger for
            /// that.
            pub fn release_compressor(&mut self) {
                self.0.release_compressor();
            }
        }

        /// Compression, as of the whole connection.
        impl<T: $($transport)+> Sender<T> {
            /// As [`WebSocket::compress`].
            pub fn compress(&mut self, wanted: bool) {
                self.0.compress(wanted);
            }

            /// As [`WebSocket::release_compressor`].
            pub fn release_compressor(&mut self) {
                self.0.release_compressor();
            }
        }

        /// Compression. The offer is set by [`Config::deflate`](ws_async_core::ws_core::Config::deflate).
        impl Client {
            /// As [`Handle::compress`].
            pub fn compress(&self, wanted: bool) {
                self.0.compress(wanted);
            }

            /// As [`Handle::release_compressor`].
            pub fn release_compressor(&self) {
                self.0.release_compressor();
            }
        }

        /// Compression, as of the client.
        impl Handle {
            /// Whether messages are compressed that are queued from now on, by any handle, on any later connection, too. Default: yes,
            /// where it was negotiated. Compressed messages and others may follow each other in any order.
            ///
            /// Turn it off for data that is compressed already, and for secrets next to text that an attacker can choose: the length
            /// would tell whether they are alike.
            pub fn compress(&self, wanted: bool) {
                self.0.compress(wanted);
            }

            /// Gives back the memory for compressing, whose size [`Deflate`](ws_async_core::ws_core::Deflate) tells, if a connection is open
            /// that sends nothing for a while. Legal at any time: the next compressed message refers to none before it.
            pub fn release_compressor(&self) {
                self.0.release_compressor();
            }
        }
    };
}

/// Without the feature, there are none.
#[cfg(not(feature = "deflate"))]
#[doc(hidden)]
#[macro_export]
macro_rules! define_compression {
    ([$($transport:tt)+]) => {};
}
