//! Proofs that messages have arrived, and losses.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Maximum number of losses that are kept apart.
const MAX_LOSSES: usize = 64;

/// The messages that one handle has sent since its last `confirm` that returned: an interval of sequence numbers. Whoever else
/// asks, a handle is told of the losses in its own interval.
///
/// A clone begins with the same interval. A mark belongs to one [`Session`](super::Session), and only calls of that session
/// change it.
#[derive(Default, Debug)]
pub struct Mark {
    /// Invariant: changed only by who has the session to itself. So no order of memory is asked for.
    after: AtomicU64,
    /// 0 if the handle has never sent anything.
    newest: AtomicU64,
}

impl Mark {
    /// The mark of a handle that has sent nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn sent(&self, sequence: u64) {
        if self.after.load(Relaxed) >= self.newest.load(Relaxed) {
            // Messages of others in between are none of its own.
            self.after.store(sequence - 1, Relaxed);
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
}

impl Clone for Mark {
    fn clone(&self) -> Self {
        // The older end first: a call in between can only make the interval of the copy longer.
        let after = self.after.load(Relaxed);
        Self { after: after.into(), newest: self.newest.load(Relaxed).into() }
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
    /// ([`Delivery::AtMostOnce`](super::Delivery::AtMostOnce)), it was given up, or it was taken back.
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

/// The knowledge about the arrival of messages, which have sequence numbers from 1.
#[derive(Default)]
pub(super) struct Proofs {
    /// All up to here have arrived, except for the lost ones.
    proven: u64,
    /// The newest message that somebody asked about, unless it was lost.
    asked: u64,
    /// Intervals of lost messages, ends included, oldest first. Invariant: apart, and at most `MAX_LOSSES`.
    losses: Vec<(u64, u64)>,
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
        let next = self.losses.partition_point(|&(_, last)| last <= ticket.after);
        if ticket.after >= ticket.newest {
            Some(Ok(()))
        } else if self.losses.get(next).is_some_and(|&(first, _)| first <= ticket.newest) {
            Some(Err(ConfirmError::Lost))
        } else if ticket.newest <= self.proven {
            Some(Ok(()))
        } else {
            None
        }
    }

    /// Sequence number up to which the outcome of this ticket tells about its messages. A loss tells nothing about the messages
    /// behind it: they may wait still, and the next ticket asks about them.
    pub(super) fn told(&self, ticket: &Ticket) -> u64 {
        let next = self.losses.partition_point(|&(first, _)| first <= ticket.newest);
        let last_lost =
            next.checked_sub(1).map(|last| self.losses[last].1).filter(|last| *last > ticket.after);
        last_lost.map_or(ticket.newest, |last| last.min(ticket.newest))
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
        let begin = self.losses.partition_point(|loss| loss.1 < first);
        let end = self.losses.partition_point(|loss| loss.0 <= last);
        let overlapping = &self.losses[begin..end];
        let first = overlapping.first().map_or(first, |loss| loss.0.min(first));
        let last = overlapping.last().map_or(last, |loss| loss.1.max(last));
        self.losses.splice(begin..end, [(first, last)]);
        if self.losses.len() > MAX_LOSSES {
            // A wrong loss is better than a wrong proof.
            let oldest = self.losses.remove(0);
            self.losses[0].0 = oldest.0;
        }
        if (first..=last).contains(&self.asked) {
            // Older messages may still be asked about.
            self.asked = first - 1;
        }
        self.touch();
    }

    pub(super) fn touch(&mut self) {
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}
