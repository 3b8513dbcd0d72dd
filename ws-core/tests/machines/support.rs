//! What the tests share: frames as bytes, a machine's answers as a trace, and a pair of machines with a clock.

use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{
    Closed, Config, Connection, Error, Event, Initiator, Instant, Machine, Message, Random, Role, Timeout,
    ViolationKind,
};

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// First bytes of frames.
pub(crate) const CONTINUATION: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;
pub(crate) const FIRST_TEXT: u8 = 0x01;
pub(crate) const FIRST_BINARY: u8 = 0x02;
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A connection that is open since second 0.
pub(crate) fn open(role: Role, config: &Config) -> Connection {
    let seed = [if role == Role::Client { 1 } else { 2 }; 32];
    Connection::after_handshake(role, config, Random::from_seed(seed), BytesMut::new(), at(0))
}

/// Without pings, so that only what a test does happens.
pub(crate) fn quiet() -> Config {
    Config::default().ping_interval(None)
}

/// A header that announces `len` bytes, masked if a client sends it.
pub(crate) fn header(sender: Role, first: u8, len: u64) -> Vec<u8> {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(mask | len as u8),
        126..=0xFFFF => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    if sender == Role::Client {
        bytes.extend_from_slice(&KEY);
    }
    bytes
}

/// A frame as `sender` sends it.
pub(crate) fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(sender, first, payload.len() as u64);
    let key = if sender == Role::Client { KEY } else { [0; 4] };
    bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    bytes
}

/// A Close frame with a code and a reason, whether legal or not.
pub(crate) fn close(sender: Role, code: u16, reason: &[u8]) -> Vec<u8> {
    frame(sender, CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// The frames in `bytes`: first byte and payload. All must be whole, masked as `sender` must, and of minimal length.
pub(crate) fn frames(sender: Role, mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while bytes.has_remaining() {
        let first = bytes.get_u8();
        let second = bytes.get_u8();
        let len = match second & 0x7F {
            126 => u64::from(bytes.get_u16()),
            127 => bytes.get_u64(),
            short => u64::from(short),
        };
        assert_eq!(second & 0x80 != 0, sender == Role::Client, "masked as a {sender:?} must");
        let mut key = [0; 4];
        if sender == Role::Client {
            bytes.copy_to_slice(&mut key);
            assert_ne!(key, [0; 4], "a fresh key");
        }
        let mut payload = vec![0; len as usize];
        bytes.copy_to_slice(&mut payload);
        payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[i % 4]);
        let again = header(sender, first, len).len();
        let extended = [0, 2, 8][usize::from((second & 0x7F).saturating_sub(125))];
        assert_eq!(again, 2 + extended + if sender == Role::Client { 4 } else { 0 }, "a minimal length");
        frames.push((first, payload));
    }
    frames
}

/// What a machine reported, in a form that can be compared.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    Event(Event),
    Violation(ViolationKind, u64),
    Eof,
    Timeout(Timeout),
    Transport(String),
}

pub(crate) fn message(message: impl Into<Message>) -> Seen {
    Seen::Event(Event::Message(message.into()))
}

impl From<Error> for Seen {
    fn from(error: Error) -> Self {
        match error {
            Error::Violation(violation) => Self::Violation(violation.kind, violation.offset),
            Error::UnexpectedEof => Self::Eof,
            Error::Timeout(timeout) => Self::Timeout(timeout),
            Error::Transport(broken) => Self::Transport(broken.to_string()),
            other => panic!("an unknown error: {other}"),
        }
    }
}

/// Takes every event that is there.
pub(crate) fn drain(connection: &mut Connection) -> Vec<Seen> {
    std::iter::from_fn(|| match connection.poll_event() {
        Ok(event) => event.map(Seen::Event),
        Err(error) => Some(error.into()),
    })
    .collect()
}

/// The transport brings `bytes`, if there are any: to read none is the end of the stream.
pub(crate) fn feed<M: Machine>(machine: &mut M, bytes: &[u8], now: Instant) {
    if bytes.is_empty() {
        return;
    }
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), now);
}

/// The transport brings `bytes` and the user takes every event.
pub(crate) fn read(connection: &mut Connection, bytes: &[u8], now: Instant) -> Vec<Seen> {
    feed(connection, bytes, now);
    drain(connection)
}

/// The transport takes at most `limit` bytes.
pub(crate) fn write_some<M: Machine>(machine: &mut M, limit: usize, now: Instant) -> Vec<u8> {
    let outbound = machine.outbound();
    let n = outbound.remaining().min(limit);
    let mut bytes = vec![0; n];
    outbound.copy_to_slice(&mut bytes);
    if n > 0 {
        machine.handle_write(n, now);
    }
    bytes
}

/// The transport takes everything, at second 0 if a test has no clock.
pub(crate) fn write<M: Machine>(machine: &mut M, now: Instant) -> Vec<u8> {
    write_some(machine, usize::MAX, now)
}

/// What a connection has to say about its end.
pub(crate) fn closed(connection: &Connection) -> (u16, &str, Initiator, bool, usize) {
    let Closed { code, reason, initiator, clean, unsent, .. } = connection.closed().expect("it has ended");
    (*code, reason, *initiator, *clean, *unsent)
}

/// Whether the trace ends with `Closed`, and has no other.
pub(crate) fn ends_once(seen: &[Seen]) -> bool {
    let is_closed = |seen: &&Seen| matches!(seen, Seen::Event(Event::Closed(_)));
    seen.last().as_ref().is_some_and(is_closed) && seen.iter().filter(is_closed).count() == 1
}

/// Two machines joined by a transport that moves `chunk` bytes at a time, and their clock.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    pub(crate) now: Instant,
    chunk: usize,
    /// What either has reported: the client, the server.
    pub(crate) client_seen: Vec<Seen>,
    pub(crate) server_seen: Vec<Seen>,
    /// Whether the end of the stream was brought to either.
    client_eof: bool,
    server_eof: bool,
}

impl Pair {
    pub(crate) fn new(client: &Config, server: &Config, chunk: usize) -> Self {
        Self {
            client: open(Role::Client, client),
            server: open(Role::Server, server),
            now: at(0),
            chunk,
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            client_eof: false,
            server_eof: false,
        }
    }

    /// Moves a chunk each way and takes the events. Says whether anything moved.
    pub(crate) fn turn(&mut self) -> bool {
        let to_server = carry(&mut self.client, &mut self.server, self.chunk, self.now, &mut self.server_eof);
        let to_client = carry(&mut self.server, &mut self.client, self.chunk, self.now, &mut self.client_eof);
        self.client_seen.extend(drain(&mut self.client));
        self.server_seen.extend(drain(&mut self.server));
        to_server || to_client
    }

    /// Moves bytes and takes events until nothing happens without time.
    pub(crate) fn settle(&mut self) {
        while self.turn() {}
    }

    /// Lets time pass, stopping at each deadline.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let due = [self.client.poll_timeout(), self.server.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.settle();
    }
}

/// Moves up to `chunk` bytes from one machine to the other, and then the end of the stream. Says whether it did.
fn carry(from: &mut Connection, to: &mut Connection, chunk: usize, now: Instant, eof: &mut bool) -> bool {
    let bytes = write_some(from, chunk, now);
    if !bytes.is_empty() {
        feed(to, &bytes, now);
        return true;
    }
    let ends = from.outbound().is_finished() && !*eof;
    if ends {
        *eof = true;
        to.handle_read(0, now);
    }
    ends
}
