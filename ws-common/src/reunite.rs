//! Halves that do not belong together.

use std::error::Error;
use std::fmt;

/// The two halves are not all of one connection. Gives them back.
pub struct ReuniteError<S, R> {
    /// The sending half.
    pub sender: S,
    /// The receiving half.
    pub receiver: R,
}

impl<S, R> fmt::Display for ReuniteError<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different connections, or a clone of the sender is left")
    }
}

impl<S, R> fmt::Debug for ReuniteError<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S, R> Error for ReuniteError<S, R> {}
