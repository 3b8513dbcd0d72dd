//! Extensions in the opening handshake (RFC 6455 §9.1).

#[cfg(feature = "deflate")]
mod list;

use alloc::string::String;
use core::fmt;

#[cfg(feature = "deflate")]
pub(crate) use list::{Extension, parse};

/// Why something is no negotiation of permessage-deflate (RFC 7692 §7.1), or no answer to what was offered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InvalidExtension {
    /// The parameter, with the value that it had, or what else is wrong.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: &'static str,
    /// The parameter is not there.
    pub(crate) is_missing: bool,
}

impl fmt::Display for InvalidExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = if self.is_missing { "missing" } else { "wrong" };
        write!(f, "{:?} is {wrong}: {}", self.parameter, self.reason)
    }
}

impl core::error::Error for InvalidExtension {}
