//! The messages that wait to be sent, over as many connections as it takes.

mod answers;
mod closing;
mod connected;
mod expiry;
mod present;

use std::collections::VecDeque;

use ws_core::{Instant, Message, SendError};

use crate::compression::Compressed;

use super::proofs::{ConfirmError, Position, Proofs, Ticket};
use super::record::FailureRecord;
use answers::Answers;
use connected::Probe;
pub(super) use connected::{Lost, LostBy};
use expiry::Expiry;
use present::Present;
pub(super) use present::PresentSource;

/// How surely messages arrive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Delivery {
    /// At most once. A message that the operating system has not taken whole when the connection ends is sent again, whole, on
    /// the next one; one that it has taken is not, and may be lost with the peer.
    #[default]
    AtMostOnce,
    /// At least once. After the last of the messages that wait a ping goes out, and its pong proves that the next WebSocket
    /// hop has parsed all before it. A message that is not proven is sent again on the next connection, so that it may arrive
    /// twice. A gateway that ends the WebSocket answers for itself, and a peer may die after its pong. So the proof of processing is an
    /// answer of the application.
    ///
    /// A message may be what ends the connection on which it goes out. A message that began to leave on two connections which ended
    /// without a proof, or on one that the peer closed with 1003, 1007, 1008 or 1009, is sent by itself from then on, so that it takes
    /// no other with it. An end counts against a message only if there is evidence: the peer closed with one of these codes, and
    /// no other message had begun to leave since the last proof; or another message was proven since the last such end. After
    /// [`max_deliveries`](super::ClientBuilder::max_deliveries) ends that count, the message is given up
    /// ([`ClientEvent::Undelivered`](super::ClientEvent::Undelivered)).
    ///
    /// Without evidence, the server or the path may be at fault, and the message stays. Others wait behind it. After each
    /// `max_deliveries` such ends in which it was alone, the client reports [`ClientEvent::Stuck`](super::ClientEvent::Stuck), and the
    /// program may skip the message ([`skip_stuck`](super::Session::skip_stuck)).
    Confirmed,
}

/// The messages of the outbox when there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum OutboxPolicy {
    /// They wait for the next connection. Messages are accepted meanwhile.
    #[default]
    Keep,
    /// When a connection ends that the user has not ended, they are dropped, and
    /// [`ClientStats::messages_dropped`](super::ClientStats::messages_dropped) counts them. Messages that are accepted afterwards wait for
    /// the next connection.
    Drop,
    /// They wait for the next connection, but while none is open, no message is accepted:
    /// [`SendError::NotConnected`](ws_core::SendError::NotConnected) hands it back.
    Refuse,
}

/// The bytes of the limit for each message that may wait. Shorter ones fill the outbox by their number, so that its memory is bounded.
const BYTES_PER_MESSAGE: usize = 128;

/// Number of messages that may wait, however low the limit is.
const LEAST_MESSAGES: usize = 256;

/// Whether messages are accepted: so many wait, with this weight.
fn has_room(count: usize, size: usize, limit: usize) -> bool {
    let is_within = size < limit && count < (limit / BYTES_PER_MESSAGE).max(LEAST_MESSAGES);
    is_within || count == 0
}

struct OutboxEntry {
    sequence: u64,
    message: Message,
    /// `None` if there is no failure: few messages have one.
    record: Option<Box<FailureRecord>>,
    /// After this time, it does not begin to leave.
    expires: Option<Instant>,
    /// The position of its first byte in the stream of this connection, or [`BEHIND_CLOSE`](present::BEHIND_CLOSE).
    begin: u64,
    compressed: Compressed,
}

impl OutboxEntry {
    fn skip(&mut self) -> bool {
        self.record.as_deref_mut().is_some_and(FailureRecord::skip)
    }

    fn has_record(&self, is: fn(&FailureRecord) -> bool) -> bool {
        self.record.as_deref().is_some_and(is)
    }
}

pub(super) struct Outbox {
    delivery: Delivery,
    limit: usize,
    max_deliveries: u32,
    /// Not given to this connection, oldest first. Invariant: newer than all of `given`.
    queue: VecDeque<OutboxEntry>,
    /// Given to this connection, and not yet done with, oldest first: its transport has not taken them whole, or
    /// (confirmed) the peer has not proven them. Invariant: empty while there is no connection.
    given: VecDeque<OutboxEntry>,
    /// Number of messages in `given` that the transport has taken whole. They are its oldest.
    taken: usize,
    /// The messages that belong to this connection alone.
    present: Present,
    /// The newest message that this transport has taken whole, and that was not kept; 0 if there is none.
    gone: u64,
    /// Bytes that this transport has taken, as long as the connection was open. Bytes that a Close frame displaces do not count.
    written: u64,
    /// The weight of `queue` and `given`.
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
    /// Number of messages that were proven, on all connections.
    arrived: u64,
    /// Number of suspects that go at a time.
    group: usize,
    answers: Answers,
    expiry: Expiry,
    /// Whether messages to come are to be compressed.
    pub(super) compressed: Compressed,
}

