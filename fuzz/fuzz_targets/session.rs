//! A client that stays connected, its user and any server: events keep their order, delays and outbound bytes their bounds, the status and
//! the statistics go with the events, and nothing depends on the cuts of the server's bytes.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_common::session::{ClientBuilder, ClientEvent, ClientStats, ClientStatus, Delivery};
use ws_core::{CloseFrame, Instant, Machine, Role};
use ws_fuzz::client::{Client, agree};
use ws_fuzz::{at, cut, feed, frame};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    is_confirmed: bool,
    proxy: bool,
    address: bool,
    lengths: Vec<u8>,
    operations: Vec<Operation<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Redirect {
        location: &'a [u8],
    },
    Unavailable {
        retry_after: &'a [u8],
        has_date: bool,
    },
    Refuse {
        status: u16,
        body: &'a [u8],
    },
    /// The right answer, and bytes behind it.
    Agree(&'a [u8]),
    ProxyAgrees,
    Bytes(&'a [u8]),
    Frame {
        first: u8,
        payload: &'a [u8],
    },
    Pong,
    End,
    /// Whether the next transports fail to open.
    CutOff(bool),
    /// Whether the user waits for something else than events, and takes none.
    ReadAhead(bool),
    Send {
        len: u16,
    },
    Confirm,
    Wait {
        milliseconds: u16,
        times: u8,
    },
    Deadline,
    Written {
        n: u16,
    },
    Pause(bool),
    Reconnect {
        milliseconds: u16,
    },
    Close,
    Abort,
}

const MAX_SEND_BUFFER: usize = 2000;
const LARGEST: usize = 1000;
/// The outbox and one message in frames, a handshake with the largest redirect, control frames.
const MAX_OUTBOUND: usize = MAX_SEND_BUFFER + LARGEST + 20 * 1024 + 20 * 139;
/// The default of `max_retry_after`, and as much again so that clients do not return together.
const MAX_DELAY: Duration = Duration::from_secs(2 * 60 * 60);

/// The place in the order of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Before an attempt, and while it has no transport.
    Between,
    Connected,
    Open,
    Failed,
    Closed,
    Over,
}

impl Stage {
    fn after(self, event: &ClientEvent) -> Self {
        match (self, event) {
            (stage, ClientEvent::BufferFull | ClientEvent::BufferDrained) if stage != Self::Over => stage,
            (Self::Between | Self::Connected, ClientEvent::Connected { .. }) => Self::Connected,
            (Self::Connected, ClientEvent::Open(_)) => Self::Open,
            (
                Self::Open,
                ClientEvent::Message(_)
                | ClientEvent::Ping(_)
                | ClientEvent::Pong { .. }
                | ClientEvent::Closing(_),
            ) => Self::Open,
            (Self::Between | Self::Connected | Self::Open, ClientEvent::Error(_)) => Self::Failed,
            (Self::Between | Self::Connected | Self::Open | Self::Failed, ClientEvent::Closed(_)) => {
                Self::Closed
            }
            (Self::Closed, ClientEvent::Undelivered(_) | ClientEvent::Stuck { .. }) => Self::Closed,
            // The user may change the time of an attempt that was announced.
            (Self::Closed | Self::Between, ClientEvent::Reconnecting { .. }) => Self::Between,
            (Self::Closed | Self::Between, ClientEvent::GaveUp { .. }) => Self::Over,
            (stage, event) => panic!("{event:?} after {stage:?}"),
        }
    }
}

struct World {
    client: Client,
    now: Instant,
    /// Takes no events.
    is_busy: bool,
    stage: Stage,
    /// The events, and the status after each operation.
    trace: Vec<String>,
    /// Number of connections and messages that events have told of.
    connections: u64,
    messages: u64,
    stats: ClientStats,
}

impl World {
    fn new(input: &Input<'_>) -> Self {
        let url = if input.address { "ws://[2001:db8::1]:81/" } else { "ws://user:password@a.example/x" };
        let mut builder = ClientBuilder::new(url)
            .header("Cookie", "secret")
            .max_redirects(2)
            .max_send_buffer(MAX_SEND_BUFFER)
            // Its windows begin with a read, so that the cuts may postpone it by one window.
            .message_timeout(None);
        if input.is_confirmed {
            builder = builder.delivery(Delivery::Confirmed);
        }
        if input.proxy {
            builder = builder.proxy("http://user:password@proxy.example:3128");
        }
        Self {
            client: Client::start(builder),
            now: at(0),
            is_busy: false,
            stage: Stage::Between,
            trace: Vec::new(),
            connections: 0,
            messages: 0,
            stats: ClientStats::default(),
        }
    }

