//! How a machine within TLS fails.

use std::error::Error;
use std::{fmt, io};

use ws_core::TransportError;

use super::TlsError;

/// How a machine within TLS fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsFailure<E> {
    /// TLS failed before it was up.
    Tls(TlsError),
    /// The machine inside failed, which may be because TLS did: see [`tls`](Self::tls).
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for TlsFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for TlsFailure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Tls(error) => error.source(),
            Self::Inner(error) => error.source(),
        }
    }
}

/// A failure of TLS; `meant` are the scheme that a peer without TLS has, and the one that was taken for it.
pub(crate) fn write_tls(f: &mut fmt::Formatter<'_>, error: &TlsError, meant: &str) -> fmt::Result {
    write!(f, "{error}")?;
    if error.is_not_tls() { write!(f, "; is it meant to be {meant}?") } else { Ok(()) }
}

/// Whether the peer has broken off the connection.
pub(crate) fn is_reset(broken: &TransportError) -> bool {
    broken.reason().downcast_ref::<io::Error>().is_some_and(|source| {
        matches!(
            source.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
        )
    })
}
