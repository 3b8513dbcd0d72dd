//! The phases of a connection, and the addresses that were tried when the time for one was up.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use ws_core::Error;

/// A phase of a connection, from its setup on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OpenPhase {
    /// Checking what it was given.
    Setup,
    /// The hook [`prepare`](crate::session::ClientBuilder::prepare) of the program.
    Prepare,
    /// Resolving the name.
    Resolve,
    /// Connecting.
    Connect,
    /// The proxy, TLS with it included.
    Proxy,
    /// TLS with the server.
    Tls,
    /// The opening handshake.
    Handshake,
    /// The open connection: the peer broke the protocol.
    Protocol,
    /// The open connection: the peer missed a deadline.
    Timeout,
    /// The open connection: the transport failed, or ended without a Close frame.
    Transport,
}

impl OpenPhase {
    /// The phase in which an open connection failed.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Violation(_) => Self::Protocol,
            Error::Timeout(_) => Self::Timeout,
            _ => Self::Transport,
        }
    }
}

impl fmt::Display for OpenPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "setup",
            Self::Prepare => "prepare",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
        })
    }
}

/// The addresses that were tried when `open_timeout` passed.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectTimeout {
    /// The value of `open_timeout`.
    pub open_timeout: Duration,
    /// Addresses that had not answered.
    pub pending: Vec<SocketAddr>,
    /// Addresses that had failed before, each with its error, in the order in which they failed.
    pub failures: Vec<(SocketAddr, io::Error)>,
}

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_timeout(f, "", self)
    }
}

impl std::error::Error for ConnectTimeout {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failures.last().and_then(|(_, error)| std::error::Error::source(error))
    }
}

/// Each address that was tried; `whose` says whose they are.
pub(crate) fn write_timeout(
    f: &mut fmt::Formatter<'_>,
    whose: &str,
    timeout: &ConnectTimeout,
) -> fmt::Result {
    write!(f, "{:?} (open_timeout) passed while connecting to ", timeout.open_timeout)?;
    for (n, address) in timeout.pending.iter().enumerate() {
        let separator = if n == 0 { whose } else { " and " };
        write!(f, "{separator}{address}")?;
    }
    if !timeout.failures.is_empty() {
        f.write_str("; ")?;
        write_failures(f, whose, &timeout.failures)?;
    }
    Ok(())
}

/// Each address that did not take the connection; `whose` says whose they are.
pub(crate) fn write_failures(
    f: &mut fmt::Formatter<'_>,
    whose: &str,
    failures: &[(SocketAddr, io::Error)],
) -> fmt::Result {
    for (n, (address, source)) in failures.iter().enumerate() {
        let separator = if n == 0 { "" } else { "; " };
        write!(f, "{separator}connecting to {whose}{address} failed: {source}")?;
    }
    Ok(())
}
