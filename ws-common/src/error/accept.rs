//! The failure of a server that has no connection.

use std::net::IpAddr;
use std::time::Duration;
use std::{fmt, io};

use ws_core::HandshakeError;

use crate::phase::OpenPhase;
use crate::tls::{TlsConfigError, TlsError, write_tls};
use crate::trusted_proxy::TrustedProxyError;

/// Why a server has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// From `Listener::accept`: the listening socket can accept no client, now or later. From `Incoming::accept`: the system gave no
    /// random numbers.
    Io(io::Error),
    /// TLS cannot be set up as it was asked for.
    TlsConfig(TlsConfigError),
    /// TLS with the client failed.
    Tls(TlsError),
    /// The opening handshake failed; the client was answered as fits.
    Handshake(HandshakeError),
    /// The client did not get so far in `open_timeout`, or did not take the answer.
    Timeout {
        /// The phase in which the time passed.
        phase: OpenPhase,
        /// The value of `open_timeout`.
        open_timeout: Duration,
    },
    /// The connection does not come from the proxy that
    /// [`trusted_proxy`](crate::AcceptOptions::trusted_proxy) announces. The client was answered with 400, unless it awaits TLS.
    TrustedProxy(TrustedProxyError),
    /// The client behind a trusted proxy is at
    /// [`max_connections_per_client`](crate::AcceptOptions::max_connections_per_client). It was answered with 503, unless it awaits TLS.
    ClientLimit {
        /// The client.
        client: IpAddr,
        /// The value of `max_connections_per_client`.
        limit: usize,
    },
    /// The program took longer for its decision than this `decide_timeout`. The client was answered with 503.
    DecideTimeout(Duration),
    /// The server refused the request with this status.
    Rejected(u16),
    /// The listener is shutting down.
    Shutdown,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(source) => write!(f, "accepting a connection failed: {source}"),
            Self::TlsConfig(error) => error.fmt(f),
            Self::Tls(error) => {
                f.write_str("TLS failed: ")?;
                write_tls(f, error, "ws, not wss")
            }
            Self::Handshake(HandshakeError::UnexpectedEof(0)) => {
                f.write_str("the client ended the stream without a request")
            }
            Self::Handshake(error) => error.fmt(f),
            Self::Timeout { phase, open_timeout } => {
                write!(f, "the client was not done in {open_timeout:?} (open_timeout) with: {phase}")
            }
            Self::TrustedProxy(error) => error.fmt(f),
            Self::ClientLimit { client, limit } => {
                let s = if *limit == 1 { "" } else { "s" };
                write!(
                    f,
                    "the client {client} has {limit} connection{s} (max_connections_per_client) already"
                )
            }
            Self::DecideTimeout(limit) => {
                write!(f, "the program took longer for its decision than decide_timeout ({limit:?})")
            }
            Self::Rejected(status) => write!(f, "the request was refused with {status}"),
            Self::Shutdown => f.write_str("the listener is shutting down"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(source) => std::error::Error::source(source),
            Self::TlsConfig(error) => std::error::Error::source(error),
            Self::Tls(error) => std::error::Error::source(error),
            Self::Handshake(error) => std::error::Error::source(error),
            Self::TrustedProxy(error) => std::error::Error::source(error),
            Self::Timeout { .. } | Self::ClientLimit { .. } | Self::DecideTimeout(_) => None,
            Self::Rejected(_) | Self::Shutdown => None,
        }
    }
}

impl From<TlsConfigError> for AcceptError {
    fn from(error: TlsConfigError) -> Self {
        Self::TlsConfig(error)
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}
