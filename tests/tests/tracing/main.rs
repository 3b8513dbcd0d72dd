//! What is told to who traces, by the feature `tracing`: which spans and events there are, and that nothing of it is secret.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod dropped;
mod failures;
mod frames;
mod opening;
mod record;
