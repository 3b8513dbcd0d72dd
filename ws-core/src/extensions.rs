//! Extensions in the opening handshake (RFC 6455 §9.1).

#[cfg(feature = "deflate")]
mod list;

use alloc::string::String;
use core::fmt;

#[cfg(feature = "deflate")]
pub(crate) use list::{Extension, parse};

use crate::redacted;

/// The fault of an offer of permessage-deflate (RFC 7692 §7.1), or of an answer to one.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidExtension {
    /// The parameter with its value, or another faulty text.
    pub parameter: String,
    /// The rule that it breaks.
    pub reason: &'static str,
    /// The parameter is not there.
    pub(crate) is_missing: bool,
}

impl fmt::Display for InvalidExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = if self.is_missing { "missing" } else { "wrong" };
        write!(f, "{} is {wrong}: {}", redacted::extension(&self.parameter), self.reason)
    }
}

impl fmt::Debug for InvalidExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidExtension")
            .field("parameter", &redacted::extension(&self.parameter))
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl core::error::Error for InvalidExtension {}
