//! What the targets share.

pub mod client;
pub mod memory;
pub mod tls;

use std::ops::ControlFlow;
use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{
    Config, Connection, Error, Event, ForEachEnd, Instant, Machine, Message, MessageRef, Random, Role,
};

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

/// Appends a frame whose first byte is `first`, as `sender` must mask it.
pub fn frame(sender: Role, first: u8, payload: &[u8], bytes: &mut Vec<u8>) {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    bytes.push(first);
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => bytes.push(mask | len as u8),
        Ok(len) => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let key = if sender == Role::Client { [1, 2, 4, 128] } else { [0; 4] };
    if sender == Role::Client {
        bytes.extend_from_slice(&key);
    }
    bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
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

/// The transport takes everything. The last of many pongs is queued when the others have left.
pub fn write_all<M: Machine>(machine: &mut M, now: Instant) -> Vec<u8> {
    let sent = std::iter::repeat_with(|| write(machine, usize::MAX, now));
    sent.take_while(|bytes| !bytes.is_empty()).flatten().collect()
}

/// A connection that is open since second 0.
pub fn open(role: Role, config: &Config) -> Connection {
    let seed = [if role == Role::Client { 1 } else { 2 }; 32];
    Connection::after_handshake(role, config, Random::from_seed(seed), BytesMut::new(), at(0))
}

/// Events, and the errors as text, since they cannot be compared.
pub type Seen = Vec<Result<Event, String>>;

/// What `take` takes while `bytes` come within second 1, in parts of these lengths.
pub fn arrive(
    connection: &mut Connection,
    bytes: &[u8],
    lengths: &[u8],
    mut take: impl FnMut(&mut Connection) -> Seen,
) -> Seen {
    let parts = cut(bytes, lengths);
    parts
        .flat_map(|part| {
            feed(connection, part, at(1));
            take(connection)
        })
        .collect()
}

/// Takes every event.
pub fn drain(connection: &mut Connection) -> Seen {
    let poll = |connection: &mut Connection| match connection.poll_event() {
        Ok(event) => event.map(Ok),
        Err(error) => Some(Err(describe(&error))),
    };
    std::iter::from_fn(|| poll(connection)).collect()
}

/// Takes every event, and sends each message back.
pub fn echo(connection: &mut Connection) -> Seen {
    let mut seen = Seen::new();
    loop {
        match connection.poll_event() {
            Ok(None) => return seen,
            Ok(Some(event)) => {
                if let Event::Message(message) = &event {
                    // Refused when we have closed.
                    let _ = connection.send(message.clone());
                }
                seen.push(Ok(event));
            }
            Err(error) => seen.push(Err(describe(&error))),
        }
    }
}

/// Takes what there is by being shown it.
pub fn shown(connection: &mut Connection) -> Seen {
    borrow_all(connection, false)
}

/// The same, and sends each message back.
pub fn echo_shown(connection: &mut Connection) -> Seen {
    borrow_all(connection, true)
}

fn borrow_all(connection: &mut Connection, echoes: bool) -> Seen {
    let mut seen = Seen::new();
    loop {
        let end = connection.for_each_borrowed(|message, reply| {
            if echoes {
                let _ = reply.send(message);
            }
            seen.push(Ok(Event::Message(match message {
                MessageRef::Text(text) => Message::text(text.to_owned()),
                MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
            })));
            ControlFlow::Continue(())
        });
        match end {
            Ok(ForEachEnd::Closed(closed)) => seen.push(Ok(Event::Closed(closed))),
            Ok(_) => return seen,
            Err(error) => seen.push(Err(describe(&error))),
        }
    }
}

/// What a visitor has seen where `seen` was handed out: messages, and a failure in place of the end.
pub fn to_visitor(mut seen: Seen) -> Seen {
    seen.retain(|seen| !matches!(seen, Ok(Event::Ping(_) | Event::Pong { .. } | Event::Closing(_))));
    if seen.iter().any(Result::is_err) {
        seen.pop();
    }
    seen
}

/// Everything that an error says.
fn describe(error: &Error) -> String {
    format!("{error:?}: {error}")
}
