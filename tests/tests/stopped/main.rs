//! The memory of a connection that has stopped within something: counted by an allocator, in a binary of its own.
//!
//! A peer that stops costs the bytes that it has sent, and a fixed amount. Reads come in buffers of 16 to 64 KiB; they must not
//! be kept for the few bytes that are left in them.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod peers;
mod runtimes;

use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use ws_common::AcceptOptions;
use ws_core::Config;

use peers::{Accepted, Client, Server};
use runtimes::{AsyncStd, Runtime, Smol, Threads, Tokio};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

/// Number of connections over which a number is averaged.
const CONNECTIONS: usize = 20;

/// Bytes of heap of a plain connection within its handshake, beyond the bytes that have come.
const HANDSHAKE: usize = 3000;

/// Bytes of heap of a plain connection that is open, beyond the bytes that have come.
const OPEN: usize = 2500;

/// Bytes of heap of a connection within the TLS handshake, beyond the bytes that have come.
const TLS_HANDSHAKE: usize = 6000;

/// Length of a TLS record of which a ClientHello of several records consists.
const RECORD: usize = 16 * KIB;

/// Bytes of heap of an open connection over TLS, beyond the bytes that have come.
const TLS_OPEN: usize = 11_500;

/// Bytes of heap of a client within its handshake, beyond the bytes that have come.
const CLIENT_HANDSHAKE: usize = 5000;

/// Time without a change of the heap after which the other ends have read everything.
const QUIET: Duration = Duration::from_millis(40);

/// Time after which a number counts that is too large. A busy machine may need it to come to rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// One test alone, since the allocator counts for the whole process.
#[test]
fn a_connection_that_stops_keeps_only_a_small_buffer() {
    let mut failures = Vec::new();
    all::<Tokio>(&mut failures);
    all::<Smol>(&mut failures);
    all::<AsyncStd>(&mut failures);
    all::<Threads>(&mut failures);
    assert!(failures.is_empty(), "{failures:#?}");
}

fn all<R: Runtime>(failures: &mut Vec<String>) {
    // As a server has them, which makes them once.
    let (plain, secure) = (options(), options().tls(peers::acceptor()));
    for row in SERVER {
        let held = row.held::<R>(|| Client::new(R::serve, &plain));
        judge::<R, _>(row, held, failures);
    }
    for row in SERVER_OVER_TLS {
        let held = row.held::<R>(|| Client::new(R::serve, &secure));
        judge::<R, _>(row, held, failures);
    }
    let server = Server::new();
    for row in CLIENT {
        let held = row.held::<R>(|| server.client(R::connect));
        judge::<R, _>(row, held, failures);
    }
}

/// A point at which a peer stops.
struct Row<P> {
    name: &'static str,
    act: fn(&mut P),
    /// Maximum number of bytes of heap.
    bound: usize,
}

fn judge<R: Runtime, P>(row: &Row<P>, held: usize, failures: &mut Vec<String>) {
    let said = format!("{}, {}: {held} bytes, bound {}", R::NAME, row.name, row.bound);
    println!("{said}");
    if held > row.bound {
        failures.push(said);
    }
}

const SERVER: &[Row<Client>] = &[
    Row { name: "no byte of a request", act: |_| {}, bound: HANDSHAKE },
    Row { name: "16 bytes of a request", act: |client| client.head(16), bound: HANDSHAKE + 16 },
    Row { name: "7 KiB of a request", act: |client| client.head(7 * KIB), bound: HANDSHAKE + 7 * KIB },
    Row { name: "12 KiB of a request", act: |client| client.head(12 * KIB), bound: HANDSHAKE + 12 * KIB },
    Row { name: "an open connection", act: Client::open, bound: OPEN },
    Row { name: "1 byte of a header", act: |client| client.open_and_send(&[0x82]), bound: OPEN },
    Row { name: "half of a header", act: |client| client.open_and_send(&[0x82, 0xFE, 0x01]), bound: OPEN },
    Row {
        name: "half of a small message",
        act: |client| client.open_and_stop_within(0x82, 20, 10),
        bound: OPEN,
    },
    Row {
        name: "half of a small text",
        act: |client| client.open_and_stop_within(0x81, 20, 10),
        bound: OPEN,
    },
    Row { name: "half of a ping", act: |client| client.open_and_stop_within(0x89, 20, 10), bound: OPEN },
    Row {
        name: "3 KB of 100 KB",
        act: |client| client.open_and_stop_within(0x82, 100_000, 3000),
        bound: OPEN + 3000,
    },
    Row {
        // Room for eight times the text is made with each read.
        name: "3 KB of a text of 100 KB",
        act: |client| client.open_and_stop_within(0x81, 100_000, 3000),
        bound: OPEN + 8 * 3000,
    },
    Row { name: "idle after 300 KB", act: Client::echo_large, bound: OPEN },
    Row { name: "idle after a burst", act: Client::echo_burst, bound: OPEN },
    Row {
        name: "1 byte of a header after 300 KB",
        act: |client| {
            client.echo_large();
            client.send(&[0x82]);
        },
        bound: OPEN,
    },
    Row {
        name: "1 byte of a header after a burst",
        act: |client| {
            client.echo_burst();
            client.send(&[0x82]);
        },
        bound: OPEN,
    },
    Row {
        name: "a burst that ends within a header",
        act: |client| {
            client.open();
            client.send_burst(&[0x82]);
            client.expect_burst();
        },
        bound: OPEN,
    },
];

