//! Messages that are never whole in memory.

use ws_common::Chunks;
use ws_core::bytes::Bytes;
use ws_core::{Error, MessageKind, StreamError};

use crate::operations::{self, Access};

/// A message that is being sent in parts; see [`WebSocket::send_stream`](crate::WebSocket::send_stream).
pub struct MessageWriter<'a, A: Access> {
    access: &'a mut A,
    is_finished: bool,
}

impl<'a, A: Access> MessageWriter<'a, A> {
    pub(crate) fn new(access: &'a mut A, kind: MessageKind) -> Result<Self, StreamError> {
        operations::start_message(access, kind)?;
        Ok(Self { access, is_finished: false })
    }

    /// Waits for room, then queues the next fragment as a frame of its own.
    pub async fn write(&mut self, fragment: impl AsRef<[u8]>) -> Result<(), StreamError> {
        operations::send_fragment(self.access, fragment.as_ref(), false).await
    }

    /// Waits until the transport has taken all fragments.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        operations::flush(self.access).await.map_err(|_| StreamError::Closed)
    }

    /// Ends the message, and waits until the transport has taken it.
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
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(first) = self.chunks.take_first() {
            return Ok(Some(first));
        }
        if self.chunks.is_complete() {
            return Ok(None);
        }
        self.chunks.next(operations::next_chunk(self.access).await)
    }
}
