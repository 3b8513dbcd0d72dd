//! Messages, control frames and ends, as a scripted server receives them.

use std::fmt;

/// Longest excerpt of a payload in `Display`, in characters or bytes.
const EXCERPT: usize = 200;

/// A message, a control frame, or the end of the stream, as a scripted server has received it. Fragments are joined.
///
/// `Display` names it in plain words, for example `the text "login"`. It shows up to 200 characters of a payload.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Arrival {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping, with its payload.
    Ping(Vec<u8>),
    /// A pong, with its payload.
    Pong(Vec<u8>),
    /// A Close frame.
    Close {
        /// Its code; `None` if the frame was empty.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
    /// The end of the stream.
    End,
    /// A reset of the connection.
    Reset,
}

impl Arrival {
    /// A text, to compare with.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Whether it is a ping or a pong.
    pub(super) fn is_keepalive(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Pong(_))
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "the text {}", quoted(text)),
            Self::Binary(payload) => write!(f, "the binary message {}", listed(payload)),
            Self::Ping(payload) => write!(f, "a ping with {}", listed(payload)),
            Self::Pong(payload) => write!(f, "a pong with {}", listed(payload)),
            Self::Close { code: None, .. } => f.write_str("Close without a code"),
            Self::Close { code: Some(code), reason } => write!(f, "Close {code} {}", quoted(reason)),
            Self::End => f.write_str("the end of the stream"),
            Self::Reset => f.write_str("a reset of the connection"),
        }
    }
}

/// A text in quotes, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{:?}… ({} bytes)", &text[..at], text.len()),
        None => format!("{text:?}"),
    }
}

/// Bytes as a literal of Rust, cut where there are many.
pub(super) fn listed(payload: &[u8]) -> String {
    let excerpt = payload[..payload.len().min(EXCERPT)].escape_ascii();
    let more = if payload.len() > EXCERPT { "…" } else { "" };
    format!("b\"{excerpt}\"{more} ({} bytes)", payload.len())
}
