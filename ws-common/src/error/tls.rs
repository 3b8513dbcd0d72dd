//! Failures of TLS within other errors.

use std::error::Error;

use ws_core::{Direction, TransportError};

use super::{AcceptError, ClientError, ConnectError};
use crate::proxy::ProxyError;
use crate::tls::{TlsError, TlsFailure};

impl<E: Error + 'static> TlsFailure<E> {
    /// The failure of TLS, if it was that, in whichever phase.
    pub fn tls(&self) -> Option<&TlsError> {
        match self {
            Self::Tls(error) => Some(error),
            Self::Inner(error) => TlsError::find(error),
        }
    }
}

impl TlsError {
    /// The failure of TLS that is behind `error`, if one is: itself, or one of its sources.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = Self::of(error) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// Errors that show another one as if it were their own are none of its sources.
impl TlsError {
    fn of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        if let Some(ClientError::Connect(error)) = error.downcast_ref() {
            return Self::of(error);
        }
        match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
            (
                Some(ConnectError::Tls(error) | ConnectError::Proxy { source: ProxyError::Tls(error), .. }),
                _,
                _,
            )
            | (_, Some(ProxyError::Tls(error)), _)
            | (_, _, Some(AcceptError::Tls(error))) => Some(error),
            _ => error.downcast_ref(),
        }
    }
}

/// Within TLS with an `https` proxy, that is the transport.
impl From<TlsError> for ConnectError {
    fn from(error: TlsError) -> Self {
        error.try_transport(of_transport).unwrap_or_else(Self::Tls)
    }
}

/// The failure of TLS below a machine within TLS, with the target or with an `https` proxy. An error if the transport below TLS failed. It would have been a failure of TLS a moment before: in TLS 1.3, a certificate of the client is refused when TLS
/// is up for the client.
pub(super) fn of_transport(broken: TransportError) -> Result<ConnectError, TransportError> {
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
