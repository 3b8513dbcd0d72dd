//! How a machine within TLS fails.

use std::error::Error;
use std::fmt;

use ws_core::{Direction, TransportError};

use super::TlsError;
use crate::error::ConnectError;
use crate::proxy::ProxyError;

/// How a machine within TLS fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsFailure<E> {
    /// TLS failed before it was up.
    Tls(TlsError),
    /// The machine inside failed, which may be because TLS did: see [`tls`](Self::tls).
    Inner(E),
}

impl<E: Error + 'static> TlsFailure<E> {
    /// The failure of TLS, if it was that, in whichever phase.
    pub fn tls(&self) -> Option<&TlsError> {
        match self {
            Self::Tls(error) => Some(error),
            Self::Inner(error) => TlsError::find(error),
        }
    }
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

/// What failed below a machine within TLS, if that was TLS itself, and not the transport below it: with the target, or with an
/// `https` proxy. It would have been a failure of TLS a moment before: in TLS 1.3, a certificate of the client is refused when TLS
/// is up for the client.
pub(crate) fn of_transport(broken: TransportError) -> Result<ConnectError, TransportError> {
    let direction = broken.direction();
    let source = match broken.into_source().downcast::<TlsError>() {
        Ok(error) if !error.is_end() => return Ok(ConnectError::Tls(*error)),
        Ok(error) => error as _,
        Err(source) => match source.downcast::<ProxyError>() {
            Ok(error) if !error.is_end() => return Ok(ConnectError::from(*error)),
            Ok(error) => error as _,
            Err(source) => source,
        },
    };
    Err(match direction {
        Direction::Read => TransportError::read(source),
        Direction::Write => TransportError::write(source),
    })
}
