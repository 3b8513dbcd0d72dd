//! One connection and several threads, over real sockets.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

mod apart;
mod blocked;
mod clients;
mod deadlines;
mod duplex;
mod listening;
mod opening;
mod panics;
mod reentrant;
mod resets;
mod support;
mod timeouts;
mod waking;
