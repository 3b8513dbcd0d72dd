//! The failures that a client reports.

use std::fmt;
use std::time::Duration;

use ws_core::Error;

use super::{ConnectError, OpenPhase};

/// Why a connection, or the attempt at one, failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// There was no connection yet.
    Connect(ConnectError),
    /// The open connection broke.
    Connection(Error),
    /// The peer did not confirm what was sent within `confirm_timeout`, which is this long.
    Unconfirmed(Duration),
    /// A hook of the user panicked. No attempt follows, unless the user wants one
    /// ([`reconnect_after`](crate::session::Session::reconnect_after)).
    HookPanicked {
        /// The method that set the hook: `prepare`, `decide`, `on_redirect` or `on_open`.
        hook: &'static str,
        /// The failure that `decide` was asked about, if there was one.
        end: Option<Box<ClientError>>,
    },
    /// The peer answers pings, but its pongs do not repeat the payload of the pings, as RFC 6455 §5.5.3 asks for. So nothing can
    /// be proven, and the peer cannot be used with [`Delivery::Confirmed`](crate::session::Delivery::Confirmed). It is a final end
    /// ([`DisconnectReason::is_final`](crate::reconnect::DisconnectReason::is_final)): no attempt follows, unless a hook ([`decide`](crate::reconnect::Reconnect::decide)) or the user
    /// ([`reconnect_after`](crate::session::Session::reconnect_after)) wants one.
    ///
    /// It takes the place of `Unconfirmed` if each ping that left on the connection was answered by such a pong, if there were no more
    /// pongs than pings, and if the peer has never repeated a payload. One ping on one connection is not enough: there must be two, or
    /// two such connections in a row. For example, a server with pongs of its own accord that freezes is `Unconfirmed`.
    Unconfirmable,
    /// No byte of a data message came within `idle_timeout`, which is this long.
    Idle(Duration),
    /// The messages of [`on_open`](crate::session::ClientBuilder::on_open) exceed `max_send_buffer`. None of them was sent. It is a final
    /// end: another attempt would meet the same limit.
    OpeningTooLarge {
        /// The bytes that the messages count for.
        size: usize,
        /// The value of `max_send_buffer`, in bytes.
        limit: usize,
    },
}

impl ClientError {
    /// In which phase it happened.
    pub fn phase(&self) -> OpenPhase {
        match self {
            Self::Connect(error) => error.phase(),
            Self::Connection(error) => OpenPhase::of(error),
            Self::Unconfirmed(_) | Self::Idle(_) => OpenPhase::Timeout,
            Self::HookPanicked { .. } | Self::OpeningTooLarge { .. } => OpenPhase::Setup,
            Self::Unconfirmable => OpenPhase::Protocol,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Connection(error) => error.fmt(f),
            Self::Unconfirmed(timeout) => {
                write!(f, "the peer did not confirm the sent messages in {timeout:?} (confirm_timeout)")
            }
            Self::HookPanicked { hook, end: None } => write!(f, "the hook `{hook}` panicked"),
            Self::HookPanicked { hook, end: Some(end) } => {
                write!(f, "the hook `{hook}` panicked when it was asked about this end: {end}")
            }
            Self::Unconfirmable => f.write_str(
                "this peer cannot be used with confirmed delivery: its pongs do not repeat the payload of our pings",
            ),
            Self::Idle(timeout) => {
                write!(f, "no byte of a data message came in {timeout:?} (idle_timeout)")
            }
            Self::OpeningTooLarge { size, limit } => {
                write!(f, "the messages of on_open have {size} bytes, over max_send_buffer ({limit} bytes)")
            }
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => std::error::Error::source(error),
            Self::Connection(error) => std::error::Error::source(error),
            Self::Unconfirmed(_) | Self::Unconfirmable | Self::Idle(_) | Self::OpeningTooLarge { .. } => None,
            // The end itself was told by `Display`.
            Self::HookPanicked { end, .. } => end.as_deref().and_then(std::error::Error::source),
        }
    }
}
