//! The pieces of one message, as a reader hands them out.

use ws_core::bytes::Bytes;
use ws_core::{Data, Error, Kind};

/// How far a message is that is received in pieces: what an adapter's reader keeps, apart from its way to the connection.
#[derive(Debug)]
pub struct Pieces {
    kind: Kind,
    first: Option<Bytes>,
    is_last: bool,
}

impl Pieces {
    /// A message of which this came first; `None` at the end of the connection. A message that was read ahead whole is a
    /// single piece.
    pub fn begin(data: Data) -> Option<Self> {
        match data {
            Data::Message(message) => {
                let kind = message.kind();
                Some(Self { kind, first: Some(message.into_bytes()), is_last: true })
            }
            Data::Piece(piece) => {
                Some(Self { kind: piece.kind, first: Some(piece.bytes), is_last: piece.last })
            }
            _ => None,
        }
    }

    /// The type of the message.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The piece that is there already, if it was not handed out.
    pub fn take_first(&mut self) -> Option<Bytes> {
        self.first.take()
    }

    /// Whether no piece follows that is yet to come.
    pub fn is_complete(&self) -> bool {
        self.is_last
    }

    /// The piece that came next. A failure is told once; so is an end of the connection within the message, which must not look
    /// like the message's: [`Error::Unfinished`].
    pub fn next(&mut self, data: Result<Data, Error>) -> Result<Option<Bytes>, Error> {
        self.is_last = true;
        match data? {
            Data::Piece(piece) => {
                self.is_last = piece.last;
                Ok(Some(piece.bytes))
            }
            _ => Err(Error::Unfinished),
        }
    }
}
