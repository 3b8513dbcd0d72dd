//! The payload of a Close frame (RFC 6455 §5.5.1 and §7.4).

mod convert;

use core::fmt;

use bytestring::ByteString;

use crate::redacted::Excerpt;

/// A status code that may stand in a Close frame: 1000–1003, 1007–1014 and 3000–4999 (RFC 6455 §7.4, and the
/// registry of the IANA for 1012–1014).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that the endpoint cannot accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: data that is not what the type of the message says, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message that violates the endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message that is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the server did not negotiate an extension that the client needs.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// 1011: something unexpected prevents the endpoint from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from its upstream.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code, if it may stand in a Close frame.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidClose;
    fn try_from(code: u16) -> Result<Self, InvalidClose> {
        Self::new(code).ok_or(InvalidClose::Code(code))
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a Close frame cannot say that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidClose {
    /// The code may not stand in a Close frame.
    Code(u16),
    /// The reason is longer than 123 bytes: with the code, a control frame holds 125 (RFC 6455 §5.5).
    ReasonTooLong(usize),
}

impl fmt::Display for InvalidClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => {
                write!(f, "close code {code} may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999")
            }
            Self::ReasonTooLong(n) => write!(f, "a close reason of {n} bytes is over the limit of 123"),
        }
    }
}

impl core::error::Error for InvalidClose {}

/// The content of a Close frame: nothing, or a code with a reason. Every call that closes takes a [`CloseCode`], a number, either of
/// them with a reason, or `None`:
///
/// ```
/// use ws_core::{CloseCode, CloseFrame};
///
/// fn close(frame: impl Into<CloseFrame>) -> CloseFrame {
///     frame.into()
/// }
///
/// assert_eq!(close(1000), close(CloseCode::NORMAL));
/// assert_eq!(close((4000, "done")).to_string(), "code 4000 (\"done\")");
/// assert_eq!(close((CloseCode::NORMAL, "x".repeat(200))).reason().len(), CloseFrame::MAX_REASON);
/// assert_eq!(close(None), CloseFrame::EMPTY);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct CloseFrame(Option<(CloseCode, ByteString)>);

impl CloseFrame {
    /// The longest reason, in bytes.
    pub const MAX_REASON: usize = 123;

    /// A Close frame without a payload: the peer reports 1005.
    pub const EMPTY: Self = Self(None);

    /// A Close frame with a code and a reason of at most 123 bytes, which may be empty.
    pub fn new(code: CloseCode, reason: impl Into<ByteString>) -> Result<Self, InvalidClose> {
        let reason = reason.into();
        if reason.len() > Self::MAX_REASON {
            return Err(InvalidClose::ReasonTooLong(reason.len()));
        }
        Ok(Self(Some((code, reason))))
    }

    /// The code, unless the frame is empty.
    pub fn code(&self) -> Option<CloseCode> {
        self.0.as_ref().map(|(code, _)| *code)
    }

    /// The reason; empty if there is none.
    pub fn reason(&self) -> &str {
        self.0.as_ref().map_or("", |(_, reason)| reason)
    }

    /// The code as an application sees it: 1005 for an empty frame (RFC 6455 §7.1.5).
    pub fn status(&self) -> u16 {
        self.code().map_or(NO_STATUS, u16::from)
    }

    pub(crate) fn into_status_and_reason(self) -> (u16, ByteString) {
        self.0.map_or((NO_STATUS, ByteString::new()), |(code, reason)| (code.into(), reason))
    }
}

/// Shows eight characters of the reason.
impl fmt::Debug for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.as_ref().map(|(code, reason)| (code, Excerpt::new(reason)));
        f.debug_tuple("CloseFrame").field(&shown).finish()
    }
}

/// Shows the code, and 80 characters of the reason.
impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("no code"),
            Some((code, reason)) if reason.is_empty() => write!(f, "code {code}"),
            Some((code, reason)) => write!(f, "code {code} ({})", Excerpt::words(reason)),
        }
    }
}

/// The content of a peer's Close frame that breaks a rule, as far as it can be read.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IllegalClose {
    /// The code, which may be one that is not allowed on the wire.
    pub code: u16,
    /// The reason up to its first byte that is not UTF-8. After an illegal code, as much of it as has come with the code.
    pub reason: ByteString,
}

impl IllegalClose {
    pub(crate) fn new(code: u16, reason: &[u8]) -> Self {
        let readable = reason.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        Self { code, reason: readable.into() }
    }
}

impl fmt::Debug for IllegalClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IllegalClose")
            .field("code", &self.code)
            .field("reason", &Excerpt::new(&self.reason))
            .finish()
    }
}

impl fmt::Display for IllegalClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a Close frame with code {}", self.code)?;
        if self.reason.is_empty() {
            Ok(())
        } else {
            write!(f, " and the reason {}", Excerpt::words(&self.reason))
        }
    }
}

/// RFC 6455 §7.4.1: reported for a Close frame without a code.
const NO_STATUS: u16 = 1005;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_on_the_wire() {
        let legal = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode::new(code).is_some(), legal(code), "{code}");
        }
    }

    #[test]
    fn a_reason_has_at_most_123_bytes() {
        assert!(CloseFrame::new(CloseCode::NORMAL, "x".repeat(123)).is_ok());
        let error = CloseFrame::new(CloseCode::NORMAL, "x".repeat(124)).unwrap_err();
        assert_eq!(error, InvalidClose::ReasonTooLong(124));
    }
}