    fn operate(&mut self, operation: &Operation<'_>, lengths: &[u8]) {
        let (client, now) = (&mut self.client, self.now);
        let answer: Vec<u8> = match operation {
            Operation::Redirect { location } => {
                [&b"HTTP/1.1 302 x\r\nLocation: "[..], location, b"\r\nContent-Length: 0\r\n\r\n"].concat()
            }
            Operation::Unavailable { retry_after, has_date } => {
                let date = if *has_date { "Date: Mon, 30 Nov 2026 00:00:00 GMT\r\n" } else { "" };
                let head = format!("HTTP/1.1 503 x\r\n{date}Retry-After: ");
                [head.as_bytes(), retry_after, b"\r\nContent-Length: 0\r\n\r\n"].concat()
            }
            Operation::Refuse { status, body } => {
                let head = format!("HTTP/1.1 {} x\r\nTransfer-Encoding: chunked\r\n\r\n", status % 1000);
                [head.as_bytes(), body].concat()
            }
            Operation::Agree(rest) => {
                client.write(usize::MAX, now);
                let begin = client.written.windows(5).position(|window| window == b"GET /").unwrap_or(0);
                let answer = agree(&client.written[begin..]).unwrap_or_default();
                [&answer[..], rest].concat()
            }
            Operation::ProxyAgrees => {
                client.write(usize::MAX, now);
                b"HTTP/1.1 200 x\r\n\r\n".to_vec()
            }
            Operation::Bytes(bytes) => bytes.to_vec(),
            Operation::Frame { first, payload } => {
                let mut bytes = Vec::new();
                frame(Role::Server, *first, payload, &mut bytes);
                bytes
            }
            Operation::Pong => {
                client.write(usize::MAX, now);
                pong(&client.written)
            }
            Operation::End => {
                client.session.handle_read(0, now);
                vec![]
            }
            Operation::CutOff(is_cut_off) => {
                client.is_cut_off = *is_cut_off;
                vec![]
            }
            Operation::ReadAhead(is_busy) => {
                self.is_busy = *is_busy;
                vec![]
            }
            Operation::Send { len } => {
                // Refused without room, and at the end.
                let _ = client.session.send(vec![7; usize::from(*len) % LARGEST]);
                vec![]
            }
            Operation::Confirm => {
                // An error where nothing was sent.
                let _ = client.session.confirm(None);
                vec![]
            }
            Operation::Wait { milliseconds, times } => {
                let step = Duration::from_millis(u64::from(*milliseconds));
                for _ in 0..times % 16 {
                    self.now = self.now + step;
                    client.session.handle_timeout(self.now);
                }
                vec![]
            }
            Operation::Deadline => {
                self.now = client.session.poll_timeout().map_or(now, |due| due.max(now));
                client.session.handle_timeout(self.now);
                vec![]
            }
            Operation::Written { n } => {
                client.write(usize::from(*n), now);
                vec![]
            }
            Operation::Pause(true) => {
                client.session.pause(now);
                vec![]
            }
            Operation::Pause(false) => {
                client.session.resume(now);
                vec![]
            }
            Operation::Reconnect { milliseconds } => {
                self.is_busy = false;
                self.take();
                let client = &mut self.client;
                client.session.reconnect_after(Duration::from_millis(u64::from(*milliseconds)), now);
                if self.stage == Stage::Over {
                    self.stage = Stage::Between;
                }
                vec![]
            }
            Operation::Close => {
                client.session.close(CloseFrame::EMPTY, now);
                vec![]
            }
            Operation::Abort => {
                client.session.abort(now);
                vec![]
            }
        };
        let transports = self.client.transports.len();
        for part in cut(&answer, lengths) {
            if self.client.transports.len() == transports {
                feed(&mut self.client.session, part, self.now);
                self.take();
            }
        }
        self.settle();
    }

