//! Messages whole or in chunks, and the change from one to the other within a message.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use crate::error::{Violation, ViolationKind};
use crate::message::{Chunk, Message, MessageKind};
use crate::utf8::{Text, Utf8};

use super::partial::Assembly;
use super::{Receive, Received};

impl Receive {
    /// Hand out messages in chunks, from the one under way on; or whole again, from the next one on.
    pub(crate) fn set_chunks(&mut self, in_chunks: bool) {
        self.in_chunks = in_chunks;
    }

    pub(crate) fn is_in_chunks(&self) -> bool {
        self.in_chunks
    }

    /// The message under way is to be assembled. `bytes` has come of it in chunks, and no chunk was handed out. The message has not
    /// exceeded the limit on its size.
    pub(crate) fn take_back(&mut self, bytes: Vec<u8>) {
        let Some(message) = &mut self.message else { return };
        if let Assembly::Chunks { utf8, .. } = &mut message.data {
            message.data = match utf8.take() {
                Some(utf8) => Assembly::Text(Text::from_parts(bytes, utf8)),
                None => Assembly::Binary(bytes),
            };
        }
    }

    /// A message that has come in chunks. No chunk was handed out. The message has not exceeded the limit on its size.
    pub(crate) fn joined(kind: MessageKind, bytes: Vec<u8>) -> Message {
        match kind {
            MessageKind::Text => Message::Text(Text::from_parts(bytes, Utf8::default()).into_string().into()),
            MessageKind::Binary => Message::Binary(bytes.into()),
        }
    }

    /// If the message under way was begun in the other mode, changes its mode. The assembled bytes become the first chunk. A message in
    /// chunks is assembled, if no chunk was handed out.
    pub(super) fn apply_mode(&mut self) -> Result<Option<Received>, Violation> {
        let Some(message) = &mut self.message else { return Ok(None) };
        match (&mut message.data, self.in_chunks) {
            (Assembly::Chunks { begun: false, .. }, false) => {
                self.check_begun()?;
                self.take_back(Vec::new());
                Ok(None)
            }
            (Assembly::Chunks { .. }, _) | (_, false) => Ok(None),
            (data, true) => {
                let (bytes, utf8) = match mem::replace(data, Assembly::chunks(None)) {
                    Assembly::Text(text) => {
                        let (bytes, utf8) = text.into_parts();
                        (bytes.into(), Some(utf8))
                    }
                    Assembly::Binary(bytes) => (bytes.into(), None),
                    Assembly::Chunks { .. } => (Bytes::new(), None),
                };
                *data = Assembly::Chunks { utf8, begun: !bytes.is_empty() };
                Ok((!bytes.is_empty()).then(|| Received::Chunk(Chunk::new(message.kind, bytes, false))))
            }
        }
    }

    /// The first frame of a message that is not empty may announce more than the limit, before a byte of it was handed out.
    fn check_begun(&mut self) -> Result<(), Violation> {
        let Some(size) = self.message.as_ref().map(|message| message.size) else { return Ok(()) };
        let Some(frame) = self.frame.take_if(|_| size > self.max_message_size) else { return Ok(()) };
        // A frame whose header breaks a limit does not count.
        self.admitted.refuse_frame(frame.fin);
        Err(Violation::new(ViolationKind::MessageTooBig(size), frame.start))
    }
}
