//! The messages that wait to be sent, over as many connections as it takes.

use std::collections::VecDeque;

use ws_core::bytes::Bytes;
use ws_core::{Connection, Instant, Machine, Message, PingError};

use super::proofs::{ConfirmError, Proofs, Ticket};

/// While so many bytes wait in the connection, messages are left in the outbox: what is there can still be taken back, and
/// goes to the next connection whole.
const WINDOW: usize = 64 * 1024;

/// Room for so many messages is kept when there are none: a client that is idle does not hold what a burst took.
const KEPT: usize = 64;

/// How surely messages arrive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Delivery {
    /// At most once. A message that the operating system has not taken whole when the connection ends is sent again, whole, on
    /// the next one; one that it has taken is not, and may be lost with the peer.
    #[default]
    AtMostOnce,
    /// At least once. After the last of the messages that wait a ping goes out, and its pong proves that the next WebSocket
    /// hop has parsed all before it. What is not proven is sent again on the next connection, so that a message may arrive
    /// twice. A gateway that ends the WebSocket answers for itself, and a peer may die after its pong: what must be
    /// processed needs an answer of the application.
    ///
    /// A message that went out on a connection which ended without a proof may be what has ended it. One that did so twice, or
    /// once if it may be sent only twice, is sent by itself from then on, so that it takes no other with it; after
    /// [`max_deliveries`](super::ClientBuilder::max_deliveries) it is given up
    /// ([`ClientEvent::Undelivered`](super::ClientEvent::Undelivered)).
    Confirmed,
}

/// After so many failures, a message goes by itself.
const SUSPICIOUS: u32 = 2;

struct Entry {
    sequence: u64,
    message: Message,
    /// How often it began to leave on a connection that ended without a proof.
    failures: u32,
    /// Where it begins in what this connection sends.
    begin: u64,
    /// Whether it is to be compressed, on whichever connection.
    #[cfg(feature = "deflate")]
    compress: bool,
}

/// Maximum number of the user's pings that are remembered at a time.
const MAX_PINGS: usize = 64;

/// A ping whose pong proves something.
struct Probe {
    /// A nonce, or the payload of a ping that the user sent, which need not be unique.
    payload: Bytes,
    is_users: bool,
    /// The newest message that it proves.
    newest: u64,
    /// Where it ends in what this connection sends.
    end: u64,
    /// When its last byte has left.
    left: Option<Instant>,
}

pub(super) struct Outbox {
    delivery: Delivery,
    limit: usize,
    max_deliveries: u32,
    /// Not given to this connection, oldest first. Invariant: newer than all of `given`.
    queue: VecDeque<Entry>,
    /// Given to this connection, and not yet done with, oldest first: its transport has not taken them whole, or
    /// (confirmed) the peer has not proven them. Invariant: empty while there is no connection.
    given: VecDeque<Entry>,
    /// How many of `given` the transport has taken whole. They are its oldest.
    taken: usize,
    /// The newest message that this transport has taken whole, and that was not kept; 0 if there is none.
    gone: u64,
    /// Bytes that this transport has taken, as long as the connection was open: what a Close frame displaces is not counted.
    written: u64,
    /// What `queue` and `given` weigh.
    size: usize,
    /// Since the limit was reached, the outbox was not empty.
    was_full: bool,
    /// The sequence number of the next message.
    next: u64,
    /// The proofs that are under way, oldest first.
    probes: VecDeque<Probe>,
    /// The user has sent pings on this connection that are not among `probes`, so that a pong of an unknown payload may be late.
    is_ambiguous: bool,
    proofs: Proofs,
    /// Whether messages to come are to be compressed.
    #[cfg(feature = "deflate")]
    pub(super) compress: bool,
}

/// What a message counts for: its bytes on the wire, in one frame from a client (RFC 6455 §5.2), as if it were not compressed,
/// since here it is not: a message is compressed when it is given to a connection.
fn weight(message: &Message) -> usize {
    let length = match message.len() {
        0..=125 => 0,
        126..=0xFFFF => 2,
        _ => 8,
    };
    2 + length + 4 + message.len()
}

impl Outbox {
    pub(super) fn new(delivery: Delivery, limit: usize, max_deliveries: u32) -> Self {
        Self {
            delivery,
            limit,
            max_deliveries: max_deliveries.max(1),
            queue: VecDeque::new(),
            given: VecDeque::new(),
            taken: 0,
            gone: 0,
            written: 0,
            size: 0,
            was_full: false,
            next: 1,
            probes: VecDeque::new(),
            is_ambiguous: false,
            proofs: Proofs::default(),
            #[cfg(feature = "deflate")]
            compress: true,
        }
    }

    /// Whether a message of any size would be accepted.
    pub(super) fn has_room(&self) -> bool {
        self.size < self.limit || self.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.given.is_empty()
    }