const SERVER_OVER_TLS: &[Row<Client>] = &[
    Row { name: "TLS, 16 bytes of a ClientHello", act: |client| client.hello(16), bound: TLS_HANDSHAKE + 16 },
    Row {
        name: "TLS, 5 KiB of a ClientHello",
        act: |client| client.hello(5 * KIB),
        bound: TLS_HANDSHAKE + 5 * KIB,
    },
    Row {
        // rustls has one record in a buffer, which it has doubled. The rest waits before it.
        name: "TLS, 20 KiB of a ClientHello",
        act: |client| client.hello(20 * KIB),
        bound: TLS_HANDSHAKE + 2 * RECORD + 4 * KIB,
    },
    Row {
        // The limit of rustls for a message is 64 KiB, and so is the largest buffer.
        name: "TLS, 65 000 bytes of a ClientHello",
        act: |client| client.hello(65_000),
        bound: TLS_HANDSHAKE + 4 * RECORD + (65_000 - 3 * RECORD),
    },
    Row {
        name: "TLS, 16 bytes of a request",
        act: |client| {
            client.secure();
            client.head(16);
            client.forget_tls();
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, an open connection",
        act: |client| {
            client.secure();
            client.open();
            client.forget_tls();
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, 1 byte of a frame header",
        act: |client| {
            client.secure();
            client.open_and_send(&[0x82]);
            client.forget_tls();
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, 3 KB of 100 KB",
        act: |client| {
            client.secure();
            client.open_and_stop_within(0x82, 100_000, 3000);
            client.forget_tls();
        },
        bound: TLS_OPEN + 3000,
    },
    Row {
        name: "TLS, idle after 300 KB",
        act: |client| {
            client.secure();
            client.echo_large();
            client.forget_tls();
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, 1 byte of a frame header after 300 KB",
        act: |client| {
            client.secure();
            client.echo_large();
            client.send(&[0x82]);
            client.forget_tls();
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, 3 bytes of a record after 300 KB",
        act: |client| {
            client.secure();
            client.echo_large();
            client.forget_tls();
            client.send(&[0x17, 3, 3]);
        },
        bound: TLS_OPEN,
    },
    Row {
        name: "TLS, 10 KiB of a record after 300 KB",
        act: |client| {
            client.secure();
            client.echo_large();
            client.forget_tls();
            client.send(&[&[0x17, 3, 3, 0x40, 0], &[7; 10 * KIB][..]].concat());
        },
        bound: TLS_OPEN + 10 * KIB,
    },
];

const CLIENT: &[Row<Accepted>] = &[
    Row { name: "client, 16 bytes of a response", act: |peer| peer.head(16), bound: CLIENT_HANDSHAKE + 16 },
    Row {
        name: "client, 7 KiB of a response",
        act: |peer| peer.head(7 * KIB),
        bound: CLIENT_HANDSHAKE + 7 * KIB,
    },
    Row { name: "client, an open connection", act: Accepted::open, bound: OPEN },
    Row {
        name: "client, 1 byte of a header",
        act: |peer| {
            peer.open();
            peer.send(&[0x82]);
        },
        bound: OPEN,
    },
];

/// No deadline of a busy machine, and no ping: a timer would count in some rows, and not in others.
fn config() -> Config {
    suite::ends::quiet()
}

fn options() -> AcceptOptions {
    AcceptOptions::default().config(config()).open_timeout(suite::ends::FAR)
}

impl<P> Row<P> {
    /// Bytes of heap for each of many connections whose peers have stopped there.
    fn held<R: Runtime>(&self, open: impl Fn() -> P) -> usize {
        let open = || {
            let mut peer = open();
            (self.act)(&mut peer);
            peer
        };
        // A first round allocates the memory that is allocated once.
        drop((0..CONNECTIONS).map(|_| open()).collect::<Vec<_>>());
        let mut peers = Vec::with_capacity(CONNECTIONS);
        let before = settled::<R>();
        peers.extend((0..CONNECTIONS).map(|_| open()));
        let start = Instant::now();
        loop {
            let held = settled::<R>().saturating_sub(before) / CONNECTIONS;
            if held <= self.bound || start.elapsed() > PATIENCE {
                return held;
            }
        }
    }
}

/// Bytes of heap once nothing changes.
fn settled<R: Runtime>() -> usize {
    thread::sleep(QUIET);
    R::release();
    let mut last = (HEAP.current_usage(), Instant::now());
    while last.1.elapsed() < QUIET {
        thread::sleep(QUIET / 20);
        let now = HEAP.current_usage();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}