    /// Takes the events, or reads ahead, and does the driver's tasks.
    fn take(&mut self) {
        if self.is_busy {
            self.client.session.read_ahead();
            self.client.act(self.now);
            return;
        }
        for _ in 0..3 {
            for event in self.client.events() {
                self.stage = self.stage.after(&event);
                if let ClientEvent::Reconnecting { after, .. } = &event {
                    assert!(*after <= MAX_DELAY, "{after:?}");
                }
                self.connections += u64::from(matches!(event, ClientEvent::Open(_)));
                self.messages += u64::from(matches!(event, ClientEvent::Message(_)));
                self.trace.push(describe(&event));
            }
            self.client.act(self.now);
        }
    }

    /// The same, and looks at the client.
    fn settle(&mut self) {
        self.take();
        self.look();
        let waiting = self.client.session.outbound().len();
        assert!(waiting <= MAX_OUTBOUND, "{waiting} bytes wait");
        if self.is_busy {
            return;
        }
        let status = self.client.session.status();
        let expected: &[ClientStatus] = match self.stage {
            Stage::Between | Stage::Connected => &[ClientStatus::Connecting, ClientStatus::Waiting],
            Stage::Open => &[ClientStatus::Open, ClientStatus::Closing],
            Stage::Failed | Stage::Closed => &[],
            Stage::Over => &[ClientStatus::Closed],
        };
        assert!(expected.contains(&status), "{status:?} in {:?}", self.stage);
        let ClientStats { attempts, connections, messages_received, messages_sent, outbox_messages, .. } =
            self.stats;
        // While reading is paused, a message may wait that has come.
        assert_eq!(connections, self.connections);
        assert!(self.messages <= messages_received, "{} of {messages_received}", self.messages);
        self.trace.push(format!("{status:?}, {attempts}, {messages_sent}, {outbox_messages}"));
    }

    /// The totals never fall, and fit to each other.
    fn look(&mut self) {
        let (before, now) = (self.stats, self.client.session.stats());
        let totals = |stats: ClientStats| {
            let ClientStats { bytes_read, bytes_written, messages_received, messages_sent, .. } = stats;
            [bytes_read, bytes_written, messages_received, messages_sent, stats.attempts, stats.connections]
        };
        let has_fallen = totals(before).into_iter().zip(totals(now)).any(|(before, now)| now < before);
        assert!(!has_fallen, "{before:?}, then {now:?}");
        assert!(now.connections <= now.attempts, "{now:?}");
        assert_eq!(now.outbox_messages == 0, now.outbox_bytes == 0, "{now:?}");
        let has_connection =
            matches!(self.client.session.status(), ClientStatus::Open | ClientStatus::Closing);
        assert_eq!(now.connection.is_some(), has_connection, "{now:?}");
        self.stats = now;
    }
}

/// The pong to the last ping that the client has written.
fn pong(written: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let is_ping = |frame: &&[u8]| frame[0] == 0x89 && frame[1] & 0x80 != 0;
    if let Some(place) = written.windows(2).rposition(|window| is_ping(&window)) {
        let len = usize::from(written[place + 1] & 0x7F);
        let rest = &written[place + 2..];
        if len <= 125 && rest.len() >= 4 + len {
            let (key, payload) = rest.split_at(4);
            let payload: Vec<u8> =
                payload[..len].iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
            frame(Role::Server, 0x8A, &payload, &mut bytes);
        }
    }
    bytes
}

/// Errors by their kind, because the description of another protocol depends on the number of bytes that have come.
fn describe(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Error(error) => format!("Error({:?})", error.phase()),
        ClientEvent::Reconnecting { attempt, after, .. } => format!("Reconnecting({attempt}, {after:?})"),
        ClientEvent::GaveUp { .. } => String::from("GaveUp"),
        event => format!("{event:?}"),
    }
}

/// The events, with the server's bytes in parts of these lengths.
fn run(input: &Input<'_>, lengths: &[u8]) -> Vec<String> {
    let mut world = World::new(input);
    world.settle();
    for operation in input.operations.iter().take(60) {
        world.operate(operation, lengths);
    }
    world.is_busy = false;
    world.client.session.abort(world.now);
    world.client.session.cancel_reconnect();
    world.settle();
    assert!(world.stage == Stage::Over && world.client.session.is_over(), "{:?}", world.stage);
    assert_eq!(world.client.session.poll_timeout(), None);
    world.trace
}

fuzz_target!(|input: Input<'_>| {
    let whole = run(&input, &[]);
    assert_eq!(run(&input, &input.lengths), whole);
});
