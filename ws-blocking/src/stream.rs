//! Messages that are never whole in memory.

use std::io::{self, Read, Write};

use ws_common::Chunks;
use ws_common::chunks::{MAX_FRAGMENT, read_error, write_error};
use ws_core::bytes::Bytes;
use ws_core::{DataPoll, Error, MessageKind, StreamError};

use crate::shared::SharedConnection;
use crate::transport::Transport;

/// A message that is being sent in fragments; see [`WebSocket::send_stream`](crate::WebSocket::send_stream).
///
/// Dropped before [`finish`](Self::finish), it closes the connection with 1011: a cut message must not look whole.
pub struct MessageWriter<'a, S: Transport> {
    shared: &'a SharedConnection<S>,
    is_finished: bool,
}

impl<'a, S: Transport> MessageWriter<'a, S> {
    pub(crate) fn new(shared: &'a SharedConnection<S>, kind: MessageKind) -> Result<Self, StreamError> {
        shared.start_message(kind)?;
        Ok(Self { shared, is_finished: false })
    }

    /// Waits for room, then queues the next fragment as a frame of its own. Text may be cut anywhere.
    pub fn write(&mut self, fragment: impl AsRef<[u8]>) -> Result<(), StreamError> {
        self.shared.send_fragment(fragment.as_ref())
    }

    /// Waits until the transport has taken what was written.
    pub fn flush(&mut self) -> Result<(), StreamError> {
        self.shared.flush().map_err(|_| StreamError::Closed)
    }

    /// Ends the message, and waits until the transport has taken it.
    ///
    /// An error if a text ends within a character; then the connection is closed with 1011.
    pub fn finish(mut self) -> Result<(), StreamError> {
        self.shared.finish_message(&mut self.is_finished)
    }
}

/// Each write is a fragment, of at most 64 KiB: small writes want a buffer before them. [`finish`](MessageWriter::finish) ends the message.
impl<S: Transport> Write for MessageWriter<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let fragment = &bytes[..bytes.len().min(MAX_FRAGMENT)];
        self.shared.send_fragment(fragment).map_err(write_error)?;
        Ok(fragment.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        MessageWriter::flush(self).map_err(write_error)
    }
}

impl<S: Transport> Drop for MessageWriter<'_, S> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.shared.abort_message();
        }
    }
}

/// A message that is being received in chunks; see [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
///
/// Dropped before its end, the rest of the message is passed over.
pub struct MessageReader<'a, S: Transport> {
    shared: &'a SharedConnection<S>,
    chunks: Chunks,
}

impl<'a, S: Transport> MessageReader<'a, S> {
    pub(crate) fn begin(shared: &'a SharedConnection<S>) -> Result<Option<Self>, Error> {
        // What is left of a message whose reader was dropped.
        while shared.with(|connection| connection.is_within_chunks()) {
            if shared.next_chunk()? == DataPoll::Ended {
                return Ok(None);
            }
        }
        let chunks = Chunks::begin(shared.next_chunk()?);
        Ok(chunks.map(|chunks| Self { shared, chunks }))
    }

    /// The type of the message.
    pub fn kind(&self) -> MessageKind {
        self.chunks.kind()
    }

    /// The next chunk, at most as large as what was read at once; `None` after the last.
    ///
    /// Text was checked as far as it came, but a character may be cut in two by the border of two chunks.
    ///
    /// An error if the message was cut off: why the connection failed, or [`Error::Unfinished`] if it was closed in order.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(first) = self.chunks.take_first() {
            return Ok(Some(first));
        }
        if self.chunks.is_complete() {
            return Ok(None);
        }
        self.chunks.next(self.shared.next_chunk())
    }
}

/// A message that was cut off is an error of the kind `UnexpectedEof`.
impl<S: Transport> Read for MessageReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n == 0 && !buffer.is_empty() {
            let Some(chunk) = self.next_chunk().map_err(read_error)? else { break };
            n = self.chunks.copy(chunk, buffer);
        }
        Ok(n)
    }
}
