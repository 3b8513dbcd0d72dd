//! A connection that is taken apart.

use std::fmt;

use ws_core::Connection;
use ws_core::bytes::Bytes;

/// The transport of a connection that was taken apart, and the bytes that the connection held: from `WebSocket::into_parts`.
#[non_exhaustive]
pub struct Parts<T> {
    /// The transport. Over TLS, it is the stream below TLS.
    pub transport: T,
    /// The bytes that were read from the transport and not yet taken. They begin with the frame behind the last message that was received,
    /// unless the stream is [within a frame](Self::is_within_frame).
    ///
    /// Messages that were read ahead during another operation are missing. The bytes of a message that has come in part may be missing.
    /// Nothing follows the peer's Close frame (RFC 6455 §5.5.1). Empty over TLS.
    pub read: Bytes,
    /// Whether the next bytes are the rest of a frame whose beginning was taken: its header and a part of its payload are gone. A
    /// reader of frames must not go on with such a stream, since the peer chooses the bytes that it would take for a header.
    pub is_within_frame: bool,
    /// The bytes that were queued and not yet written: frames as they go over the wire. The first one lacks the bytes that were written.
    /// Empty over TLS.
    pub unsent: Bytes,
}

impl<T> Parts<T> {
    /// The parts of a plain connection. A driver has taken `pending` out of it, and has not written these bytes.
    pub(crate) fn plain(
        transport: T,
        connection: Connection,
        pending: impl IntoIterator<Item = Bytes>,
    ) -> Self {
        let is_within_frame = connection.is_within_frame();
        let (read, queued) = connection.into_buffers();
        let unsent: Vec<Bytes> = pending.into_iter().chain([queued]).collect();
        Self { transport, read, is_within_frame, unsent: unsent.concat().into() }
    }

    /// Over TLS, the bytes of the connection belong to a session that ends here.
    pub(crate) fn bare(transport: T) -> Self {
        Self { transport, read: Bytes::new(), is_within_frame: false, unsent: Bytes::new() }
    }
}

/// The bytes may be secrets: it shows their number.
impl<T: fmt::Debug> fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("transport", &self.transport)
            .field("read", &self.read.len())
            .field("is_within_frame", &self.is_within_frame)
            .field("unsent", &self.unsent.len())
            .finish()
    }
}
