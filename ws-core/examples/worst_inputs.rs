//! Prints the processor time that the worst inputs of a peer cost, in nanoseconds per byte.
//!
//! ```sh
//! cargo run --release --example worst_inputs --features deflate
//! ```
//!
//! The last column is the ratio to binary messages of 64 KiB, which a server receives. Each row is the best of several rounds. A read
//! brings 64 KiB, the largest read of the adapters. [`Config::max_message_rate`] and
//! [`Config::max_inflate_ratio`] bound the rows that stand out.

#[allow(dead_code, reason = "shared with the tests, which use the rest")]
#[path = "../tests/machines/support.rs"]
mod support;

use std::hint::black_box;
use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{
    Accept, Config, Connection, Deflate, Instant, Machine, NegotiatedDeflate, Random, Role, ServerHandshake,
};

use support::{BINARY, CONTINUATION, FIRST_BINARY, LAST, PING, TEXT, frame};

const READ: usize = 64 * 1024;
const ROUNDS: usize = 7;

/// Shortest time of a round.
const ROUND: Duration = Duration::from_millis(40);

const COMPRESSED: u8 = 0xC2;

fn main() {
    let mut rows = Vec::new();
    for sender in [Role::Client, Role::Server] {
        let who = if sender == Role::Client { "masked" } else { "not masked" };
        for (name, stream) in streams(sender) {
            rows.push((format!("{name}, {who}"), frames(sender, &stream, READ)));
        }
        for (name, first, payload) in
            [("binary", BINARY, vec![7; 64 * 1024]), ("text", TEXT, vec![b'x'; 64 * 1024])]
        {
            let message = frame(sender, first, &payload);
            rows.push((
                format!("{name} of 64 KiB, one byte in each read, {who}"),
                frames(sender, &message, 1),
            ));
        }
    }
    for (name, payload) in [
        ("deflated zeros, 1 MiB", compressed(&vec![0; 1 << 20])),
        ("deflated ASCII in a row, 64 KiB", compressed(&b"0123456789abcdef".repeat(4096))),
        ("deflated noise, 64 KiB", compressed(&noise(64 * 1024))),
        ("deflated single bytes", compressed(b"x")),
    ] {
        let stream = frame(Role::Client, COMPRESSED, &payload);
        let stream = stream.repeat((READ / stream.len()).max(1));
        rows.push((format!("{name}, masked"), frames(Role::Client, &stream, READ)));
    }
    for (name, head) in heads() {
        rows.push((name.into(), handshakes(&head, READ)));
        rows.push((format!("{name}, one byte in each read"), handshakes(&head, 1)));
    }
    let reference = rows[0].1;
    println!("| input | ns per byte | times binary of 64 KiB |\n|---|---:|---:|");
    for (name, time) in rows {
        println!("| {name} | {time:.2} | {:.1} |", time / reference);
    }
}

/// Streams of frames. The first is the reference.
fn streams(sender: Role) -> Vec<(&'static str, Vec<u8>)> {
    let many = |frame: Vec<u8>| frame.repeat(READ / frame.len());
    let fragments = |payload: &[u8]| {
        let fragment = frame(sender, CONTINUATION, payload);
        let begin = frame(sender, FIRST_BINARY, payload);
        [begin, fragment.repeat(READ / fragment.len()), frame(sender, LAST, payload)].concat()
    };
    vec![
        ("binary of 64 KiB", frame(sender, BINARY, &[7; 64 * 1024])),
        ("ASCII text of 64 KiB", frame(sender, TEXT, &[b'x'; 64 * 1024])),
        ("text of 64 KiB, three bytes in each character", frame(sender, TEXT, "ḋ".repeat(21_845).as_bytes())),
        ("binary of 512 bytes", many(frame(sender, BINARY, &[7; 512]))),
        ("binary of 513 bytes", many(frame(sender, BINARY, &[7; 513]))),
        ("binary of one byte", many(frame(sender, BINARY, &[7]))),
        ("empty binary", many(frame(sender, BINARY, &[]))),
        ("text of one byte", many(frame(sender, TEXT, b"x"))),
        ("empty text", many(frame(sender, TEXT, b""))),
        ("fragments of one byte", fragments(&[7])),
        ("empty fragments", fragments(&[])),
        ("empty pings", many(frame(sender, PING, b""))),
        ("pings of 125 bytes", many(frame(sender, PING, &[7; 125]))),
    ]
}