    /// Queues a message, or gives it back. Says whether the limit is reached with this, for the first time since the outbox was
    /// empty.
    pub(super) fn push(&mut self, message: Message) -> Result<bool, Message> {
        if !self.has_room() {
            return Err(message);
        }
        self.size += weight(&message);
        self.queue.push_back(Entry {
            sequence: self.next,
            message,
            failures: 0,
            begin: 0,
            #[cfg(feature = "deflate")]
            compress: self.compress,
        });
        self.next += 1;
        Ok(!self.has_room() && !std::mem::replace(&mut self.was_full, true))
    }

    /// Whether the outbox has run empty since it was full. Said once.
    pub(super) fn poll_drained(&mut self) -> bool {
        self.was_full && self.is_empty() && std::mem::take(&mut self.was_full)
    }

    /// Sequence number of the newest message; 0 if there was none yet.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Asks for a proof.
    pub(super) fn ask(&mut self, ticket: &Ticket) {
        self.proofs.ask(ticket);
    }

    pub(super) fn outcome(&self, ticket: &Ticket) -> Option<Result<(), ConfirmError>> {
        self.proofs.outcome(ticket)
    }

    pub(super) fn told(&self, ticket: &Ticket) -> u64 {
        self.proofs.told(ticket)
    }

    pub(super) fn proofs_version(&self) -> u64 {
        self.proofs.version()
    }

    /// Counts that an outcome may have become known.
    pub(super) fn touch(&mut self) {
        self.proofs.touch();
    }

    /// Takes back what was not given to a connection.
    pub(super) fn take_queued(&mut self) -> Vec<Message> {
        if let (Some(first), Some(last)) = (self.queue.front(), self.queue.back()) {
            self.proofs.lose(first.sequence, last.sequence);
        }
        let taken: Vec<_> = std::mem::take(&mut self.queue).into_iter().map(|entry| entry.message).collect();
        self.size -= taken.iter().map(weight).sum::<usize>();
        taken
    }
}

/// While a connection is open.
impl Outbox {
    /// Gives messages to the connection, as many as its window takes, and a probe after them where one is due.
    pub(super) fn feed(&mut self, connection: &mut Connection, nonce: impl FnOnce() -> [u8; 8]) {
        while connection.outbound().len() < WINDOW && !self.is_held() && self.give(connection) {}
        self.release();
        let newest = self.newest_given();
        let all_given = self.queue.is_empty() || self.is_held();
        let is_unproven = self.delivery == Delivery::Confirmed && all_given && !self.given.is_empty();
        if self.probes().next().is_none() && (is_unproven || self.proofs.is_asked(newest)) {
            self.probe(connection, nonce());
        }
    }

    /// Gives everything that is left to the connection, which is about to close.
    pub(super) fn feed_all(&mut self, connection: &mut Connection, nonce: impl FnOnce() -> [u8; 8]) {
        while self.give(connection) {}
        let newest = self.newest_given();
        let is_unproven = self.delivery == Delivery::Confirmed && !self.given.is_empty();
        let is_probed = self.probes().next_back().is_some_and(|probe| probe.newest == newest);
        if !is_probed && (is_unproven || self.proofs.is_asked(newest)) {
            self.probe(connection, nonce());
        }
    }

    fn release(&mut self) {
        for messages in [&mut self.queue, &mut self.given] {
            if messages.is_empty() {
                messages.shrink_to(KEPT);
            }
        }
    }

    /// Gives the oldest message to the connection, if there is one, and if it takes it.
    fn give(&mut self, connection: &mut Connection) -> bool {
        let Some(mut entry) = self.queue.pop_front() else { return false };
        entry.begin = self.written + connection.outbound().len() as u64;
        #[cfg(feature = "deflate")]
        connection.compress(entry.compress);
        let is_taken = connection.send(entry.message.clone()).is_ok();
        if is_taken {
            self.given.push_back(entry);
        } else {
            self.queue.push_front(entry);
        }
        is_taken
    }

    fn probe(&mut self, connection: &mut Connection, nonce: [u8; 8]) {
        let payload = Bytes::copy_from_slice(&nonce);
        if connection.ping(payload.clone()).is_ok() {
            self.remember(connection, payload, false);
        }
    }

    /// Sends a ping of the user.
    pub(super) fn ping(&mut self, connection: &mut Connection, payload: Bytes) -> Result<(), PingError> {
        connection.ping(payload.clone())?;
        if self.probes.len() < MAX_PINGS {
            self.remember(connection, payload, true);
        } else {
            self.is_ambiguous = true;
        }
        Ok(())
    }

    fn remember(&mut self, connection: &mut Connection, payload: Bytes, is_users: bool) {
        let end = self.written + connection.outbound().len() as u64;
        self.probes.push_back(Probe { payload, is_users, newest: self.newest_given(), end, left: None });
    }

    /// The pings of its own, oldest first.
    fn probes(&self) -> impl DoubleEndedIterator<Item = &Probe> {
        self.probes.iter().filter(|probe| !probe.is_users)
    }

