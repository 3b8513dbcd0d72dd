//! TLS around a connection: messages come through it as they come without it, and in no other way whatever is changed on the wire.
//! Waiting ciphertext is bounded, and each connection ends once.
#![no_main]

use std::io::Write;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_common::rustls::{ClientConnection, Connection as Peer, ServerConnection};
use ws_common::tls::{Tls, TlsFailure};
use ws_core::{CloseCode, Config, Connection, Error, Event, Machine, Role, TransportError};
use ws_fuzz::{at, cut, feed, open, tls::IDENTITY, write};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    is_client: bool,
    lengths: Vec<u8>,
    /// The transport takes at most this number of bytes at a time.
    writes: u16,
    operations: Vec<Operation<'a>>,
}

/// Operations of the peer and of the user.
#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Frame {
        first: u8,
        payload: &'a [u8],
    },
    Plaintext(&'a [u8]),
    /// Bytes that are no record, or one that is not encrypted.
    Raw(&'a [u8]),
    /// A frame whose record has one bit changed.
    Flip {
        at: u16,
        payload: &'a [u8],
    },
    RefreshKeys,
    CloseNotify,
    Send {
        len: u16,
    },
    Close,
    Timeout,
    Broken,
}

const MAX_CIPHERTEXT: usize = 64 * 1024 + 16 * 1024 + 512;

type Outcome = Result<Event, TlsFailure<Error>>;

struct World {
    machine: Tls<Connection>,
    peer: Peer,
    /// The same connection without TLS, which gets the same bytes.
    plain: Connection,
    seen: Vec<Event>,
    expected: Vec<Event>,
    failures: usize,
    ends: usize,
    writes: usize,
}

impl World {
    fn new(input: &Input<'_>) -> Self {
        let role = if input.is_client { Role::Client } else { Role::Server };
        let config = Config::default().max_message_size(2000);
        let name = "localhost".try_into().expect("a name");
        let (machine, peer) = if input.is_client {
            let machine = IDENTITY.connector.start("localhost", open(role, &config));
            (machine, ServerConnection::new(IDENTITY.server.clone()).map(Peer::Server))
        } else {
            let machine = IDENTITY.acceptor.start(open(role, &config));
            (machine, ClientConnection::new(IDENTITY.client.clone(), name).map(Peer::Client))
        };
        Self {
            machine: machine.expect("a configuration"),
            peer: peer.expect("a configuration"),
            plain: open(role, &config),
            seen: Vec::new(),
            expected: Vec::new(),
            failures: 0,
            ends: 0,
            writes: usize::from(input.writes).max(1),
        }
    }

    /// Brings TLS up.
    fn shake_hands(&mut self, lengths: &[u8]) {
        for _ in 0..6 {
            let sent = self.from_peer();
            cut(&sent, lengths).for_each(|part| feed(&mut self.machine, part, at(1)));
            self.take();
            let answer = write(&mut self.machine, usize::MAX, at(1));
            self.to_peer(&answer);
        }
        assert!(!self.machine.is_handshaking() && !self.peer.is_handshaking() && self.failures == 0);
    }

    fn from_peer(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.peer.wants_write() {
            self.peer.write_tls(&mut bytes).expect("it is written to memory");
        }
        bytes
    }

    /// The peer does not look at the result, which may have failed.
    fn to_peer(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.peer.read_tls(&mut bytes).is_ok_and(|n| n > 0) {
            if self.peer.process_new_packets().is_err() {
                break;
            }
            let mut plaintext = [0; 4096];
            while std::io::Read::read(&mut self.peer.reader(), &mut plaintext).is_ok_and(|n| n > 0) {}
        }
    }

    fn take(&mut self) {
        loop {
            let outcome: Outcome = match self.machine.poll_event() {
                Ok(None) => return,
                Ok(Some(event)) => Ok(event),
                Err(error) => Err(error),
            };
            assert_eq!(self.ends, 0, "{outcome:?} after the end");
            match outcome {
                Ok(Event::Closed(_)) => self.ends += 1,
                Ok(event) => self.seen.push(event),
                Err(error) => {
                    assert!(error.to_string().len() < 1000);
                    self.failures += 1;
                }
            }
        }
    }

    fn say(&mut self, plaintext: &[u8]) {
        // Refused after an alert of the machine. An empty read would be the end of a stream.
        if self.peer.writer().write_all(plaintext).is_ok() && !plaintext.is_empty() {
            feed(&mut self.plain, plaintext, at(2));
        }
        self.expect();
    }

    /// The events of the connection without TLS are expected of the other one.
    fn expect(&mut self) {
        while let Some(event) = self.plain.poll_event().unwrap_or(None) {
            self.expected.push(event);
        }
    }

    /// Says whether all bytes still come as the peer has sent them, to a connection that nobody has ended.
    fn operate(&mut self, operation: &Operation<'_>, lengths: &[u8]) -> bool {
        let sender = if self.peer_is_client() { Role::Client } else { Role::Server };
        let mut bytes = Vec::new();
        let mut is_whole = true;
        match operation {
            Operation::Frame { first, payload } => {
                let mut frame = Vec::new();
                ws_fuzz::frame(sender, *first, payload, &mut frame);
                self.say(&frame);
            }
            Operation::Plaintext(plaintext) => self.say(plaintext),
            Operation::Raw(raw) => {
                bytes.extend_from_slice(raw);
                is_whole = raw.is_empty();
            }
            Operation::Flip { at: place, payload } => {
                let mut frame = Vec::new();
                ws_fuzz::frame(sender, 0x82, payload, &mut frame);
                bytes = self.from_peer();
                let begin = bytes.len();
                // Refused after an alert of the machine.
                let _ = self.peer.writer().write_all(&frame);
                bytes.extend(self.from_peer());
                let len = bytes.len() - begin;
                if len > 0 {
                    let index = usize::from(*place) % len;
                    // RFC 8446 §5.1 and §5.2: these fields say nothing, and rustls may read the record all the same.
                    if is_type_or_version(&bytes[begin..], index) {
                        feed(&mut self.plain, &frame, at(2));
                        self.expect();
                    }
                    bytes[begin + index] ^= 1 << (place >> 13);
                }
                is_whole = false;
            }
            Operation::RefreshKeys => {
                // Only TLS 1.3 can do it, and only before the end.
                let _ = self.peer.refresh_traffic_keys();
            }
            Operation::CloseNotify => {
                self.peer.send_close_notify();
                is_whole = false;
            }
            Operation::Send { len } => {
                // Refused after the end, and without room.
                let _ = self.machine.inner_mut().send(vec![7; usize::from(*len)]);
            }
            Operation::Close => {
                self.machine.inner_mut().close(CloseCode::NORMAL, at(2));
                is_whole = false;
            }
            Operation::Timeout => {
                self.machine.handle_timeout(at(100));
                is_whole = false;
            }
            Operation::Broken => {
                self.machine.handle_error(TransportError::write("broken pipe"), at(2));
                is_whole = false;
            }
        }
        bytes.extend(self.from_peer());
        for part in cut(&bytes, lengths) {
            feed(&mut self.machine, part, at(2));
            self.take();
        }
        self.take();
        let waiting = self.machine.outbound().len();
        assert!(waiting <= MAX_CIPHERTEXT, "{waiting} bytes of ciphertext wait");
        let answer = write(&mut self.machine, self.writes, at(2));
        self.to_peer(&answer);
        is_whole
    }

    fn peer_is_client(&self) -> bool {
        matches!(self.peer, Peer::Client(_))
    }

    /// A connection without TLS has the same messages, or more.
    fn check(&self) {
        let len = self.seen.len().min(self.expected.len());
        let data = |events: &[Event]| -> Vec<String> {
            let data = events.iter().filter(|event| matches!(event, Event::Message(_) | Event::Ping(_)));
            data.map(|event| format!("{event:?}")).collect()
        };
        assert_eq!(data(&self.seen[..len]), data(&self.expected[..len]));
        assert!(self.seen.len() <= self.expected.len(), "{:?}, not {:?}", self.seen, self.expected);
    }
}

/// Whether the byte at `index` belongs to the type or the version in the header of a record. Its length comes after them.
fn is_type_or_version(mut records: &[u8], mut index: usize) -> bool {
    while let [_, _, _, high, low, ..] = *records {
        let len = 5 + usize::from(u16::from_be_bytes([high, low]));
        if index < len || len > records.len() {
            break;
        }
        (records, index) = (&records[len..], index - len);
    }
    index < 3
}

fuzz_target!(|input: Input<'_>| {
    let mut world = World::new(&input);
    world.shake_hands(&input.lengths);
    let mut is_whole = true;
    for operation in input.operations.iter().take(40) {
        is_whole &= world.operate(operation, &input.lengths);
        world.check();
        if is_whole {
            assert!(world.seen.len() == world.expected.len(), "{:?}, not {:?}", world.seen, world.expected);
        }
    }
    world.machine.handle_read(0, at(101));
    world.take();
    // A deadline may start another one: that of the last bytes, then that of the peer's answer.
    let mut now = at(200);
    for _ in 0..20 {
        world.take();
        let Some(next) = world.machine.poll_timeout() else { break };
        now = now.max(next);
        world.machine.handle_timeout(now);
    }
    world.take();
    assert!(world.ends == 1 && world.failures <= 1, "{} ends, {} failures", world.ends, world.failures);
    world.check();
});
