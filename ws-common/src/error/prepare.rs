//! The failure of the hook that prepares an attempt.

use std::error::Error;

use ws_core::InvalidHeader;

use super::ConnectError;
use super::hook::hook_error;
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

hook_error!(PrepareError, "prepare failed");

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
