//! Messages that are never whole in memory.

use ws_common::Chunks;
use ws_core::bytes::Bytes;
use ws_core::{Error, MessageKind, StreamError};

use crate::operations::{self, Access};

/// A message that is being sent in parts; see [`WebSocket::send_stream`](crate::WebSocket::send_stream).
///
/// Dropped before [`finish`](Self::finish), it closes the connection with 1011: a cut message must not look whole.
pub struct MessageWriter<'a, A: Access> {
    access: &'a mut A,
    is_finished: bool,
}

impl<'a, A: Access> MessageWriter<'a, A> {
    pub(crate) fn new(access: &'a mut A, kind: MessageKind) -> Result<Self, StreamError> {
        operations::start_message(access, kind)?;
        Ok(Self { access, is_finished: false })
    }

    /// Waits for room, then queues the next fragment as a frame of its own. Text may be cut anywhere.
    ///
    /// Cancel safety: dropped before there is room, nothing of the fragment is sent; else all of it.
    pub async fn write(&mut self, fragment: impl AsRef<[u8]>) -> Result<(), StreamError> {
        operations::send_fragment(self.access, fragment.as_ref(), false).await
    }

    /// Waits until the transport has taken what was written. Cancel safe.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        operations::flush(self.access).await.map_err(|_| StreamError::Closed)
    }

    /// Ends the message, and waits until the transport has taken it.
    ///
    /// An error if a text ends within a character; then the connection is closed with 1011.
    /// Cancel safety: dropped before it is done, the message may be cut, and the connection is closed with 1011.
    pub async fn finish(mut self) -> Result<(), StreamError> {
        operations::send_fragment(self.access, &[], true).await?;
        self.is_finished = true;
        self.flush().await
    }
}

impl<A: Access> Drop for MessageWriter<'_, A> {
    fn drop(&mut self) {
        if !self.is_finished {
            operations::abort_message(self.access);
        }
    }
}

/// A message that is being received in chunks; see [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
///
/// Dropped before its end, the rest of the message is passed over.
pub struct MessageReader<'a, A: Access> {
    access: &'a mut A,
    chunks: Chunks,
}

impl<'a, A: Access> MessageReader<'a, A> {
    pub(crate) async fn begin(access: &'a mut A) -> Result<Option<Self>, Error> {
        let chunks = Chunks::begin(operations::first_chunk(access).await?);
        Ok(chunks.map(|chunks| Self { access, chunks }))
    }

    /// The type of the message.
    pub fn kind(&self) -> MessageKind {
        self.chunks.kind()
    }

    /// The next chunk, at most as large as what was read at once; `None` after the last.
    ///
    /// Text was checked as far as it came, but a character may be cut in two by the border of two chunks. Cancel safe.
    ///
    /// An error if the message was cut off: why the connection failed, or [`Error::Unfinished`] if it was closed in order.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(first) = self.chunks.take_first() {
            return Ok(Some(first));
        }
        if self.chunks.is_complete() {
            return Ok(None);
        }
        self.chunks.next(operations::next_chunk(self.access).await)
    }
}
