//! Two machines that are joined in memory, and their clock.

use std::fmt;
use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Config, Connection, Instant, Machine, Random, Role};

/// Two machines, joined by a transport in memory that loses nothing, and their virtual clock. By default both are open connections of ws-core;
/// others are handshakes, or connections over TLS.
///
/// Nothing moves but in [`turn`](Self::turn), [`settle`](Self::settle) and [`advance`](Self::advance).
///
/// ```
/// use ws_core::{CloseCode, Config, Event};
/// use ws_testkit::MachinePair;
///
/// let mut pair = MachinePair::open(&Config::default(), &Config::default());
/// pair.server.close(CloseCode::NORMAL, pair.now);
/// pair.settle();
/// let [Ok(Event::Closing(frame)), Ok(Event::Closed(closed))] = &pair.client_seen[..] else { panic!("{pair:?}") };
/// assert_eq!((frame.status(), closed.clean), (1000, true));
/// ```
pub struct MachinePair<C: Machine = Connection, S: Machine = Connection> {
    /// The client's machine.
    pub client: C,
    /// The server's machine.
    pub server: S,
    /// The events and errors that the client has reported, in order. A test may take them out.
    pub client_seen: Vec<Result<C::Event, C::Error>>,
    /// The events and errors that the server has reported, in order. A test may take them out.
    pub server_seen: Vec<Result<S::Event, S::Error>>,
    /// The virtual time. It begins at [`Instant::EPOCH`], and [`advance`](Self::advance) moves it.
    pub now: Instant,
    /// Largest number of bytes that move at a time. By default there is no limit.
    pub chunk: usize,
    /// Whether the end of the stream was brought to the client, and to the server.
    has_ended: [bool; 2],
}

impl MachinePair {
    /// Two connections that are open, without compression. Each has a fixed seed, so each run is the same.
    pub fn open(client: &Config, server: &Config) -> Self {
        let open = |role, config, seed| {
            Connection::after_handshake(
                role,
                config,
                Random::from_seed([seed; 32]),
                BytesMut::new(),
                Instant::EPOCH,
            )
        };
        Self::new(open(Role::Client, client, 1), open(Role::Server, server, 2))
    }
}

impl<C: Machine, S: Machine> MachinePair<C, S> {
    /// Joins two machines.
    pub fn new(client: C, server: S) -> Self {
        Self {
            client,
            server,
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            now: Instant::EPOCH,
            chunk: usize::MAX,
            has_ended: [false; 2],
        }
    }

    /// Moves one chunk each way, or the end of the stream, and takes the events. Gives whether anything has moved.
    pub fn turn(&mut self) -> bool {
        let [client_ended, server_ended] = &mut self.has_ended;
        let to_server = carry(&mut self.client, &mut self.server, self.chunk, self.now, server_ended);
        let to_client = carry(&mut self.server, &mut self.client, self.chunk, self.now, client_ended);
        drain(&mut self.client, &mut self.client_seen);
        drain(&mut self.server, &mut self.server_seen);
        to_server || to_client
    }

    /// Moves bytes and takes events until nothing more happens without time.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// Lets time pass, with a stop at each deadline of the two machines.
    ///
    /// # Panics
    ///
    /// If a machine has a deadline that does not go away.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut idle = 0;
        loop {
            self.settle();
            let due = [self.client.poll_timeout(), self.server.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            idle = if due <= self.now { idle + 1 } else { 0 };
            assert!(idle < 100, "a deadline that does not go away: {due:?}");
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
    }
}

/// Takes every event that is there.
fn drain<M: Machine>(machine: &mut M, seen: &mut Vec<Result<M::Event, M::Error>>) {
    seen.extend(std::iter::from_fn(|| machine.poll_event().transpose()));
}

/// Moves up to `chunk` bytes from one machine to the other, and then the end of the stream. Gives whether anything has moved.
fn carry<A: Machine, B: Machine>(
    from: &mut A,
    to: &mut B,
    chunk: usize,
    now: Instant,
    has_ended: &mut bool,
) -> bool {
    let n = from.outbound().remaining().min(chunk);
    if n > 0 {
        let bytes = from.outbound().copy_to_bytes(n);
        from.handle_write(n, now);
        to.inbound().extend_from_slice(&bytes);
        to.handle_read(n, now);
        return true;
    }
    let ends = from.outbound().is_finished() && !*has_ended;
    if ends {
        *has_ended = true;
        to.handle_read(0, now);
    }
    ends
}

impl<C: Machine, S: Machine> fmt::Debug for MachinePair<C, S>
where
    Result<C::Event, C::Error>: fmt::Debug,
    Result<S::Event, S::Error>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachinePair")
            .field("client_seen", &self.client_seen)
            .field("server_seen", &self.server_seen)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
