//! `ws-core` on a target without atomic compare-and-swap.

#![no_std]

use bytes as _;
use portable_atomic as _;

/// The first bytes that a connection of a server would send: the code of the crates is all there.
pub fn closes(connection: &mut ws_core::Connection) -> usize {
    ws_core::Connection::close(connection, ws_core::CloseCode::NORMAL, ws_core::Instant::EPOCH);
    ws_core::Machine::outbound(connection).len()
}
