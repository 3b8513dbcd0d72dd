//! The chunks of one message, as a reader hands them out.

use std::{fmt, io};

use ws_core::bytes::Bytes;
use ws_core::redacted::PayloadExcerpt;
use ws_core::{DataPoll, Error, MessageKind, StreamError};

/// Largest fragment that one call of a writer takes, in bytes.
pub const MAX_FRAGMENT: usize = 64 * 1024;

/// How far a message is that is received in chunks: what an adapter's reader keeps, apart from its way to the connection.
pub struct Chunks {
    kind: MessageKind,
    first: Option<Bytes>,
    is_last: bool,
}

impl Chunks {
    /// A message of which this came first; `None` at the end of the connection. A message that was read ahead whole is a
    /// single chunk.
    pub fn begin(data: DataPoll) -> Option<Self> {
        match data {
            DataPoll::Message(message) => {
                let kind = message.kind();
                Some(Self { kind, first: Some(message.into_bytes()), is_last: true })
            }
            DataPoll::Chunk(chunk) => {
                Some(Self { kind: chunk.kind, first: Some(chunk.bytes), is_last: chunk.last })
            }
            _ => None,
        }
    }

    /// The type of the message.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The chunk that is there already, if it was not handed out.
    pub fn take_first(&mut self) -> Option<Bytes> {
        self.first.take()
    }

    /// Copies the beginning of a chunk to `buffer`, and says how many bytes that is. The rest is the chunk that is there already.
    pub fn copy(&mut self, mut chunk: Bytes, buffer: &mut [u8]) -> usize {
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk.split_to(n));
        self.first = Some(chunk).filter(|rest| !rest.is_empty());
        n
    }

    /// Whether no chunk follows that is yet to come.
    pub fn is_complete(&self) -> bool {
        self.is_last
    }

    /// The chunk that came next. A failure is told once; so is an end of the connection within the message, which must not look
    /// like the message's: [`Error::Unfinished`].
    pub fn next(&mut self, data: Result<DataPoll, Error>) -> Result<Option<Bytes>, Error> {
        self.is_last = true;
        match data? {
            DataPoll::Chunk(chunk) => {
                self.is_last = chunk.last;
                Ok(Some(chunk.bytes))
            }
            _ => Err(Error::Unfinished),
        }
    }
}

/// The error of a reader that is used by the traits for streams of bytes.
pub fn read_error(error: Error) -> io::Error {
    let kind = match error {
        Error::Unfinished => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The error of a writer that is used by the traits for streams of bytes.
pub fn write_error(error: StreamError) -> io::Error {
    let kind = match error {
        StreamError::Closed | StreamError::TooLate => io::ErrorKind::BrokenPipe,
        StreamError::InvalidUtf8 => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("kind", &self.kind)
            .field("first", &self.first.as_deref().map(PayloadExcerpt))
            .field("is_last", &self.is_last)
            .finish()
    }
}