/// The weight of a message: its bytes on the wire, in one frame from a client (RFC 6455 §5.2), without compression. A message is compressed
/// when it is given to a connection.
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
            present: Present::default(),
            gone: 0,
            written: 0,
            size: 0,
            was_full: false,
            next: 1,
            probes: VecDeque::new(),
            is_ambiguous: false,
            proofs: Proofs::default(),
            arrived: 0,
            group: 1,
            answers: Answers::default(),
            expiry: Expiry::default(),
            compressed: Compressed::default(),
        }
    }

    /// Whether a message of any size would be accepted.
    pub(super) fn has_room(&self) -> bool {
        has_room(self.len(), self.size, self.limit)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.given.is_empty()
    }

    /// Queues a message, or gives it back. Says whether the limit is reached with this, for the first time since the outbox was
    /// empty.
    pub(super) fn push(&mut self, message: Message, expires: Option<Instant>) -> Result<bool, SendError> {
        if !self.has_room() {
            return Err(SendError::Full { message, max_send_buffer: self.limit });
        }
        self.size += weight(&message);
        self.queue.push_back(OutboxEntry {
            sequence: self.next,
            message,
            record: None,
            expires,
            begin: 0,
            compressed: self.compressed,
        });
        self.next += 1;
        self.expiry.add(expires);
        Ok(!self.has_room() && !std::mem::replace(&mut self.was_full, true))
    }

    /// Whether the outbox has run empty since it was full. Said once.
    pub(super) fn poll_drained(&mut self) -> bool {
        self.was_full && self.is_empty() && std::mem::take(&mut self.was_full)
    }

    /// The newest messages.
    pub(super) fn newest(&self) -> Position {
        Position { outbox: self.next - 1, present: self.present.newest() }
    }

    /// Asks for a proof.
    pub(super) fn ask(&mut self, ticket: &Ticket) {
        self.proofs.ask(ticket.outbox());
        self.present.proofs.ask(ticket.present());
    }

    pub(super) fn outcome(&self, ticket: &Ticket) -> Option<Result<(), ConfirmError>> {
        let outbox = self.proofs.outcome(ticket.outbox());
        match (outbox, self.present.proofs.outcome(ticket.present())) {
            (Some(Err(error)), _) | (_, Some(Err(error))) => Some(Err(error)),
            (Some(Ok(())), Some(Ok(()))) => Some(Ok(())),
            _ => None,
        }
    }

    /// Whether a caller may wait for a proof.
    pub(super) fn awaits_proof(&self) -> bool {
        self.delivery == Delivery::Confirmed || self.is_asked(u64::MAX)
    }

    /// Whether somebody waits for a proof that reaches no further than this message of the outbox.
    fn is_asked(&self, newest: u64) -> bool {
        self.proofs.is_asked(newest) || self.present.proofs.is_asked(u64::MAX)
    }

    pub(super) fn told(&self, ticket: &Ticket) -> Position {
        Position {
            outbox: self.proofs.told(ticket.outbox()),
            present: self.present.proofs.told(ticket.present()),
        }
    }

    /// If one of these messages was given up or skipped: the messages up to which this tells about them.
    pub(super) fn given_up(&self, ticket: &Ticket) -> Option<Position> {
        let outbox = self.proofs.given_up(ticket.outbox());
        let present = self.present.proofs.given_up(ticket.present());
        (outbox.is_some() || present.is_some()).then(|| Position {
            outbox: outbox.unwrap_or(ticket.after.outbox),
            present: present.unwrap_or(ticket.after.present),
        })
    }

    /// Their weight.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Number of messages that are not done with. Messages of the present connection alone do not count.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.given.len()
    }

    /// Whether everything was taken by a transport, or proven.
    pub(super) fn has_flushed(&self) -> bool {
        self.is_empty() && self.present.is_empty()
    }

    pub(super) fn proofs_version(&self) -> u64 {
        self.proofs.version().wrapping_add(self.present.proofs.version())
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

    /// Drops the messages that were not given to a connection, and gives their number.
    pub(super) fn clear(&mut self) -> usize {
        if let (Some(first), Some(last)) = (self.queue.front(), self.queue.back()) {
            self.proofs.give_up(first.sequence, last.sequence);
        }
        let dropped = std::mem::take(&mut self.queue);
        self.size -= dropped.iter().map(|entry| weight(&entry.message)).sum::<usize>();
        dropped.len()
    }

    /// Drops the message that the user was told is stuck; if it is under way, when its connection ends without a proof. Says whether
    /// there was one.
    pub(super) fn skip_stuck(&mut self) -> bool {
        if self.given.iter_mut().any(OutboxEntry::skip) {
            return true;
        }
        let Some(at) = self.queue.iter_mut().position(OutboxEntry::skip) else { return false };
        if let Some(entry) = self.queue.remove(at) {
            self.drop_entry(&entry);
        }
        true
    }

    /// This message will not be sent any more.
    fn drop_entry(&mut self, entry: &OutboxEntry) {
        self.size -= weight(&entry.message);
        self.proofs.give_up(entry.sequence, entry.sequence);
    }
}
