//! Any operations on two machines that are joined: nothing is reordered, nothing is lost before the close, what waits
//! stays bounded, and each machine ends exactly once.
#![no_main]

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_core::{
    CloseCode, CloseFrame, Config, Connection, Event, Instant, Machine, Message, MessageKind, Role,
    TransportError,
};
use ws_fuzz::{at, feed, open};

#[derive(Arbitrary, Debug)]
enum Operation {
    Send { text: bool, len: u16 },
    SendRef { text: bool, len: u16 },
    Start { text: bool },
    Part { len: u16 },
    Finish { len: u16 },
    Abort,
    Ping { len: u8 },
    Close { code: u16 },
    TakeOut { limit: u16 },
    Written { n: u16 },
    Blocked,
    Deliver { n: u16 },
    Events { n: u8 },
    ReadAhead,
    ForEachBorrowed { n: u8 },
    Chunks { on: bool },
    Pause,
    Resume,
    Wait { milliseconds: u16 },
    BreakWrite,
    BreakRead,
}

const MARK: usize = 2000;
const LARGEST: usize = 5000;
/// Of a frame, at most.
const OVERHEAD: usize = 14;
const FRAME: usize = 100;
/// One message over the mark, 16 pongs, a ping, a Close frame, the end of a streamed message.
const BOUND: usize = MARK + LARGEST + (LARGEST / FRAME + 2) * OVERHEAD + 19 * (125 + OVERHEAD);

/// One end, its driver, and what is on its way to the other.
struct End {
    connection: Connection,
    accepted: Vec<Message>,
    /// The message that is being sent as a stream.
    streaming: Option<(MessageKind, Vec<u8>)>,
    flight: VecDeque<u8>,
    wire: VecDeque<u8>,
    wire_ends: bool,
    write_broken: bool,
    /// Bytes left that had been taken out when the machine gave up, so that it does not know of them.
    uncertain: bool,
    got: Vec<Message>,
    chunks: Vec<u8>,
    in_chunks: bool,
    errors: usize,
    closed: usize,
}

fn message(text: bool, len: u16, number: usize) -> Message {
    let len = usize::from(len) % LARGEST;
    if text {
        Message::text(
            format!("{number} ").chars().chain("é€a".chars().cycle()).take(len / 3).collect::<String>(),
        )
    } else {
        Message::binary((0..len).map(|i| (i + number) as u8).collect::<Vec<u8>>())
    }
}

impl End {
    fn new(role: Role, split: bool) -> Self {
        let config = Config::default().max_send_buffer(MARK).max_read_ahead(usize::MAX);
        let config = if split { config.max_frame_size(FRAME) } else { config };
        Self {
            connection: open(role, &config),
            accepted: Vec::new(),
            streaming: None,
            flight: VecDeque::new(),
            wire: VecDeque::new(),
            wire_ends: false,
            write_broken: false,
            uncertain: false,
            got: Vec::new(),
            chunks: Vec::new(),
            in_chunks: false,
            errors: 0,
            closed: 0,
        }
    }

    fn operate(&mut self, peer: &mut Self, operation: &Operation, now: Instant) {
        let number = self.accepted.len();
        match *operation {
            Operation::Send { text, len } => {
                let message = message(text, len, number);
                if self.connection.send(message.clone()).is_ok() {
                    self.accepted.push(message);
                }
            }
            Operation::SendRef { text, len } => {
                let message = message(text, len, number);
                if self.connection.send_ref(message.as_ref()).is_ok() {
                    self.accepted.push(message);
                }
            }
            Operation::Start { text } => {
                let kind = if text { MessageKind::Text } else { MessageKind::Binary };
                if self.connection.start_message(kind).is_ok() {
                    assert!(self.streaming.replace((kind, Vec::new())).is_none());
                }
            }
            Operation::Part { len } => self.part(len, false),
            Operation::Finish { len } => self.part(len, true),
            Operation::Abort => self.connection.abort_message(now),
            Operation::Ping { len } => drop(self.connection.ping(vec![7; usize::from(len)])),
            Operation::Close { code } => {
                let frame = CloseCode::new(code).map_or(CloseFrame::EMPTY, CloseFrame::from);
                self.connection.close(frame, now);
            }
            Operation::TakeOut { limit } => self.take_out(usize::from(limit)),
            Operation::Written { n } => self.written(usize::from(n), now),
            Operation::Blocked => self.connection.handle_write(0, now),
            Operation::Deliver { n } => self.deliver(peer, usize::from(n), now),
            Operation::Events { n } => {
                let _ = (0..n).take_while(|_| self.event()).count();
            }
            Operation::ReadAhead => drop(self.connection.read_ahead()),
            Operation::ForEachBorrowed { n } => self.for_each_borrowed(n),
            Operation::Chunks { on } => {
                self.in_chunks |= on;
                self.connection.receive_chunks(on);
            }
            Operation::Pause => self.connection.pause(now),
            Operation::Resume => self.connection.resume(now),
            Operation::Wait { .. } => self.connection.handle_timeout(now),
            Operation::BreakWrite => self.break_write(now),
            Operation::BreakRead => self.connection.handle_error(TransportError::read("reset"), now),
        }
        assert!(self.connection.outbound().len() <= BOUND, "{}", self.connection.outbound().len());
    }

    fn part(&mut self, len: u16, last: bool) {
        let part = vec![b'a'; usize::from(len) % LARGEST];
        let taken = match last {
            true => self.connection.finish_message(&part),
            false => self.connection.continue_message(&part),
        };
        if taken.is_err() {
            return;
        }
        let (kind, mut bytes) = self.streaming.take().expect("it was begun");
        bytes.extend_from_slice(&part);
        if !last {
            self.streaming = Some((kind, bytes));
        } else if kind == MessageKind::Text {
            self.accepted.push(Message::text(String::from_utf8(bytes).expect("it was taken")));
        } else {
            self.accepted.push(Message::binary(bytes));
        }
    }