    /// The sequence number of the newest message that does not wait in the queue.
    fn newest_given(&self) -> u64 {
        self.queue.front().map_or(self.next, |entry| entry.sequence) - 1
    }

    /// A message that may have ended connections goes by itself, so that it takes no other with it.
    fn is_held(&self) -> bool {
        let limit = SUSPICIOUS.min(self.max_deliveries - 1);
        let is_suspect = |entry: &Entry| entry.failures > 0 && entry.failures >= limit;
        let is_next_suspect = self.queue.front().is_some_and(is_suspect);
        self.given.front().is_some_and(is_suspect) || (is_next_suspect && !self.given.is_empty())
    }

    /// The transport has taken `n` bytes of the connection. Gives how many messages it has taken whole with them.
    pub(super) fn wrote(&mut self, n: u64, connection: &Connection, now: Instant) -> u64 {
        if connection.is_open() {
            self.written += n;
        }
        for probe in self.probes.iter_mut().filter(|probe| probe.left.is_none() && probe.end <= self.written)
        {
            probe.left = Some(now);
        }
        let taken = self.given.len().saturating_sub(connection.unsent());
        let news = taken.saturating_sub(self.taken);
        self.taken += news;
        if self.delivery == Delivery::AtMostOnce {
            for entry in self.given.drain(..std::mem::take(&mut self.taken)) {
                self.size -= weight(&entry.message);
                self.gone = entry.sequence;
            }
        }
        news as u64
    }

    /// Since when the peer could have answered the oldest probe that it has not.
    pub(super) fn probing_since(&self) -> Option<Instant> {
        self.probes().next().and_then(|probe| probe.left)
    }

    /// A pong came, which answers a ping that had left at `sent`. Says whether it answers a probe of its own.
    ///
    /// RFC 6455 §5.5.3: a peer may answer only the most recent ping. So a pong for a ping that left after a probe answers the
    /// probe, too.
    pub(super) fn pong(&mut self, payload: &[u8], sent: Option<Instant>) -> bool {
        let is_older = |probe: &Probe| probe.left.is_some() && probe.left < sent;
        // The user may send the same payload again and again. Its pong answers at least the oldest of these pings.
        let known = self.probes.iter().position(|probe| probe.payload == payload);
        let later = || self.probes.iter().rposition(is_older).filter(|_| !self.is_ambiguous);
        let Some(at) = known.or_else(later) else { return false };
        let newest = self.probes[at].newest;
        let is_answer = self.probes.drain(..=at).any(|probe| !probe.is_users);
        self.proofs.prove(newest);
        let proven = self.given.partition_point(|entry| entry.sequence <= newest);
        self.size -= self.given.drain(..proven).map(|entry| weight(&entry.message)).sum::<usize>();
        self.taken = self.taken.saturating_sub(proven);
        is_answer
    }

    /// The connection has ended. What it was given and is not done with comes first on the next one. Gives the messages that
    /// are given up.
    pub(super) fn lost(&mut self) -> Vec<Message> {
        let mut given_up = VecDeque::new();
        while let Some(mut entry) = self.given.pop_back() {
            let has_begun = self.given.len() < self.taken || entry.begin < self.written;
            if self.delivery == Delivery::Confirmed && has_begun {
                entry.failures += 1;
            }
            if entry.failures >= self.max_deliveries {
                self.size -= weight(&entry.message);
                self.proofs.lose(entry.sequence, entry.sequence);
                given_up.push_front(entry.message);
            } else {
                self.queue.push_front(entry);
            }
        }
        let unproven = self.proofs.proven() + 1;
        if self.gone >= unproven {
            self.proofs.lose(unproven, self.gone);
        }
        self.probes.clear();
        self.is_ambiguous = false;
        (self.taken, self.gone, self.written) = (0, 0, 0);
        given_up.into()
    }
}

#[cfg(test)]
mod tests {
    use ws_core::bytes::BytesMut;
    use ws_core::{Config, Random, Role};

    use super::*;

    #[test]
    fn what_a_burst_took_is_given_back_when_all_has_left() {
        let now = Instant::EPOCH;
        let random = Random::from_seed([1; 32]);
        let mut connection =
            Connection::after_handshake(Role::Client, &Config::default(), random, BytesMut::new(), now);
        let mut outbox = Outbox::new(Delivery::AtMostOnce, 1 << 20, 1);
        while outbox.push(vec![7].into()).is_ok() {}
        while !outbox.is_empty() {
            outbox.feed(&mut connection, || [0; 8]);
            let n = connection.outbound().len();
            connection.handle_write(n, now);
            outbox.wrote(n as u64, &connection, now);
        }
        outbox.feed(&mut connection, || [0; 8]);
        let kept = outbox.queue.capacity() + outbox.given.capacity();
        assert!(kept <= 4 * KEPT, "room for {kept} messages");
    }
}
