//! The failure of a connector of the program.

use std::error::Error;
use std::fmt;

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

impl ConnectorError {
    /// An error after which no attempt follows, unless a hook ([`decide`](crate::reconnect::Reconnect::decide)) or the user
    /// ([`reconnect_after`](crate::session::Session::reconnect_after)) wants one.
    pub fn final_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), is_final: true }
    }

    /// Whether no attempt can succeed.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// The error of the program.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// The error of the program, to take it apart.
    pub fn into_error(self) -> Box<dyn Error + Send + Sync> {
        self.error
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ConnectorError {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_final: false }
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connector failed: {}", self.error)
    }
}

impl fmt::Debug for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorError")
            .field("error", &self.error)
            .field("is_final", &self.is_final)
            .finish()
    }
}
