//! What is told of opening and reconnecting to who traces: a span for each phase, and events for how it ends.
//! The machine that goes through a phase holds its span, so that no driver knows of it.
//!
//! Nothing of it is secret: URLs come without user name, password and query, headers and what quotes the peer not at all.
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
