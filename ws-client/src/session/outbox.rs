//! The messages that wait to be sent, over as many connections as it takes.

use std::collections::VecDeque;

use ws_core::bytes::Bytes;
use ws_core::{Connection, Machine, Message};

/// While so many bytes wait in the connection, messages are left in the outbox: what is there can still be taken back, and
/// goes to the next connection whole.
const WINDOW: usize = 64 * 1024;

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
    Confirmed,
}

/// What became of the messages before a call of [`Session::confirm`](super::Session::confirm).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Confirmation {
    /// Not known yet.
    Pending,
    /// The next WebSocket hop has parsed them all.
    Proven,
    /// The connection ended before that was known, and they are not sent again, or the client is over.
    Lost,
}

/// A place in the order of messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(u64);

struct Entry {
    sequence: u64,
    message: Message,
    /// How often it was given to a connection that ended without a proof.
    failures: u32,
}

pub(super) struct Outbox {
    delivery: Delivery,
    limit: usize,
    max_deliveries: u32,
    /// Not yet given to a connection, oldest first. Invariant: newer than all of `given`.
    queue: VecDeque<Entry>,
    /// Given to the connection, and not yet done with, oldest first: its transport has not taken them whole, or
    /// (confirmed) the peer has not proven them.
    given: VecDeque<Entry>,
    /// How many of `given` the transport has taken whole. They are its oldest.
    taken: usize,
    /// Payload bytes in `queue` and `given`.
    size: usize,
    was_full: bool,
    next: u64,
    /// The proof that is under way: its nonce, and the newest message that it will prove.
    probe: Option<(Bytes, u64)>,
    /// All up to here are proven.
    proven: u64,
    /// The newest message that a transport has taken whole, and that was not kept.
    gone: u64,
    /// What somebody wants proven: all up to there.
    waiters: Vec<(u64, Confirmation)>,
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
            size: 0,
            was_full: false,
            next: 1,
            probe: None,
            proven: 0,
            gone: 0,
            waiters: Vec::new(),
        }
    }

    /// Whether a message of any size would be accepted.
    pub(super) fn has_room(&self) -> bool {
        self.size < self.limit || self.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.given.is_empty()
    }

    /// Queues a message, or gives it back. Says, too, whether the limit is reached with this.
    pub(super) fn push(&mut self, message: Message) -> Result<bool, Message> {
        if !self.has_room() {
            let is_news = !std::mem::replace(&mut self.was_full, true);
            debug_assert!(!is_news, "reported when the limit was reached");
            return Err(message);
        }
        self.size += message.len();
        self.queue.push_back(Entry { sequence: self.next, message, failures: 0 });
        self.next += 1;
        let is_full = !self.has_room();
        Ok(is_full && !std::mem::replace(&mut self.was_full, true))
    }

    /// Gives messages to the connection, as many as its window takes, and a probe after them where one is due.
    pub(super) fn feed(&mut self, connection: &mut Connection, nonce: impl FnOnce() -> [u8; 8]) {
        while connection.is_open() && connection.outbound().len() < WINDOW && !self.is_held() {
            let Some(entry) = self.queue.pop_front() else { break };
            if connection.send(entry.message.clone()).is_err() {
                self.queue.push_front(entry);
                break;
            }
            self.given.push_back(entry);
        }
        let newest = self.given.back().map_or(self.next_unqueued() - 1, |entry| entry.sequence);
        let wanted = self.delivery == Delivery::Confirmed && newest > self.proven && !self.given.is_empty();
        let asked =
            self.waiters.iter().any(|(target, state)| *state == Confirmation::Pending && *target <= newest);
        let all_given = self.queue.is_empty() || self.is_held();
        if self.probe.is_none() && connection.is_open() && ((wanted && all_given) || asked) {
            let payload = Bytes::copy_from_slice(&nonce());
            if connection.ping(payload.clone()).is_ok() {
                self.probe = Some((payload, newest));
            }
        }
    }

    /// The sequence number of the oldest message in the queue, or of the next to come.
    fn next_unqueued(&self) -> u64 {
        self.queue.front().map_or(self.next, |entry| entry.sequence)
    }

    /// A message that may have killed its peer goes alone, so that it takes no other with it.
    fn is_held(&self) -> bool {
        let is_suspect = |entry: &Entry| self.delivery == Delivery::Confirmed && entry.failures > 0;
        self.given.iter().any(is_suspect)
            || (!self.given.is_empty() && self.queue.front().is_some_and(is_suspect))
    }

    /// The transport has taken bytes. `unsent` messages are left of which it has not taken all. Gives how many it has taken
    /// whole since the last call.
    pub(super) fn wrote(&mut self, unsent: usize) -> u64 {
        let taken = self.given.len().saturating_sub(unsent);
        let news = taken.saturating_sub(self.taken);
        self.taken = self.taken.max(taken);
        if self.delivery == Delivery::AtMostOnce {
            for entry in self.given.drain(..self.taken) {
                self.size -= entry.message.len();
                self.gone = entry.sequence;
            }
            self.taken = 0;
        }
        news as u64
    }

    /// A pong came. Says whether it proves something.
    pub(super) fn pong(&mut self, payload: &[u8]) -> bool {
        let Some((_, newest)) = self.probe.take_if(|(nonce, _)| *nonce == *payload) else { return false };
        self.proven = self.proven.max(newest);
        while self.given.front().is_some_and(|entry| entry.sequence <= newest) {
            let Some(entry) = self.given.pop_front() else { break };
            self.size -= entry.message.len();
            self.taken = self.taken.saturating_sub(1);
        }
        for (target, state) in &mut self.waiters {
            if *target <= newest && *state == Confirmation::Pending {
                *state = Confirmation::Proven;
            }
        }
        true
    }

    /// Whether a probe is under way.
    pub(super) fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// The connection has ended. What it was given and is not done with comes first on the next one. Gives the messages that
    /// are given up.
    pub(super) fn lost(&mut self) -> Vec<Message> {
        self.probe = None;
        self.taken = 0;
        let mut given_up = Vec::new();
        while let Some(mut entry) = self.given.pop_back() {
            if self.delivery == Delivery::Confirmed {
                entry.failures += 1;
            }
            if entry.failures >= self.max_deliveries {
                self.size -= entry.message.len();
                given_up.push(entry.message);
            } else {
                self.queue.push_front(entry);
            }
        }
        given_up.reverse();
        if self.gone > self.proven {
            for (target, state) in &mut self.waiters {
                if *target > self.proven && *state == Confirmation::Pending {
                    *state = Confirmation::Lost;
                }
            }
        }
        given_up
    }

    /// The client is over: nothing more will be proven.
    pub(super) fn end(&mut self) {
        for (_, state) in &mut self.waiters {
            if *state == Confirmation::Pending {
                *state = Confirmation::Lost;
            }
        }
    }

    /// Whether the outbox has run empty since it was full. Said once.
    pub(super) fn poll_drained(&mut self) -> bool {
        self.was_full && self.is_empty() && std::mem::take(&mut self.was_full)
    }

    /// Asks for a proof of all that was queued so far.
    pub(super) fn confirm(&mut self) -> Ticket {
        let target = self.next - 1;
        let state = if self.proven >= target { Confirmation::Proven } else { Confirmation::Pending };
        self.waiters.push((target, state));
        Ticket(target)
    }

    /// What became of it; nothing is remembered of it once that is known.
    pub(super) fn confirmation(&mut self, ticket: Ticket) -> Confirmation {
        let Some(at) = self.waiters.iter().position(|(target, _)| *target == ticket.0) else {
            return Confirmation::Lost;
        };
        match self.waiters[at].1 {
            Confirmation::Pending => Confirmation::Pending,
            known => {
                self.waiters.swap_remove(at);
                known
            }
        }
    }

    /// Takes everything back that was not sent, or (confirmed) not proven.
    pub(super) fn take_unsent(&mut self) -> Vec<Message> {
        self.size = 0;
        self.taken = 0;
        self.given.drain(..).chain(self.queue.drain(..)).map(|entry| entry.message).collect()
    }

    /// Gives everything that is left to the connection, which is about to close.
    pub(super) fn feed_all(&mut self, connection: &mut Connection) {
        while let Some(entry) = self.queue.pop_front() {
            if connection.send(entry.message.clone()).is_err() {
                self.queue.push_front(entry);
                break;
            }
            self.given.push_back(entry);
        }
    }
}
