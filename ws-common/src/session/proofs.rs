//! Proofs that messages have arrived, and losses.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Maximum number of losses that are kept apart.
const MAX_LOSSES: usize = 64;

/// The messages that one handle has sent since its last `confirm`, and since its last `flush`, that returned: intervals of sequence
/// numbers. Whoever else asks, a handle is told of the losses in its own intervals.
///
/// A clone begins with the same interval. A mark belongs to one [`Session`](super::Session), and only calls of that session
/// change it.
#[derive(Default, Debug)]
pub struct Mark {
    /// Invariant: changed only by who has the session to itself. So no order of memory is asked for.
    after: AtomicU64,
    /// 0 if the handle has never sent anything.
    newest: AtomicU64,
    /// As `after`, for `flush`.
    flushed: AtomicU64,
}

impl Mark {
    /// The mark of a handle that has sent nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn sent(&self, sequence: u64) {
        for begin in [&self.after, &self.flushed] {
            if begin.load(Relaxed) >= self.newest.load(Relaxed) {
                // Messages of others in between are none of its own.
                begin.store(sequence - 1, Relaxed);
            }
        }
        self.newest.store(sequence, Relaxed);
    }

    pub(super) fn ticket(&self) -> Option<Ticket> {
        let (after, newest) = (self.after.load(Relaxed), self.newest.load(Relaxed));
        (newest > 0).then_some(Ticket { after, newest })
    }

    /// A `confirm` has returned that tells about all messages up to this one.
    pub(super) fn settle(&self, told: u64) {
        self.after.store(self.after.load(Relaxed).max(told), Relaxed);
    }

    /// The messages that `flush` tells about.
    pub(super) fn unflushed(&self) -> Ticket {
        Ticket { after: self.flushed.load(Relaxed), newest: self.newest.load(Relaxed) }
    }

    /// A `flush` has returned that tells about all messages up to this one.
    pub(super) fn settle_flush(&self, told: u64) {
        self.flushed.store(self.flushed.load(Relaxed).max(told), Relaxed);
    }
}

impl Clone for Mark {
    fn clone(&self) -> Self {
        // The older end first: a call in between can only make the interval of the copy longer.
        let (after, flushed) = (self.after.load(Relaxed), self.flushed.load(Relaxed));
        Self { after: after.into(), newest: self.newest.load(Relaxed).into(), flushed: flushed.into() }
    }
}

/// A question of [`Session::confirm`](super::Session::confirm) about an interval of messages. The session keeps nothing for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// Sequence number of the last message before the interval.
    pub(super) after: u64,
    /// Sequence number of the last message in the interval.
    pub(super) newest: u64,
}

/// Why messages are not confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConfirmError {
    /// A message may not have arrived, and is not sent again: the transport had taken it when the connection ended
    /// ([`Delivery::AtMostOnce`](super::Delivery::AtMostOnce)), it was given up or skipped, or it was taken back.
    Lost,
    /// The handle has never sent a message.
    NothingSent,
    /// The client was over before the proof came.
    Closed,
    /// The call would have to wait within a hook of the same client, which cannot go on before the hook returns.
    WithinHook,
}

impl fmt::Display for ConfirmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => {
                "a message sent since the last confirm was lost with a connection, given up or taken back"
            }
            Self::NothingSent => {
                "this handle has sent nothing to confirm; use the handle that sends, or the client"
            }
            Self::Closed => "the client was over before the proof came; take back the unsent messages",
            Self::WithinHook => {
                "a hook of the client cannot wait for the same client; confirm after it has returned"
            }
        })
    }
}

impl std::error::Error for ConfirmError {}

/// Intervals of lost messages, ends included, oldest first. Invariant: apart, and at most `MAX_LOSSES`.
#[derive(Default)]
struct Losses(Vec<(u64, u64)>);

