//! The settings bound the memory of a connection, for messages of hostile shapes. Counted by the allocator, in one test,
//! since it counts for the whole process.

#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

mod shapes;
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
#[path = "../machines/support.rs"]
mod support;

use peak_alloc::PeakAlloc;
use shapes::Shape;
use support::{ROLES, at};
use ws_core::bytes::BytesMut;
use ws_core::{Config, Connection, Event, Machine, Random, Role};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

/// The largest read of the drivers of this library.
const READ: usize = 128 * KIB;

fn open(role: Role, config: &Config, compressed: bool) -> Connection {
    let random = Random::from_seed([1; 32]);
    let connection = Connection::after_handshake(role, config, random, BytesMut::new(), at(0));
    #[cfg(feature = "deflate")]
    if compressed {
        return connection.with_deflate(shapes::agreed(role));
    }
    assert!(!compressed);
    connection
}

/// A read of a driver: as many of `bytes`, over and over from `*from` on, as fit.
fn read(connection: &mut Connection, bytes: &[u8], from: &mut usize) {
    let inbound = connection.inbound();
    inbound.reserve(READ);
    let mut left = READ;
    while left > 0 {
        let part = &bytes[*from..][..left.min(bytes.len() - *from)];
        inbound.extend_from_slice(part);
        *from = (*from + part.len()) % bytes.len();
        left -= part.len();
    }
    connection.handle_read(READ, at(0));
}

/// The settings that bound memory.
#[derive(Clone, Copy)]
struct Limits {
    message: usize,
    read_ahead: usize,
    send_buffer: usize,
}

/// The same things happen with small limits, in less time.
const LIMITS: Limits = Limits { message: 256 * KIB, read_ahead: 64 * KIB, send_buffer: 64 * KIB };

/// The default limits.
const DEFAULTS: Limits = Limits { message: 16 * 1024 * KIB, read_ahead: 1024 * KIB, send_buffer: 1024 * KIB };

/// The way of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Program {
    /// Waits for something else than receiving.
    ReadsAhead,
    /// The same, while it receives in chunks.
    ReadsAheadInChunks,
    /// Takes each message and drops it.
    Takes,
    /// Sends each message back to a peer that does not read.
    Echoes,
}

const PROGRAMS: [Program; 4] =
    [Program::ReadsAhead, Program::ReadsAheadInChunks, Program::Takes, Program::Echoes];

impl Program {
    /// Whose bound applies. Only replies share the read buffers of a server.
    fn bounded_as(self, role: Role) -> Role {
        if self == Self::Echoes { role } else { Role::Client }
    }
}

/// Runs a program against a peer that sends `bytes` over and over, so many bytes in all.
fn run(program: Program, connection: &mut Connection, bytes: &[u8], patience: usize) {
    connection.receive_chunks(program == Program::ReadsAheadInChunks);
    let mut from = 0;
    let mut come = 0;
    let mut echoes = program == Program::Echoes;
    while come < patience {
        read(connection, bytes, &mut from);
        come += READ;
        if program == Program::Takes {
            while let Ok(Some(_)) = connection.poll_event() {}
        }
        while echoes {
            let event = connection.poll_event();
            match event {
                Ok(Some(Event::Message(message))) => {
                    // A message that is handed back belongs to the program, and does not count.
                    echoes = connection.send(message).is_ok();
                }
                Ok(Some(Event::Closed(_))) | Err(_) => return,
                Ok(Some(_)) => {}
                Ok(None) => break,
            }
        }
        if program != Program::Takes && !echoes && !connection.read_ahead() {
            break;
        }
    }
}

/// The peak of the heap during `case`, in bytes.
fn peak(case: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    case();
    MEMORY.peak_usage() - before
}

/// The bound for a peer whose largest message has `largest` bytes. A peer that sends short messages alone gets no memory for long ones.
fn bound(config: &Config, role: Role, max_message: usize, largest: usize) -> usize {
    let without = |bytes| config.clone().max_message_size(bytes).max_memory(role);
    without(0) + config.max_memory(role) - without(max_message.saturating_sub(largest))
}

/// Runs all programs of both roles against these shapes. Gives the cases that hold more than their bound.
fn check(config: &Config, limits: Limits, shapes: fn(Role, Limits) -> Vec<Shape>) -> Vec<String> {
    let mut failures = Vec::new();
    #[cfg(feature = "deflate")]
    let compressing = config.clone().deflate(ws_core::Deflate::default());
    #[cfg(not(feature = "deflate"))]
    let compressing = config.clone();
    for role in ROLES {
        for Shape { name, bytes, compressed, largest } in shapes(role.peer(), limits) {
            let config = if compressed { &compressing } else { config };
            // Short messages that are taken leave nothing.
            let is_short = largest < limits.message;
            for program in PROGRAMS.into_iter().filter(|program| *program != Program::Takes || !is_short) {
                let bound = bound(config, program.bounded_as(role), limits.message, largest);
                // With a fault that lets each message keep its read alive, these reads are over the bound.
                let patience = if program == Program::Takes { 2 * limits.message } else { bound + bound / 4 };
                let held = peak(|| run(program, &mut open(role, config, compressed), &bytes, patience));
                let line = format!("{role:?}, {program:?}, {name}: {held} of {bound}");
                println!("{line}");
                if held > bound {
                    failures.push(line);
                }
            }
        }
    }
    failures
}

#[test]
fn the_settings_bound_the_memory_of_a_connection() {
    let small = Config::default()
        .max_message_size(LIMITS.message)
        .max_read_ahead(LIMITS.read_ahead)
        .max_send_buffer(LIMITS.send_buffer);
    let failures = check(&small, LIMITS, shapes::all);
    assert!(failures.is_empty(), "{failures:#?}");
    let failures = check(&Config::default(), DEFAULTS, shapes::few);
    assert!(failures.is_empty(), "with default limits: {failures:#?}");
}
