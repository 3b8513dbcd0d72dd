//! The first words of a peer that speaks another protocol.

use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

use crate::redacted::PayloadExcerpt;

/// The beginning of the first line of a peer that speaks another protocol, at most 64 bytes.
///
/// `Debug` and `Display` show its first eight bytes. It dereferences to all of them.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstLine(Bytes);

impl FirstLine {
    /// The beginning of the first line in `buffer`.
    pub fn of(buffer: &[u8]) -> Self {
        let line = buffer.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
        Self(Bytes::copy_from_slice(&line[..line.len().min(64)]))
    }
}

impl Deref for FirstLine {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&PayloadExcerpt(&self.0), f)
    }
}

impl fmt::Debug for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&PayloadExcerpt(&self.0), f)
    }
}
