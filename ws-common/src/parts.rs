//! A connection that is taken apart.

use std::fmt;

use ws_core::bytes::Bytes;

/// The transport of a connection that was taken apart, and the bytes that the connection held: from `WebSocket::into_parts`.
#[non_exhaustive]
pub struct Parts<T> {
    /// The transport. Over TLS, it is the stream below TLS.
    pub transport: T,
    /// The bytes that were read from the transport and not yet taken. They begin with the frame behind the last message that was received.
    ///
    /// Not among them are messages that were read ahead during another operation, and the bytes of a message that has come in part. There
    /// are none behind the peer's Close frame, since nothing follows it (RFC 6455 §5.5.1). Empty over TLS.
    pub read: Bytes,
    /// The bytes that were queued and not yet written: frames as they go over the wire. The first one lacks the bytes that were written.
    /// Empty over TLS.
    pub unsent: Bytes,
}

impl<T> Parts<T> {
    /// The buffers are `read` and `unsent`.
    #[doc(hidden)]
    pub fn new(transport: T, (read, unsent): (Bytes, Bytes)) -> Self {
        Self { transport, read, unsent }
    }
}

/// The bytes may be secrets: it shows their number.
impl<T: fmt::Debug> fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("transport", &self.transport)
            .field("read", &self.read.len())
            .field("unsent", &self.unsent.len())
            .finish()
    }
}
