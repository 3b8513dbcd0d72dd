//! Connecting to one of several addresses (RFC 8305, Happy Eyeballs).

use std::collections::HashSet;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::Instant;

/// RFC 8305 §8: the recommended Connection Attempt Delay.
const DELAY: Duration = Duration::from_millis(250);
/// RFC 8305 §5: a connection must not be started within 10 ms of the one before.
const MIN_DELAY: Duration = Duration::from_millis(10);
/// RFC 8305 §8: the recommended Maximum Connection Attempt Delay.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// A race between the addresses of one host: a machine without sockets and without a clock.
///
/// It follows RFC 8305 §4 and §5. The two families take turns, beginning with that of the first address; within a family the
/// order is the resolver's. An attempt starts when the one before has had 250 ms, or at once when any of them fails. The first
/// that connects wins. Addresses that have failed before can be [tried last](Self::try_last). An attempt yields a `T`, such as a socket, or
/// fails with an `E`.
///
/// A driver asks [`poll`](Self::poll) until it is told to wait, waits for a result or for the deadline, hands in the
/// result, and asks again. Here each attempt has a thread:
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use ws_common::happy_eyeballs::{HappyEyeballs, HappyEyeballsStep};
/// use ws_core::Instant;
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let mut race = HappyEyeballs::new([server.local_addr()?]);
/// let (results, arrived) = mpsc::channel();
/// let epoch = std::time::Instant::now();
/// let stream = loop {
///     let now = Instant::since_epoch(epoch.elapsed());
///     let deadline = match race.poll(now) {
///         HappyEyeballsStep::Start { attempt, address } => {
///             let results = results.clone();
///             // What connects after the race is dropped with the channel.
///             std::thread::spawn(move || results.send((attempt, TcpStream::connect(address))));
///             continue;
///         }
///         HappyEyeballsStep::Wait(deadline) => deadline,
///         HappyEyeballsStep::Won { transport, .. } => break transport,
///         HappyEyeballsStep::Failed(failures) => panic!("no address took the connection: {failures:?}"),
///     };
///     let patience = deadline.map_or(Duration::MAX, |deadline| deadline - now);
///     if let Ok((attempt, result)) = arrived.recv_timeout(patience) {
///         race.handle_result(attempt, result);
///     }
/// };
/// assert_eq!(stream.peer_addr()?, server.local_addr()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct HappyEyeballs<T, E> {
    /// In the order in which they are tried, each once.
    addresses: Vec<SocketAddr>,
    /// Number of addresses that are not tried last.
    preferred: usize,
    /// Number of addresses whose attempt was started.
    started: usize,
    /// Invariant: attempts that were started, and whose result has not come.
    running: Vec<AttemptId>,
    delay: Duration,
    /// The next attempt starts no sooner.
    due: Instant,
    race: Race<T, E>,
}

/// One attempt of a [`HappyEyeballs`]: at one address, once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId(usize);

/// The next step of a [`HappyEyeballs`], or its end.
#[derive(PartialEq, Eq, Debug)]
pub enum HappyEyeballsStep<T, E> {
    /// Begin to connect to this address, and ask for more.
    Start {
        /// The name under which the result is to be handed in.
        attempt: AttemptId,
        /// Where to connect to.
        address: SocketAddr,
    },
    /// Wait for a result, and no longer than until this instant if there is one.
    Wait(Option<Instant>),
    /// This attempt has won. Attempts that still [run](HappyEyeballs::running) are to be cancelled: stop them, or drop their results.
    Won {
        /// The attempt.
        attempt: AttemptId,
        /// The address that it has connected to.
        address: SocketAddr,
        /// The result of the attempt.
        transport: T,
    },
    /// All attempts have failed: each address with its error, in the order in which they failed. Empty if there was no
    /// address.
    Failed(Vec<(SocketAddr, E)>),
}

#[derive(Debug)]
enum Race<T, E> {
    Open(Vec<(SocketAddr, E)>),
    Won(AttemptId, T),
    /// The end was told.
    Over,
}

