//! The client that stays connected, on tokio.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod cancel;
mod moved;
mod wakes;

suite::client_scenarios!(suite::tokio::Client);
