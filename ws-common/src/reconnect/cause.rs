//! The reason for an attempt to reconnect, or for the lack of one.

#[cfg(feature = "tracing")]
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ws_core::bytestring::ByteString;
use ws_core::redacted::{Excerpt, Length};
use ws_core::{HandshakeError, Initiator};

use super::DisconnectReason;
use crate::error::{ClientError, ConnectError, OpenPhase};

/// The end that an attempt to reconnect follows, in short. `Display` is one full line.
///
/// A client reports the error itself as [`ClientEvent::Error`](crate::session::ClientEvent::Error), which comes before. A clone shares the
/// text. `Debug` shows the length of the text, because it may quote the peer.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The attempt to connect, or the connection, has failed.
    Failed {
        /// The phase of the failure.
        phase: OpenPhase,
        /// The status of the server's response, if the server refused the handshake, or named another URL.
        status: Option<u16>,
        /// The error in one line.
        message: Arc<str>,
    },
    /// The connection was closed without a failure.
    Closed {
        /// The code; 1005 if the Close frame had none.
        code: u16,
        /// The reason in the Close frame; empty if there was none.
        reason: ByteString,
        /// The side that began to close.
        initiator: Initiator,
    },
    /// The program called `reconnect_after` while there was neither a connection nor an attempt.
    Requested,
}

/// The reason for which a client does not reconnect: its last word. `Display` is one full line.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GiveUp {
    /// The policy does not retry such an end: see [`Reconnect`](crate::reconnect::Reconnect).
    NotRetried(Cause),
    /// The number of attempts in a row has reached this limit ([`Reconnect::max_attempts`](crate::reconnect::Reconnect::max_attempts)).
    Attempts(u32),
    /// The next attempt would begin later than this after the first
    /// ([`Reconnect::max_elapsed`](crate::reconnect::Reconnect::max_elapsed)).
    Elapsed(Duration),
    /// The hook of [`Reconnect::decide`](crate::reconnect::Reconnect::decide) said [`RetryDecision::Stop`](crate::reconnect::RetryDecision::Stop) about this end.
    Stopped(Cause),
    /// The program called `close`.
    Closed,
    /// The program called `abort`.
    Aborted,
    /// The program called `cancel_reconnect`.
    Cancelled,
    /// A hook of the program panicked: the one that was set by this method, `prepare`, `connector`, `decide` or `on_redirect`.
    HookPanicked(&'static str),
}

impl GiveUp {
    /// The kind of the reason. The reason itself may quote the peer.
    #[cfg(feature = "tracing")]
    pub(crate) fn kind(&self) -> Cow<'static, str> {
        let kind = match self {
            Self::NotRetried(_) => "the end is not retried",
            Self::Stopped(_) => "the hook said stop",
            Self::Attempts(_) | Self::Elapsed(_) => return self.to_string().into(),
            Self::Closed | Self::Aborted | Self::Cancelled => "the program ended it",
            Self::HookPanicked(_) => "a hook panicked",
        };
        kind.into()
    }

    /// The end that is the reason, if one is.
    #[cfg(feature = "tracing")]
    pub(crate) fn cause(&self) -> Option<&Cause> {
        match self {
            Self::NotRetried(cause) | Self::Stopped(cause) => Some(cause),
            _ => None,
        }
    }
}

impl Cause {
    pub(crate) fn of_error(error: &ClientError) -> Self {
        let status = match error {
            ClientError::Connect(error) => status(error),
            _ => None,
        };
        Self::Failed { phase: error.phase(), status, message: error.to_string().into() }
    }

    /// The cause without words of the peer, for traces.
    #[cfg(feature = "tracing")]
    pub(crate) fn traced(&self) -> String {
        match self {
            Self::Failed { phase, status: Some(status), .. } => {
                format!("failed in {phase} with status {status}")
            }
            Self::Failed { phase, status: None, .. } => format!("failed in {phase}"),
            Self::Closed { code, reason: _, initiator } => {
                let cause = Self::Closed { code: *code, reason: ByteString::new(), initiator: *initiator };
                cause.to_string()
            }
            Self::Requested => self.to_string(),
        }
    }

    /// Memory that the cause holds apart from itself, in bytes.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Failed { message, .. } => message.len(),
            Self::Closed { reason, .. } => reason.len(),
            Self::Requested => 0,
        }
    }
}

fn status(error: &ConnectError) -> Option<u16> {
    match error {
        ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } => {
            Some(rejected.response.status())
        }
        ConnectError::Redirect(refused) => Some(refused.status),
        _ => None,
    }
}

impl From<&DisconnectReason<'_>> for Cause {
    fn from(end: &DisconnectReason<'_>) -> Self {
        match end {
            DisconnectReason::Failed(error) => Self::Failed {
                phase: error.phase(),
                status: status(error),
                message: error.to_string().into(),
            },
            DisconnectReason::Closed { error: Some(error), .. } => Self::of_error(error),
            DisconnectReason::Closed { closed, error: None } => {
                Self::Closed { code: closed.code, reason: closed.reason.clone(), initiator: closed.initiator }
            }
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { phase, status, message } => f
                .debug_struct("Failed")
                .field("phase", phase)
                .field("status", status)
                .field("message", &Length(message.len()))
                .finish(),
            Self::Closed { code, reason, initiator } => f
                .debug_struct("Closed")
                .field("code", code)
                .field("reason", &Excerpt::new(reason))
                .field("initiator", initiator)
                .finish(),
            Self::Requested => f.write_str("Requested"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { message, .. } => f.write_str(message),
            Self::Closed { code, reason, initiator } => {
                let by = match initiator {
                    Initiator::Local => "us",
                    Initiator::Remote => "the peer",
                };
                write!(f, "closed by {by} with code {code}")?;
                if reason.is_empty() { Ok(()) } else { write!(f, " ({})", Excerpt::words(reason)) }
            }
            Self::Requested => f.write_str("the program called reconnect_after"),
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRetried(cause) => write!(f, "the policy does not reconnect after this end: {cause}"),
            Self::Attempts(limit) => {
                let s = if *limit == 1 { "" } else { "s" };
                write!(f, "the limit of {limit} attempt{s} to reconnect (max_attempts) is reached")
            }
            Self::Elapsed(limit) => {
                write!(f, "reconnecting would take longer than the limit of {limit:?} (max_elapsed)")
            }
            Self::Stopped(cause) => {
                write!(f, "the hook `decide` stopped reconnecting after this end: {cause}")
            }
            Self::Closed => f.write_str("the program closed the client"),
            Self::Aborted => f.write_str("the program aborted the client"),
            Self::Cancelled => f.write_str("the program cancelled reconnecting"),
            Self::HookPanicked(hook) => write!(f, "the hook `{hook}` panicked"),
        }
    }
}

impl std::error::Error for GiveUp {}