impl<T, E> HappyEyeballs<T, E> {
    /// A race between these addresses, in the order of the resolver. One that comes twice is tried once.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let addresses = interleave(addresses);
        Self {
            preferred: addresses.len(),
            addresses,
            started: 0,
            running: Vec::new(),
            delay: DELAY,
            due: Instant::EPOCH,
            race: Race::Open(Vec::new()),
        }
    }

    /// Sets the time after which the next attempt starts beside one that is under way: the Connection Attempt Delay of RFC 8305 §5.
    /// A delay below 10 ms counts as 10 ms, and one above 2 s as 2 s. Default: 250 ms.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay.clamp(MIN_DELAY, MAX_DELAY);
        self
    }

    /// Tries those of these addresses that are in the race after all others, in the order given here, because they have failed
    /// before. The first of them starts when all others have failed, or when the last of the others has had 2 s, so that an address
    /// that is only slow wins against one that takes connections and does not serve them.
    #[must_use]
    pub fn try_last(mut self, addresses: &[SocketAddr]) -> Self {
        self.addresses.sort_by_key(|address| {
            addresses.iter().position(|last| last == address).map_or(0, |position| position + 1)
        });
        self.preferred = self.addresses.iter().filter(|address| !addresses.contains(address)).count();
        self
    }

    /// The next step. [`HappyEyeballsStep::Won`] and [`HappyEyeballsStep::Failed`] are told once; after that there is nothing to wait
    /// for.
    pub fn poll(&mut self, now: Instant) -> HappyEyeballsStep<T, E> {
        match mem::replace(&mut self.race, Race::Over) {
            Race::Open(failures) if failures.len() == self.addresses.len() => {
                HappyEyeballsStep::Failed(failures)
            }
            Race::Open(failures) => {
                self.race = Race::Open(failures);
                self.poll_start(now)
            }
            Race::Won(attempt, transport) => {
                HappyEyeballsStep::Won { attempt, address: self.addresses[attempt.0], transport }
            }
            Race::Over => HappyEyeballsStep::Wait(None),
        }
    }

    /// An attempt has ended. A result that comes when the race is over, or for the second time, is dropped.
    pub fn handle_result(&mut self, attempt: AttemptId, result: Result<T, E>) {
        let Some(position) = self.running.iter().position(|&running| running == attempt) else { return };
        self.running.remove(position);
        match (&mut self.race, result) {
            (Race::Open(_), Ok(transport)) => self.race = Race::Won(attempt, transport),
            (Race::Open(failures), Err(error)) => {
                failures.push((self.addresses[attempt.0], error));
                if self.started != self.preferred || self.running.is_empty() {
                    self.due = Instant::EPOCH;
                }
            }
            (Race::Won(..) | Race::Over, _) => {}
        }
    }

    /// The attempts that were started, and whose result was not handed in, oldest first. When the race is over, they are to
    /// be cancelled. When it takes too long, they are the reason.
    pub fn running(&self) -> impl Iterator<Item = (AttemptId, SocketAddr)> {
        self.running.iter().map(|&attempt| (attempt, self.addresses[attempt.0]))
    }

    /// The addresses that have failed so far, each with its error, in the order in which they failed. Empty once the end was told.
    pub fn into_failures(self) -> Vec<(SocketAddr, E)> {
        match self.race {
            Race::Open(failures) => failures,
            Race::Won(..) | Race::Over => Vec::new(),
        }
    }

    /// Whether there is but one address, and so no race.
    pub fn is_only(&self) -> bool {
        self.addresses.len() == 1
    }

    fn poll_start(&mut self, now: Instant) -> HappyEyeballsStep<T, E> {
        let Some(&address) = self.addresses.get(self.started) else { return HappyEyeballsStep::Wait(None) };
        if now < self.due {
            return HappyEyeballsStep::Wait(Some(self.due));
        }
        let attempt = AttemptId(self.started);
        self.started += 1;
        self.running.push(attempt);
        self.due = now + if self.started == self.preferred { MAX_DELAY } else { self.delay };
        HappyEyeballsStep::Start { attempt, address }
    }
}

/// RFC 8305 §4, with a First Address Family Count of one.
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = HashSet::new();
    let mut addresses = addresses.into_iter().filter(|&address| seen.insert(address)).peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut interleaved = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        interleaved.extend(first.next());
        interleaved.extend(second.next());
    }
    interleaved
}
