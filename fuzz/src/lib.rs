//! What the targets share.

use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Config, Connection, Error, Event, Instant, Machine, Random, Role};

/// The `n`th second.
pub fn at(n: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(n))
}

/// `bytes` in parts of these lengths, used over and over; whole if there is none.
pub fn cut<'a>(mut bytes: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let lengths = if lengths.is_empty() { &[u8::MAX][..] } else { lengths };
    let whole = lengths == [u8::MAX];
    lengths.iter().cycle().map_while(move |&len| {
        let len = if whole { bytes.len() } else { usize::from(len).max(1).min(bytes.len()) };
        let (part, rest) = bytes.split_at(len);
        bytes = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// The transport brings `bytes`, which are not none.
pub fn feed<M: Machine>(machine: &mut M, bytes: &[u8], now: Instant) {
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), now);
}

/// The transport takes at most `limit` bytes.
pub fn write<M: Machine>(machine: &mut M, limit: usize, now: Instant) -> Vec<u8> {
    let n = machine.outbound().remaining().min(limit);
    let bytes = machine.outbound().copy_to_bytes(n).to_vec();
    if n > 0 {
        machine.handle_write(n, now);
    }
    bytes
}

/// A connection that is open since second 0.
pub fn open(role: Role, config: &Config) -> Connection {
    let seed = [if role == Role::Client { 1 } else { 2 }; 32];
    Connection::after_handshake(role, config, Random::from_seed(seed), BytesMut::new(), at(0))
}

/// Takes every event; the errors as text, since they cannot be compared.
pub fn drain(connection: &mut Connection) -> Vec<Result<Event, String>> {
    let poll = |connection: &mut Connection| match connection.poll_event() {
        Ok(event) => event.map(Ok),
        Err(error) => Some(Err(describe(&error))),
    };
    std::iter::from_fn(|| poll(connection)).collect()
}

/// Everything that an error says.
pub fn describe(error: &Error) -> String {
    format!("{error:?}: {error}")
}