impl Losses {
    /// Adds an interval, and gives the one that it is a part of now.
    fn add(&mut self, first: u64, last: u64) -> (u64, u64) {
        let begin = self.0.partition_point(|loss| loss.1 < first);
        let end = self.0.partition_point(|loss| loss.0 <= last);
        let overlapping = &self.0[begin..end];
        let first = overlapping.first().map_or(first, |loss| loss.0.min(first));
        let last = overlapping.last().map_or(last, |loss| loss.1.max(last));
        self.0.splice(begin..end, [(first, last)]);
        if self.0.len() > MAX_LOSSES {
            // A wrong loss is better than a wrong proof.
            let oldest = self.0.remove(0);
            self.0[0].0 = oldest.0;
        }
        (first, last)
    }

    /// Whether one of these messages was lost.
    fn concern(&self, ticket: &Ticket) -> bool {
        let next = self.0.partition_point(|&(_, last)| last <= ticket.after);
        ticket.after < ticket.newest && self.0.get(next).is_some_and(|&(first, _)| first <= ticket.newest)
    }

    /// Sequence number up to which an outcome tells about the messages of this ticket. A loss tells nothing about the messages
    /// behind it: they may wait still, and the next ticket asks about them.
    fn told(&self, ticket: &Ticket) -> u64 {
        let next = self.0.partition_point(|&(first, _)| first <= ticket.newest);
        let last_lost = next.checked_sub(1).map(|last| self.0[last].1).filter(|last| *last > ticket.after);
        last_lost.map_or(ticket.newest, |last| last.min(ticket.newest))
    }
}

/// The knowledge about the arrival of messages, which have sequence numbers from 1.
#[derive(Default)]
pub(super) struct Proofs {
    /// All up to here have arrived, except for the lost ones.
    proven: u64,
    /// The newest message that somebody asked about, unless it was lost.
    asked: u64,
    lost: Losses,
    /// The part of the losses that was given up, or skipped by the user.
    given_up: Losses,
    /// Number of changes.
    version: u64,
}

impl Proofs {
    pub(super) fn ask(&mut self, ticket: &Ticket) {
        if self.outcome(ticket).is_none() {
            self.asked = self.asked.max(ticket.newest);
        }
    }

    /// Whether somebody waits for a proof that reaches no further than `newest`.
    pub(super) fn is_asked(&self, newest: u64) -> bool {
        self.asked > self.proven && self.asked <= newest
    }

    /// `None` if it is not known yet.
    pub(super) fn outcome(&self, ticket: &Ticket) -> Option<Result<(), ConfirmError>> {
        if self.lost.concern(ticket) {
            Some(Err(ConfirmError::Lost))
        } else if ticket.newest <= self.proven.max(ticket.after) {
            Some(Ok(()))
        } else {
            None
        }
    }

    /// Sequence number up to which the outcome of this ticket tells about its messages.
    pub(super) fn told(&self, ticket: &Ticket) -> u64 {
        self.lost.told(ticket)
    }

    /// If one of these messages was given up: the sequence number up to which this tells about them.
    pub(super) fn given_up(&self, ticket: &Ticket) -> Option<u64> {
        self.given_up.concern(ticket).then(|| self.given_up.told(ticket))
    }

    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    /// The peer has parsed all up to here.
    pub(super) fn prove(&mut self, newest: u64) {
        self.proven = self.proven.max(newest);
        self.touch();
    }

    /// The messages from `first` to `last` will not be proven any more. Some in between may be unsent or proven.
    pub(super) fn lose(&mut self, first: u64, last: u64) {
        let (first, last) = self.lost.add(first, last);
        if (first..=last).contains(&self.asked) {
            // Older messages may still be asked about.
            self.asked = first - 1;
        }
        self.touch();
    }

    /// This message will not be sent any more.
    pub(super) fn give_up(&mut self, sequence: u64) {
        self.given_up.add(sequence, sequence);
        self.lose(sequence, sequence);
    }

    pub(super) fn touch(&mut self) {
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}
