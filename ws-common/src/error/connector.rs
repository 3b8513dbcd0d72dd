//! The failure of a connector of the program.

use std::error::Error;

use super::hook::hook_error;

/// An error of a [connector](crate::session::ClientBuilder::connector): the program has no transport for the attempt.
///
/// Any error becomes one by `?`. It is transient: the client reconnects by its policy. An error that [`final_error`](Self::final_error)
/// has made is final.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use ws_common::ConnectorError;
///
/// fn explain(error: Error) -> ConnectorError {
///     match error.kind() {
///         // No attempt with the same settings can succeed.
///         ErrorKind::PermissionDenied => ConnectorError::final_error(error),
///         _ => error.into(),
///     }
/// }
///
/// assert!(explain(ErrorKind::PermissionDenied.into()).is_final());
/// assert!(!explain(ErrorKind::ConnectionRefused.into()).is_final());
/// ```
///
/// Like other types with this conversion, it is no [`Error`] itself. [`ConnectError::Connector`](crate::ConnectError::Connector) is.
pub struct ConnectorError {
    error: Box<dyn Error + Send + Sync>,
    is_final: bool,
}

hook_error!(ConnectorError, "the connector failed");

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ConnectorError {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_final: false }
    }
}
