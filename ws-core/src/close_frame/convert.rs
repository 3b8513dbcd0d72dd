//! What a Close frame can be made of.

use alloc::format;

use bytestring::ByteString;

use super::{CloseCode, CloseFrame};

impl CloseFrame {
    /// A Close frame with a code, and as much of the reason as fits: its first 123 bytes, less the bytes of a character that is cut.
    pub fn cut(code: CloseCode, reason: &str) -> Self {
        let fits = |end: &usize| reason.is_char_boundary(*end);
        let end = (0..=reason.len().min(Self::MAX_REASON)).rev().find(fits).unwrap_or(0);
        Self(Some((code, ByteString::from(&reason[..end]))))
    }

    /// The frame for a code of the program's choice.
    fn with_code(code: u16, reason: &str) -> Self {
        match CloseCode::new(code) {
            Some(code) => Self::cut(code, reason),
            // RFC 6455 §7.4.1: this code stands for a frame without a code.
            None if code == 1005 => Self::EMPTY,
            None => Self::cut(CloseCode::INTERNAL_ERROR, &format!("close code {code} may not be sent")),
        }
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self(Some((code, ByteString::new())))
    }
}

/// A code without a reason. 1005 is a frame without a code. Any other code that [may not be sent](CloseCode) becomes 1011, with a
/// reason that names it; [`CloseCode::new`] checks a code that the program does not know.
impl From<u16> for CloseFrame {
    fn from(code: u16) -> Self {
        Self::with_code(code, "")
    }
}

/// A code with a reason, which is [cut](CloseFrame::cut) at 123 bytes.
impl<S: AsRef<str>> From<(CloseCode, S)> for CloseFrame {
    fn from((code, reason): (CloseCode, S)) -> Self {
        Self::cut(code, reason.as_ref())
    }
}

/// A code, as in `From<u16>`, with a reason, which is [cut](CloseFrame::cut) at 123 bytes.
impl<S: AsRef<str>> From<(u16, S)> for CloseFrame {
    fn from((code, reason): (u16, S)) -> Self {
        Self::with_code(code, reason.as_ref())
    }
}

/// `None` is a frame without a code.
impl From<Option<Self>> for CloseFrame {
    fn from(frame: Option<Self>) -> Self {
        frame.unwrap_or(Self::EMPTY)
    }
}
