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
#[derive(Clone, Default, Debug)]
pub struct Mark {
    outbox: LaneMark,
    present: LaneMark,
}

/// The part of a mark that concerns one order of messages.
#[derive(Default, Debug)]
struct LaneMark {
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

    /// The handle has sent a message through the outbox.
    pub(super) fn sent(&self, newest: Position) {
        self.outbox.sent(newest.outbox);
    }

    /// The handle has sent a message on the present connection.
    pub(super) fn sent_now(&self, newest: Position) {
        self.present.sent(newest.present);
    }

    pub(super) fn ticket(&self) -> Option<Ticket> {
        let newest = self.position(|lane| &lane.newest);
        (newest != Position::default()).then(|| Ticket { after: self.position(|lane| &lane.after), newest })
    }

    /// A `confirm` has returned that tells about all messages up to these.
    pub(super) fn settle(&self, told: Position) {
        raise(&self.outbox.after, told.outbox);
        raise(&self.present.after, told.present);
    }

    /// The messages that `flush` tells about.
    pub(super) fn unflushed(&self) -> Ticket {
        Ticket { after: self.position(|lane| &lane.flushed), newest: self.position(|lane| &lane.newest) }
    }

    /// A `flush` has returned that tells about all messages up to these.
    pub(super) fn settle_flush(&self, told: Position) {
        raise(&self.outbox.flushed, told.outbox);
        raise(&self.present.flushed, told.present);
    }

    fn position(&self, of: impl Fn(&LaneMark) -> &AtomicU64) -> Position {
        Position { outbox: of(&self.outbox).load(Relaxed), present: of(&self.present).load(Relaxed) }
    }
}

fn raise(number: &AtomicU64, to: u64) {
    number.store(number.load(Relaxed).max(to), Relaxed);
}

impl LaneMark {
    fn sent(&self, sequence: u64) {
        for begin in [&self.after, &self.flushed] {
            if begin.load(Relaxed) >= self.newest.load(Relaxed) {
                // Messages of others in between are none of its own.
                begin.store(sequence - 1, Relaxed);
            }
        }
        self.newest.store(sequence, Relaxed);
    }
}

impl Clone for LaneMark {
    fn clone(&self) -> Self {
        // The older end first: a call in between can only make the interval of the copy longer.
        let (after, flushed) = (self.after.load(Relaxed), self.flushed.load(Relaxed));
        Self { after: after.into(), newest: self.newest.load(Relaxed).into(), flushed: flushed.into() }
    }
}

/// A sequence number in each of the two orders of messages, or 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Position {
    /// Of the messages that wait in the outbox for any connection.
    pub(super) outbox: u64,
    /// Of the messages that are sent on the present connection only. They overtake the others.
    pub(super) present: u64,
}

impl Position {
    pub(super) fn max(self, other: Self) -> Self {
        Self { outbox: self.outbox.max(other.outbox), present: self.present.max(other.present) }
    }
}

/// A question of [`Session::confirm`](super::Session::confirm) about an interval of messages. The session keeps nothing for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The last messages before the interval.
    pub(super) after: Position,
    /// The last messages in the interval.
    pub(super) newest: Position,
}

impl Ticket {
    pub(super) fn outbox(&self) -> LaneSpan {
        LaneSpan { after: self.after.outbox, newest: self.newest.outbox }
    }

    pub(super) fn present(&self) -> LaneSpan {
        LaneSpan { after: self.after.present, newest: self.newest.present }
    }
}

/// The part of a ticket that concerns one order of messages.
#[derive(Clone, Copy)]
pub(super) struct LaneSpan {
    /// Sequence number of the last message before it.
    pub(super) after: u64,
    /// Sequence number of the last message in it.
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
    fn concern(&self, span: LaneSpan) -> bool {
        let next = self.0.partition_point(|&(_, last)| last <= span.after);
        span.after < span.newest && self.0.get(next).is_some_and(|&(first, _)| first <= span.newest)
    }

    /// Sequence number up to which an outcome tells about these messages. A loss tells nothing about the messages
    /// behind it: they may wait still, and the next ticket asks about them.
    fn told(&self, span: LaneSpan) -> u64 {
        let next = self.0.partition_point(|&(first, _)| first <= span.newest);
        let last_lost = next.checked_sub(1).map(|last| self.0[last].1).filter(|last| *last > span.after);
        last_lost.map_or(span.newest, |last| last.min(span.newest))
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
    pub(super) fn ask(&mut self, span: LaneSpan) {
        if self.outcome(span).is_none() {
            self.asked = self.asked.max(span.newest);
        }
    }

    /// Whether somebody waits for a proof that reaches no further than `newest`.
    pub(super) fn is_asked(&self, newest: u64) -> bool {
        self.asked > self.proven && self.asked <= newest
    }

    /// `None` if it is not known yet.
    pub(super) fn outcome(&self, span: LaneSpan) -> Option<Result<(), ConfirmError>> {
        if self.lost.concern(span) {
            Some(Err(ConfirmError::Lost))
        } else if span.newest <= self.proven.max(span.after) {
            Some(Ok(()))
        } else {
            None
        }
    }

    /// Sequence number up to which the outcome tells about these messages: none of them, if it is not known yet.
    pub(super) fn told(&self, span: LaneSpan) -> u64 {
        self.outcome(span).map_or(span.after, |_| self.lost.told(span))
    }

    /// If one of these messages was given up: the sequence number up to which this tells about them.
    pub(super) fn given_up(&self, span: LaneSpan) -> Option<u64> {
        self.given_up.concern(span).then(|| self.given_up.told(span))
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

    /// The messages from `first` to `last` will not be sent any more. Some in between may be proven.
    pub(super) fn give_up(&mut self, first: u64, last: u64) {
        self.given_up.add(first, last);
        self.lose(first, last);
    }

    pub(super) fn touch(&mut self) {
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}
