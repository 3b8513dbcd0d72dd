//! What a wait with a time-out says when it has waited for nothing.

use std::error::Error;
use std::fmt;

/// No event came in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no event came in time")
    }
}

impl Error for Elapsed {}