/// Requests that are as long as a head may be.
fn heads() -> Vec<(&'static str, Vec<u8>)> {
    let head = |rest: &str| {
        let fixed = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        format!("{fixed}{rest}\r\n").into_bytes()
    };
    let list =
        |name: &str, member: &str, n: usize| head(&format!("{name}: {}\r\n", vec![member; n].join(",")));
    vec![
        ("head without further fields", head("")),
        ("head of 95 fields", head(&"X-Y: z\r\n".repeat(95 - 6))),
        ("head with a field of 16 000 bytes", head(&format!("X-Long: {}\r\n", "x".repeat(16_000)))),
        ("head with 7500 subprotocols", list("Sec-WebSocket-Protocol", "x", 7500)),
        ("head with 7500 extensions", list("Sec-WebSocket-Extensions", "x", 7500)),
        ("head with 800 offers of compression", list("Sec-WebSocket-Extensions", "permessage-deflate", 800)),
        ("head with 7500 tokens of Connection", list("Connection", "x", 7500)),
    ]
}

/// Nanoseconds per byte of a connection that receives `stream` again and again, `read` bytes at a time.
fn frames(sender: Role, stream: &[u8], read: usize) -> f64 {
    let config = Config::default().ping_interval(None);
    let (random, now) = (Random::from_seed([1; 32]), Instant::EPOCH);
    let connection = Connection::after_handshake(sender.peer(), &config, random, BytesMut::new(), now);
    let mut connection = connection.with_deflate(negotiated(sender.peer()));
    best(stream.len(), || {
        for piece in stream.chunks(read) {
            connection.inbound().extend_from_slice(piece);
            connection.handle_read(piece.len(), now);
            while let Some(event) = connection.poll_event().expect("the input is legal") {
                black_box(event);
            }
            let waiting = connection.outbound().remaining();
            connection.handle_write(waiting, now);
        }
    })
}

/// Nanoseconds per byte of a server that accepts a request, which comes `read` bytes at a time.
fn handshakes(head: &[u8], read: usize) -> f64 {
    let supported: Vec<_> = (0..50).map(|n| format!("protocol-{n}")).collect();
    let random = || Random::from_seed([1; 32]);
    best(head.len(), || {
        let config = Config::default().deflate(Deflate::default());
        let mut handshake = ServerHandshake::new(config, random(), Instant::EPOCH);
        for piece in head.chunks(read) {
            handshake.inbound().extend_from_slice(piece);
            handshake.handle_read(piece.len(), Instant::EPOCH);
            if let Some(request) = handshake.poll_event().expect("the request is legal") {
                black_box(Accept::new().first_subprotocol(&request, supported.iter().map(|name| &**name)));
            }
        }
    })
}

fn negotiated(role: Role) -> NegotiatedDeflate {
    let deflate = Deflate::default();
    let offer = deflate.to_string();
    let accepted = deflate.accept([&*offer]).expect("an offer").expect("it fits");
    let answer = accepted.to_string();
    let confirmed = deflate.confirm([&*answer]).expect("an answer").expect("it confirms");
    if role == Role::Client { confirmed } else { accepted }
}

/// Nanoseconds per byte of the best round.
fn best(len: usize, mut input: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let begin = processor_time();
        let mut times = 0;
        loop {
            input();
            times += 1;
            let time = processor_time() - begin;
            if time >= ROUND {
                return time.as_nanos() as f64 / f64::from(times) / len as f64;
            }
        }
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Time that this thread has had on a processor, so that the load of the machine counts little.
#[cfg(unix)]
fn processor_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a time since the thread began")
}

/// Time that has passed, where the processor time of a thread is not known.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGIN.elapsed()
}

/// A payload of permessage-deflate that refers to nothing before it.
fn compressed(content: &[u8]) -> Vec<u8> {
    let mut output = vec![0; content.len() + 1024];
    let mut deflate = zlib_rs::Deflate::new(9, false, 15);
    deflate.compress(content, &mut output, zlib_rs::DeflateFlush::SyncFlush).expect("there is room");
    output.truncate(deflate.total_out() as usize - 4);
    output
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}
