//! The machines through their public API: bytes and time in, events and bytes out. No sockets, no sleeping.

#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

mod apart;
mod borrowing;
mod bounded;
mod broken_closes;
mod chunks;
mod closing;
mod closing_deadlines;
mod closing_ends;
mod closing_orders;
mod closing_run;
mod data;
mod deadlines;
mod handshake_bodies;
mod handshake_client;
mod handshake_origin;
mod handshake_request;
mod handshake_server;
mod keepalive;
mod life;
#[cfg(unix)]
mod linear;
mod progress;
mod progress_exempt;
mod progress_writes;
mod properties;
mod rate;
mod replies;
mod replies_deadlines;
mod replies_own;
mod sending;
mod stats;
mod streaming;
mod support;
mod utf8;
mod violations;
