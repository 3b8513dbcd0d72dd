//! Failures of a socket that are no answer of the peer or the network.

use std::error::Error;
use std::net::SocketAddr;
use std::{fmt, io};

/// The failure of a socket before it has connected. An `io::Error` holds it, has the kind of `source`, and reads like it.
#[derive(Debug)]
#[cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "there are no sockets"))]
pub(crate) struct LocalFailure {
    /// The local address that cannot be used.
    address: Option<SocketAddr>,
    source: io::Error,
}

#[cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "there are no sockets"))]
impl LocalFailure {
    pub(crate) fn wrap(source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { address: None, source })
    }

    pub(crate) fn of_address(address: SocketAddr, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { address: Some(address), source })
    }
}

impl LocalFailure {
    /// Whether an attempt to connect failed on our side: before it began, or without a free local address.
    pub(crate) fn is(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
            || error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

impl fmt::Display for LocalFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.address {
            write!(f, "the local address {address} cannot be used: ")?;
        }
        self.source.fmt(f)
    }
}

impl Error for LocalFailure {
    /// The source of an error that the user's hook has made.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
