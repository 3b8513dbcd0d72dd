//! What the tests share: two machines joined by a transport.

use std::time::Duration;

use rustls::SupportedProtocolVersion;
use ws_common::{
    rustls,
    tls::{Tls, TlsFailure},
};
use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Config, Connection, Error, Event, Instant, Machine, Message, Random, Role};

pub(crate) use crate::authority::{Authority, Identity, VERSIONS, provider};

pub(crate) use ws_testkit::MachinePair as Pair;

pub(crate) type TlsPair = Pair<Tls<Connection>, Tls<Connection>>;

pub(crate) type Outcome = Result<Event, TlsFailure<Error>>;

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Without pings, so that only what a test does happens.
pub(crate) fn quiet() -> Config {
    Config::default().ping_interval(None)
}

/// A connection that is open since second 0.
pub(crate) fn open(role: Role, config: &Config) -> Connection {
    Connection::after_handshake(role, config, Random::from_seed([7; 32]), BytesMut::new(), at(0))
}

/// The transport brings `bytes`.
pub(crate) fn feed<M: Machine>(machine: &mut M, bytes: &[u8], now: Instant) {
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), now);
}

/// The transport takes at most `limit` bytes.
pub(crate) fn write_some<M: Machine>(machine: &mut M, limit: usize, now: Instant) -> Vec<u8> {
    let outbound = machine.outbound();
    let mut bytes = vec![0; outbound.remaining().min(limit)];
    outbound.copy_to_slice(&mut bytes);
    if !bytes.is_empty() {
        machine.handle_write(bytes.len(), now);
    }
    bytes
}

/// Takes every event that is there.
pub(crate) fn drain<M: Machine>(machine: &mut M) -> Vec<Result<M::Event, M::Error>> {
    std::iter::from_fn(|| machine.poll_event().transpose()).collect()
}

/// Two machines joined by a transport that moves `chunk` bytes at a time.
pub(crate) fn pair<C: Machine, S: Machine>(client: C, server: S, chunk: usize) -> Pair<C, S> {
    let mut pair = Pair::new(client, server);
    pair.chunk = chunk;
    pair
}

/// Open connections over TLS that is not up yet.
pub(crate) fn secured(version: &'static SupportedProtocolVersion, config: &Config, chunk: usize) -> TlsPair {
    let authority = Authority::new();
    let acceptor = authority.issue(&["localhost"]).acceptor();
    let client = authority.connector(version).start("localhost", open(Role::Client, config)).unwrap();
    let server = acceptor.start(open(Role::Server, config)).unwrap();
    pair(client, server, chunk)
}

/// The messages that either has received, taken out.
pub(crate) fn take_messages(pair: &mut TlsPair) -> [Vec<Message>; 2] {
    [&mut pair.client_seen, &mut pair.server_seen].map(|seen| {
        let messages = seen.drain(..).filter_map(|seen| match seen.unwrap() {
            Event::Message(message) => Some(message),
            _ => None,
        });
        messages.collect()
    })
}

/// The code of the one `Closed`, which must be the last event, and whether it was clean.
pub(crate) fn closed(seen: &[Outcome]) -> (u16, bool) {
    let is_closed = |seen: &&Outcome| matches!(seen, Ok(Event::Closed(_)));
    assert_eq!(seen.iter().filter(is_closed).count(), 1, "{seen:?}");
    match seen.last() {
        Some(Ok(Event::Closed(closed))) => (closed.code, closed.clean),
        _ => panic!("it does not end with Closed: {seen:?}"),
    }
}

/// The one failure.
pub(crate) fn failure<T: std::fmt::Debug, E: std::fmt::Debug>(
    seen: Vec<Result<T, TlsFailure<E>>>,
) -> TlsFailure<E> {
    let mut failures = seen.into_iter().filter_map(Result::err);
    let first = failures.next().expect("a failure");
    assert!(failures.next().is_none(), "only one");
    first
}
