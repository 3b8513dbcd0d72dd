//! Failures of TLS within other errors.

use std::error::Error;

use ws_core::{Direction, HandshakeError, TransportError};

use super::{AcceptError, ClientError, ConnectError, WebSocketError};
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
    /// The failure of TLS that is `error` or is behind it: one of its sources, or an error whose text it shows as its own.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = behind(error);
        }
        None
    }
}

/// The next error behind this one. A text that `Display` shows is no source, so it takes the place of the source here.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(broken) = error.downcast_ref::<TransportError>() {
        return Some(broken.reason());
    }
    shown_by_any(error)
        .or_else(|| shown_by_client(error))
        .or_else(|| shown_by_opening(error))
        .or_else(|| shown_by_connection(error))
        .or_else(|| shown_by_tls::<ws_core::Error>(error))
        .or_else(|| shown_by_tls::<TlsFailure<ws_core::Error>>(error))
        .or_else(|| shown_by_tls::<HandshakeError>(error))
        .or_else(|| error.source())
}

fn shown_by_any<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    error.downcast_ref().map(WebSocketError::shown)
}

fn shown_by_client<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref()? {
        ClientError::Connect(error) => Some(error),
        ClientError::Connection(error) => Some(error),
        ClientError::HookPanicked { end: Some(end), .. } => Some(&**end),
        _ => None,
    }
}

fn shown_by_opening<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref() {
        return match error {
            ConnectError::Handshake { source, .. } => Some(source),
            ConnectError::Proxy { source, .. } => Some(source),
            ConnectError::Tls { source: error, .. } => Some(error),
            _ => None,
        };
    }
    match error.downcast_ref()? {
        AcceptError::Handshake(error) => Some(error),
        AcceptError::Tls(error) => Some(error),
        _ => None,
    }
}

fn shown_by_connection<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(ws_core::Error::Transport(broken)) = error.downcast_ref() {
        return Some(broken);
    }
    if let Some(HandshakeError::Transport(broken)) = error.downcast_ref() {
        return Some(broken);
    }
    match error.downcast_ref()? {
        ProxyError::Transport(broken) => Some(broken),
        ProxyError::Tls(error) => Some(error),
        _ => None,
    }
}

/// A machine within TLS, or within the TLS of a target that is within the TLS of a proxy.
fn shown_by_tls<'a, E: Error + 'static>(
    error: &'a (dyn Error + 'static),
) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<TlsFailure<E>>()? {
        TlsFailure::Tls(error) => Some(error),
        TlsFailure::Inner(error) => Some(error),
    }
}

/// Within TLS with an `https` proxy, that is the transport.
impl From<TlsError> for ConnectError {
    fn from(error: TlsError) -> Self {
        error.try_transport(of_transport).unwrap_or_else(|source| Self::Tls { peer: None, source })
    }
}

/// The failure of TLS below a machine within TLS, with the target or with an `https` proxy. An error if the transport below TLS failed. It would have been a failure of TLS a moment before: in TLS 1.3, a certificate of the client is refused when TLS
/// is up for the client.
pub(super) fn of_transport(broken: TransportError) -> Result<ConnectError, TransportError> {
    let direction = broken.direction();
    let source = match broken.into_source().downcast::<TlsError>() {
        Ok(error) if !error.is_end() => return Ok(ConnectError::Tls { peer: None, source: *error }),
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