    fn take_out(&mut self, limit: usize) {
        if self.flight.is_empty() && !self.write_broken {
            let taken = self.connection.outbound().take_out(limit);
            self.flight.extend(taken.into_iter().flatten());
        }
    }

    fn written(&mut self, n: usize, now: Instant) {
        let n = n.min(self.flight.len());
        if n > 0 {
            self.uncertain |= self.connection.outbound().len() < n;
            self.wire.extend(self.flight.drain(..n));
            self.connection.handle_write(n, now);
        }
        if self.flight.is_empty()
            && self.connection.outbound().is_empty()
            && self.connection.outbound().is_finished()
        {
            self.wire_ends = true;
        }
    }

    fn break_write(&mut self, now: Instant) {
        self.write_broken = true;
        self.wire_ends = true;
        self.uncertain |= !self.flight.is_empty();
        self.flight.clear();
        self.connection.handle_error(TransportError::write("broken pipe"), now);
    }

    /// Brings up to `n` bytes of what is on its way, or its end, to the other.
    fn deliver(&mut self, peer: &mut Self, n: usize, now: Instant) {
        let bytes: Vec<u8> = self.wire.drain(..n.min(self.wire.len())).collect();
        if !bytes.is_empty() {
            feed(&mut peer.connection, &bytes, now);
        } else if self.wire_ends && self.wire.is_empty() {
            peer.connection.handle_read(0, now);
        }
    }

    /// Takes an event. Says whether there was one.
    fn event(&mut self) -> bool {
        match self.connection.poll_event() {
            Ok(None) => return false,
            Ok(Some(event)) => {
                assert_eq!(self.closed, 0, "{event:?} after the end");
                self.take(event);
            }
            Err(error) => {
                assert_eq!((self.closed, self.errors), (0, 0), "{error} after the end");
                self.errors += 1;
            }
        }
        true
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.got.push(message),
            Event::Chunk(chunk) => {
                self.chunks.extend_from_slice(&chunk.bytes);
                if chunk.last {
                    let bytes = std::mem::take(&mut self.chunks);
                    self.got.push(match chunk.kind {
                        MessageKind::Text => Message::text(String::from_utf8(bytes).expect("it was checked")),
                        MessageKind::Binary => Message::binary(bytes),
                    });
                }
            }
            Event::Closed(_) => {
                self.closed += 1;
                self.wire_ends = true;
            }
            _ => {}
        }
    }

    /// Is shown up to `n` messages. Chunks are not shown, so it is not for who asked for those.
    fn for_each_borrowed(&mut self, n: u8) {
        if self.in_chunks {
            return;
        }
        let mut left = n;
        let got = &mut self.got;
        let end = self.connection.for_each_borrowed(|message, _| {
            got.push(match message {
                ws_core::MessageRef::Text(text) => Message::text(text.to_owned()),
                ws_core::MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
            });
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match end {
            Ok(ws_core::ForEachEnd::Closed(closed)) => self.take(Event::Closed(closed)),
            Ok(_) => {}
            // In place of the end.
            Err(_) => {
                self.errors += 1;
                self.closed += 1;
                self.wire_ends = true;
            }
        }
    }

    /// Everything that can happen without time.
    fn settle(&mut self, peer: &mut Self, now: Instant) {
        self.connection.resume(now);
        self.take_out(usize::MAX);
        self.written(usize::MAX, now);
        self.deliver(peer, usize::MAX, now);
        self.deliver(peer, usize::MAX, now);
        while peer.event() {}
    }
}

/// What one end got of what the other sent.
fn check(from: &End, to: &End) {
    assert!(to.got.len() <= from.accepted.len());
    assert_eq!(to.got[..], from.accepted[..to.got.len()], "in order");
    let (Some(sender), Some(receiver)) = (from.connection.closed(), to.connection.closed()) else {
        panic!("both have ended");
    };
    let cut = usize::from(from.streaming.as_ref().is_some_and(|(_, bytes)| !bytes.is_empty()));
    let left = from.accepted.len() + cut - sender.unsent;
    if !from.uncertain {
        assert!(to.got.len() <= left, "{} came, {left} left", to.got.len());
    }
    if sender.clean && receiver.clean {
        assert_eq!(to.got.len(), left, "nothing that left before a clean close is lost");
    }
}

fuzz_target!(|input: (bool, Vec<(bool, Operation)>)| {
    let (split, operations) = input;
    let mut ends = [End::new(Role::Client, split), End::new(Role::Server, split)];
    let mut now = at(0);
    for (client, operation) in &operations {
        if let Operation::Wait { milliseconds } = operation {
            now = now + Duration::from_millis(u64::from(*milliseconds));
        }
        let [a, b] = &mut ends;
        let (end, peer) = if *client { (a, b) } else { (b, a) };
        end.operate(peer, operation, now);
    }
    let [client, server] = &mut ends;
    client.connection.close(CloseCode::NORMAL, now);
    for _ in 0..50 {
        for _ in 0..10 {
            client.settle(server, now);
            server.settle(client, now);
        }
        if client.closed + server.closed == 2 {
            break;
        }
        let due = [client.connection.poll_timeout(), server.connection.poll_timeout()];
        now = due.into_iter().flatten().min().map_or(now, |due| due.max(now));
        client.connection.handle_timeout(now);
        server.connection.handle_timeout(now);
    }
    assert_eq!((client.closed, server.closed), (1, 1), "each ends once");
    assert_eq!(client.connection.poll_timeout(), None);
    check(client, server);
    check(server, client);
});
