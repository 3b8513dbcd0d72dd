//! What compression makes a connection hold, counted by the allocator. One test alone, since it counts for the whole process.

#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Config, Connection, Deflate, Error, Event, Instant, Machine, MessageKind, Random, Role};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

/// A connection whose peer agreed to the same settings.
fn open(role: Role, config: &Config, deflate: &Deflate) -> Connection {
    let accepted = deflate.accept([&*deflate.to_string()]).unwrap().unwrap();
    let agreed = match role {
        Role::Server => accepted,
        Role::Client => deflate.confirm([&*accepted.to_string()]).unwrap().unwrap(),
    };
    let random = Random::from_seed([1; 32]);
    Connection::after_handshake(role, config, random, BytesMut::new(), at(0)).with_deflate(agreed)
}

fn forgetful() -> Deflate {
    Deflate::default().server_context_takeover(false).client_context_takeover(false)
}

fn write(connection: &mut Connection) -> Vec<u8> {
    let n = connection.outbound().remaining();
    let bytes = connection.outbound().copy_to_bytes(n).to_vec();
    connection.handle_write(n, at(0));
    connection.outbound().release();
    bytes
}

fn feed(connection: &mut Connection, bytes: &[u8]) {
    connection.inbound().extend_from_slice(bytes);
    connection.handle_read(bytes.len(), at(0));
}

/// Takes every event; the bytes of the chunks, and the error if there was one.
fn drain(connection: &mut Connection) -> (usize, Option<Error>) {
    let mut chunks = 0;
    loop {
        match connection.poll_event() {
            Ok(Some(Event::Chunk(chunk))) => chunks += chunk.bytes.len(),
            Ok(Some(_)) => {}
            Ok(None) => return (chunks, None),
            Err(error) => return (chunks, Some(error)),
        }
    }
}

/// What is held when `case` is done, and what was at most.
fn held<T>(case: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let kept = case();
    (MEMORY.current_usage() - before, MEMORY.peak_usage() - before, kept)
}

/// A message of 64 MiB of zeros, compressed.
fn bomb() -> Vec<u8> {
    let mut peer = open(Role::Server, &Config::default(), &Deflate::default());
    peer.start_message(MessageKind::Binary).unwrap();
    let mut bytes = Vec::new();
    for n in 1..=64 {
        let part = vec![0; KIB * KIB];
        match n {
            64 => peer.finish_message(&part).unwrap(),
            _ => peer.continue_message(&part).unwrap(),
        }
        bytes.extend(write(&mut peer));
    }
    bytes
}

fn a_bomb_is_not_inflated_beyond_the_limit(bomb: &[u8]) {
    let config = Config::default().max_message_size(256 * KIB);
    let (_, peak, error) = held(|| {
        let mut connection = open(Role::Client, &config, &Deflate::default());
        feed(&mut connection, &bomb[..2 * KIB]);
        drain(&mut connection).1
    });
    assert!(matches!(error, Some(Error::Violation(_))), "{error:?}");
    assert!(peak < 700 * KIB, "{peak} bytes for a message of 256 KiB");
}

fn in_chunks_a_bomb_is_never_there_at_once(bomb: &[u8]) {
    let (_, peak, chunks) = held(|| {
        let mut connection = open(Role::Client, &Config::default(), &Deflate::default());
        connection.receive_chunks(true);
        let mut chunks = 0;
        for part in bomb.chunks(4 * KIB) {
            feed(&mut connection, part);
            let (inflated, error) = drain(&mut connection);
            assert!(error.is_none(), "{error:?}");
            chunks += inflated;
        }
        chunks
    });
    assert_eq!(chunks, 64 * KIB * KIB);
    assert!(peak < 192 * KIB, "{peak} bytes for chunks");
}

fn agreement_alone_costs_next_to_nothing() {
    let (held, _, _connection) = held(|| open(Role::Client, &Config::default(), &Deflate::default()));
    assert!(held < KIB, "{held} bytes before the first message");
}

/// What a message of 1 KiB leaves with the sender and with the receiver, with these settings.
fn left_behind(deflate: &Deflate, release: bool) -> (usize, usize) {
    let mut sender = open(Role::Server, &Config::default(), deflate);
    let mut receiver = open(Role::Client, &Config::default(), deflate);
    let (sent, _, bytes) = held(|| {
        sender.send("compressible ".repeat(80)).unwrap();
        if release {
            sender.release_compressor();
        }
        write(&mut sender)
    });
    let (received, ..) = held(|| {
        feed(&mut receiver, &bytes);
        drain(&mut receiver);
        *receiver.inbound() = BytesMut::new();
    });
    (sent - bytes.capacity(), received)
}

fn what_need_not_be_kept_is_given_back() {
    // The thread keeps one compressor for all connections.
    left_behind(&forgetful(), false);
    let (sent, received) = left_behind(&forgetful(), false);
    assert!(sent < KIB && received < KIB, "without takeover: {sent}, {received}");
    let (sent, received) = left_behind(&Deflate::default(), true);
    assert!(sent < KIB, "released: {sent}");
    assert!((40 * KIB..56 * KIB).contains(&received), "kept for the peer: {received}");
}

/// What the documentation of `Deflate` says.
fn contexts_take_what_is_documented() {
    for (bits, sending) in [(8, 252_000), (10, 254_000), (12, 266_000), (14, 315_000), (15, 381_000)] {
        let deflate = Deflate::default().server_max_window_bits(bits).client_max_window_bits(bits);
        let (sent, received) = left_behind(&deflate, false);
        assert!((sending - 4000..sending).contains(&sent), "{bits} bits to send: {sent}");
        assert!(received < 47_616 + 4096 + KIB, "{bits} bits to receive: {received}");
    }
}

#[test]
fn compression_takes_no_more_memory_than_it_says() {
    let bomb = bomb();
    a_bomb_is_not_inflated_beyond_the_limit(&bomb);
    in_chunks_a_bomb_is_never_there_at_once(&bomb);
    agreement_alone_costs_next_to_nothing();
    what_need_not_be_kept_is_given_back();
    contexts_take_what_is_documented();
}
