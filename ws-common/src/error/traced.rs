//! The part of an error that traces may show.
//!
//! They show the status of a refusal by itself, and no text that quotes the peer, which may repeat secrets.

use std::fmt;

use ws_core::{HandshakeError, RequestError};

use super::{AcceptError, ConnectError};
use crate::proxy::ProxyError;

impl ConnectError {
    pub(crate) fn rejection(&self) -> Option<u16> {
        match self {
            Self::Handshake { source, .. } => rejection(source),
            Self::Proxy { source: ProxyError::Refused(refusal), .. } => Some(refusal.response.status()),
            _ => None,
        }
    }

    pub(crate) fn traced(&self) -> &dyn fmt::Display {
        match self {
            Self::Handshake { source, .. } => traced(source),
            Self::Tls { source, .. } if source.is_not_tls() => NOT_TLS,
            Self::Proxy { source, .. } => source.traced().unwrap_or(self),
            Self::Redirect(_) => &"the redirect is refused",
            error => error,
        }
    }
}

impl AcceptError {
    pub(crate) fn rejection(&self) -> Option<u16> {
        match self {
            Self::Handshake(error) => rejection(error),
            _ => None,
        }
    }

    pub(crate) fn traced(&self) -> &dyn fmt::Display {
        match self {
            Self::Handshake(error) => traced(error),
            Self::Tls(error) if error.is_not_tls() => NOT_TLS,
            error => error,
        }
    }
}

const NOT_TLS: &&str = &"the peer does not speak TLS";

fn rejection(error: &HandshakeError) -> Option<u16> {
    match error {
        HandshakeError::Rejected(rejected) => Some(rejected.response.status()),
        _ => None,
    }
}

fn traced(error: &HandshakeError) -> &dyn fmt::Display {
    match error {
        // An operator needs both values to see which setting is missing. Neither is a secret.
        HandshakeError::Request(RequestError::ForeignOrigin { .. }) => error,
        HandshakeError::Response(_) | HandshakeError::Request(_) => &"it is no WebSocket handshake",
        error => error,
    }
}
