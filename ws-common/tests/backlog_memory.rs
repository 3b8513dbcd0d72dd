//! The memory of the events of a client that wait, counted by the allocator. One test alone, since it counts for the whole process.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

use std::net::SocketAddr;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use ws_common::connector::{Connector, ConnectorStep};
use ws_common::session::{Action, ClientBuilder, ClientEvent, Session};
use ws_core::bytes::Buf;
use ws_core::{Accept, Config, Instant, Machine, Random, ServerHandshake};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

/// The largest read of the drivers of this library.
const READ: usize = 128 * KIB;

/// Mark of the events that wait.
const LIMIT: usize = 1024 * KIB;

/// A message that waits keeps at most twice its size alive. To this come the read buffers of the connection.
const BOUND: usize = 2 * LIMIT + 512 * KIB;

/// With a fault that lets each message keep its read alive, these reads are far over the bound.
const READS: usize = 64;

const NOW: Instant = Instant::since_epoch(Duration::from_secs(1));

/// A client whose connection is open.
fn client() -> Session {
    let builder = ClientBuilder::<Session>::new("ws://server.test/").ping_interval(None);
    let mut session = builder.session(Random::from_seed([1; 32])).unwrap();
    session.handle_timeout(NOW);
    let Some(Action::Open(options)) = session.poll_action() else { panic!("a transport is wanted") };
    let mut connector = Connector::new(&options, NOW);
    let connected = loop {
        match connector.poll(NOW) {
            ConnectorStep::Resolve { port, .. } => {
                connector.handle_addresses(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]));
            }
            ConnectorStep::Connect { attempt, .. } => connector.handle_result(attempt, Ok(())),
            ConnectorStep::Wait(_) => panic!("it waits for nothing"),
            ConnectorStep::Done(connected) => break connected.unwrap(),
        }
    };
    let local = SocketAddr::from(([127, 0, 0, 1], 1));
    let random = Random::from_seed([2; 32]);
    assert!(session.opened(&connected.route, connected.peer, local, random, NOW));

    let request = written(&mut session);
    let mut server = ServerHandshake::new(Config::default(), Random::from_seed([3; 32]), NOW);
    feed(&mut server, &request);
    server.poll_event().unwrap().unwrap();
    let mut server = server.accept(&Accept::new(), NOW).unwrap();
    feed(&mut session, &written(&mut server));
    while !matches!(session.poll_event(), Ok(Some(ClientEvent::Open(_)))) {}
    session
}

fn written(machine: &mut impl Machine) -> Vec<u8> {
    let n = machine.outbound().remaining();
    let bytes = machine.outbound().copy_to_bytes(n).to_vec();
    machine.handle_write(n, NOW);
    bytes
}

fn feed(machine: &mut impl Machine, bytes: &[u8]) {
    machine.inbound().reserve(READ);
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), NOW);
}

/// A whole message of a server.
fn message(len: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match len {
        0..=125 => frame.push(len as u8),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    frame.resize(frame.len() + len, b'x');
    frame
}

/// A message, and an empty one in fragments that fill the rest of a read.
fn pinning(len: usize) -> Vec<u8> {
    let mut bytes = message(len);
    bytes.extend([0x02, 0]);
    while bytes.len() < READ - 2 {
        bytes.extend([0x00, 0]);
    }
    bytes.extend([0x80, 0]);
    bytes
}

/// As many messages as fit in a read.
fn full(len: usize) -> Vec<u8> {
    let message = message(len);
    message.repeat((READ / message.len()).max(1))
}

#[test]
fn the_events_of_a_client_that_wait_hold_at_most_twice_their_limit() {
    let mut shapes: Vec<_> = [513, 600, 4096]
        .into_iter()
        .map(|len| (format!("{len} bytes, before garbage"), pinning(len)))
        .collect();
    let lengths = [0, 1, 125, 512, 513, 4096, 33 * KIB];
    shapes.extend(lengths.map(|len| (format!("{len} bytes"), full(len))));
    for (name, bytes) in shapes {
        let mut session = client();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let mut reads = 0;
        let mut reads_on = true;
        while reads_on && reads < READS {
            feed(&mut session, &bytes);
            reads_on = session.read_ahead();
            reads += 1;
        }
        let held = MEMORY.peak_usage() - before;
        println!("{name}: {held} of {BOUND} after {reads} reads");
        assert!(held <= BOUND, "{name}: {held} bytes are held, over {BOUND}");
        let is_pinning = name.ends_with("garbage");
        assert!(is_pinning || !reads_on, "{name}: the mark was not reached");
    }
}
