//! Messages that are never whole in memory.

use std::io;
use std::task::{Context, Poll, ready};

use ws_common::Chunks;
use ws_common::chunks::{MAX_FRAGMENT, read_error, write_error};
use ws_core::bytes::Bytes;
use ws_core::{Error, MessageKind, StreamError};

use crate::operations::{self, Access};
use crate::socket::Socket;

/// A message that is being sent in fragments; see [`WebSocket::send_stream`](crate::WebSocket::send_stream).
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
        if !self.is_finished {
            operations::send_fragment(self.access, &[], true).await?;
            self.is_finished = true;
        }
        self.flush().await
    }

    /// Writes the beginning of `bytes`, or all of them, as one fragment, for a trait of a runtime.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let fragment = &bytes[..bytes.len().min(MAX_FRAGMENT)];
        let written = self.access.poll_unguarded(cx, |socket, cx| socket.poll_fragment(cx, fragment, false));
        written.map(|result| result.map(|()| fragment.len()).map_err(write_error))
    }

    /// Waits until the transport has taken all fragments, for a trait of a runtime.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.access.poll_unguarded(cx, Socket::poll_flush);
        flushed.map(|result| result.map_err(|_| write_error(StreamError::Closed)))
    }

    /// Ends the message, for a trait of a runtime.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_finished {
            let ended = self.access.poll_unguarded(cx, |socket, cx| socket.poll_fragment(cx, &[], true));
            ready!(ended).map_err(write_error)?;
            self.is_finished = true;
        }
        self.poll_flush(cx)
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

    /// Reads bytes of the message into `buffer`, for a trait of a runtime; 0 at the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut n = 0;
        while n == 0 && !buffer.is_empty() {
            let chunk = match self.chunks.take_first() {
                Some(first) => first,
                None if self.chunks.is_complete() => break,
                None => {
                    let data = ready!(self.access.poll_unguarded(cx, operations::poll_chunk));
                    let Some(chunk) = self.chunks.next(data).map_err(read_error)? else { break };
                    chunk
                }
            };
            n = self.chunks.copy(chunk, buffer);
        }
        Poll::Ready(Ok(n))
    }
}
