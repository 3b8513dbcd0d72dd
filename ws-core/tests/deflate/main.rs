//! permessage-deflate through the public API of the machines: bytes and time in, events and bytes out.

#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

mod agreed;
#[cfg(unix)]
#[path = "../machines/linear/cost.rs"]
mod cost;
mod handshakes;
mod inflating;
#[cfg(unix)]
mod linear;
mod negotiation;
mod oracle;
mod pairs;
mod ratio;
mod sending;
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
#[path = "../machines/support.rs"]
mod support;
mod window;
mod wishes;
mod wrong;
