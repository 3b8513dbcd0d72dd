//! Traces of opening and reconnecting: a span for each phase, and events for its outcome.
//! The machine that goes through a phase holds its span, so that no driver knows of it.
//!
//! Traces hold no secret: URLs come without user name, password and query. Headers and texts of the peer are left out.
//!
//! A build without the feature `tracing` has the same functions, which do nothing.

#[cfg(not(feature = "tracing"))]
mod disabled;
#[cfg(feature = "tracing")]
mod enabled;

#[cfg(not(feature = "tracing"))]
pub(crate) use disabled::*;
#[cfg(feature = "tracing")]
pub(crate) use enabled::*;
