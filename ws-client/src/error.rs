//! How opening a connection fails.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::{fmt, io};

use ws_core::{HandshakeError, InvalidHeader};

use crate::target::TargetError;

/// Why a client has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be connected to.
    Url(TargetError),
    /// `wss` is not supported yet.
    TlsUnsupported,
    /// The request cannot be made.
    Request(InvalidHeader),
    /// The name was not resolved to any address.
    Resolve {
        /// The name.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// No address took the connection: each with its error, in the order in which they failed, and at least one.
    Connect(Vec<(SocketAddr, io::Error)>),
    /// Not even the connecting began: no local socket, or no random numbers.
    Local(io::Error),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// It took longer than `open_timeout`.
    Timeout(Phase),
}

/// What a client was doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// Checking what it was given.
    Setup,
    /// Resolving the name.
    Resolve,
    /// Connecting.
    Connect,
    /// The opening handshake.
    Handshake,
    /// The open connection: the peer broke the protocol.
    Protocol,
    /// The open connection: the peer missed a deadline.
    Timeout,
    /// The open connection: the transport failed, or ended without a Close frame.
    Transport,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "setup",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
        })
    }
}

impl ConnectError {
    /// In which phase it happened.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Url(_) | Self::TlsUnsupported | Self::Request(_) | Self::Local(_) => Phase::Setup,
            Self::Resolve { .. } => Phase::Resolve,
            Self::Connect(_) => Phase::Connect,
            Self::Handshake(_) => Phase::Handshake,
            Self::Timeout(phase) => *phase,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str("wss is not supported by this version; use ws"),
            Self::Request(error) => error.fmt(f),
            Self::Resolve { host, source } => write!(f, "the name {host:?} was not resolved: {source}"),
            Self::Connect(failures) => {
                for (n, (address, source)) in failures.iter().enumerate() {
                    let separator = if n == 0 { "" } else { "; " };
                    write!(f, "{separator}connecting to {address} failed: {source}")?;
                }
                Ok(())
            }
            Self::Local(source) => write!(f, "the connection could not be begun: {source}"),
            Self::Handshake(error) => error.fmt(f),
            Self::Timeout(phase) => {
                write!(f, "the connection was not open in time; it got as far as: {phase}")
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => std::error::Error::source(error),
            Self::Resolve { source, .. } | Self::Local(source) => Some(source),
            Self::Connect(failures) => failures.last().map(|(_, source)| source as _),
            Self::Handshake(error) => std::error::Error::source(error),
            Self::Request(_) | Self::TlsUnsupported | Self::Timeout(_) => None,
        }
    }
}

impl From<TargetError> for ConnectError {
    fn from(error: TargetError) -> Self {
        Self::Url(error)
    }
}

impl From<InvalidHeader> for ConnectError {
    fn from(error: InvalidHeader) -> Self {
        Self::Request(error)
    }
}

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

/// What a local call says, such as that for the addresses of a socket.
impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// Options that were made before cannot fail to be options.
impl From<Infallible> for ConnectError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why a server has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// No connection was taken from the system, or no random numbers. The listener can go on.
    Io(io::Error),
    /// The opening handshake failed; the client was answered as fits.
    Handshake(HandshakeError),
    /// The server refused the request with this status.
    Rejected(u16),
    /// The listener is shutting down.
    Shutdown,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(source) => write!(f, "accepting a connection failed: {source}"),
            Self::Handshake(error) => error.fmt(f),
            Self::Rejected(status) => write!(f, "the request was refused with {status}"),
            Self::Shutdown => f.write_str("the listener is shutting down"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(source) => Some(source),
            Self::Handshake(error) => std::error::Error::source(error),
            Self::Rejected(_) | Self::Shutdown => None,
        }
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}
