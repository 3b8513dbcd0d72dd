//! The failure of the hook that prepares an attempt.

use std::error::Error;
use std::fmt;

use ws_core::InvalidHeader;

use super::ConnectError;
use crate::reconnect::DisconnectReason;

/// An error of the hook [`prepare`](crate::session::ClientBuilder::prepare): the program has no options for the attempt.
///
/// Any error becomes one by `?`. It is transient: the client reconnects by its policy. It is final if no attempt can succeed: an
/// [`InvalidHeader`], a [`ConnectError`] that is [final](DisconnectReason::is_final), and each error that
/// [`final_error`](Self::final_error) has made.
///
/// ```
/// use ws_common::PrepareError;
///
/// fn token(answer: Result<&str, std::io::Error>) -> Result<String, PrepareError> {
///     match answer? {
///         "account closed" => Err(PrepareError::final_error("the account is closed")),
///         "" => Err("the token is empty")?,
///         token => Ok(format!("Bearer {token}")),
///     }
/// }
///
/// assert!(token(Ok("account closed")).unwrap_err().is_final());
/// assert!(!token(Ok("")).unwrap_err().is_final());
/// assert!(!token(Err(std::io::ErrorKind::TimedOut.into())).unwrap_err().is_final());
/// ```
///
/// Like other types with this conversion, it is no [`Error`] itself. [`ConnectError::Prepare`] is.
pub struct PrepareError {
    error: Box<dyn Error + Send + Sync>,
    is_final: bool,
}

impl PrepareError {
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

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for PrepareError {
    fn from(error: E) -> Self {
        let error = error.into();
        let is_final = error.is::<InvalidHeader>()
            || error
                .downcast_ref::<ConnectError>()
                .is_some_and(|error| DisconnectReason::Failed(error).is_final());
        Self { error, is_final }
    }
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prepare failed: {}", self.error)
    }
}

impl fmt::Debug for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrepareError").field("error", &self.error).field("is_final", &self.is_final).finish()
    }
}
