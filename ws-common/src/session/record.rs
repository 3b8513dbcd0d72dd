//! The failures of a message with confirmed delivery, and those that count against it.

/// After so many failures, a message goes by itself, so that it takes no other with it.
const SUSPICIOUS: u32 = 2;

/// The end of a connection, as it concerns the messages that it leaves unproven.
#[derive(Clone, Copy)]
pub(super) struct UnprovenEnd {
    /// The peer's Close frame has a code that a message can be the reason for.
    pub(super) is_refusal: bool,
    /// No other message had begun to leave since the last proof.
    pub(super) is_alone: bool,
    /// Number of messages that were ever proven.
    pub(super) proven: u64,
}

/// What follows for the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    SendAgain,
    /// As `SendAgain`, and the user is told that it does not get through.
    Stuck,
    GiveUp,
}

/// The failures of one message: connections that ended without a proof after it had begun to leave.
#[derive(Clone, Default)]
pub(super) struct FailureRecord {
    pub(super) failures: u32,
    /// Those that count against it.
    counted: u32,
    /// Those among the others in which it was alone.
    alone: u32,
    /// The number of proven messages at the last one.
    proven: u64,
    /// The peer refused it or another one.
    was_refused: bool,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    Good,
    /// The user was told about it.
    Stuck,
    /// The user does not want it to be sent again.
    Skipped,
}

impl FailureRecord {
    /// Whether it may be the reason for an end: it goes with few others, so that it takes few with it.
    pub(super) fn is_suspect(&self) -> bool {
        self.was_refused || self.goes_alone()
    }

    /// Whether it goes by itself.
    pub(super) fn goes_alone(&self) -> bool {
        self.failures >= SUSPICIOUS
    }

    /// Counts a failure. It counts against the message only if there is evidence: the peer refused a message, and it can only
    /// be this one; or the peer has proven another one since this one failed.
    pub(super) fn fail(&mut self, failure: UnprovenEnd, limit: u32) -> Verdict {
        let UnprovenEnd { is_refusal, is_alone, proven } = failure;
        let has_evidence = (is_refusal && is_alone) || (self.failures > 0 && proven > self.proven);
        self.failures = self.failures.saturating_add(1);
        self.proven = proven;
        self.was_refused |= is_refusal;
        if has_evidence {
            self.counted += 1;
        } else if is_alone {
            self.alone = self.alone.saturating_add(1);
        }
        if self.counted >= limit || self.standing == Standing::Skipped {
            Verdict::GiveUp
        } else if is_alone && !has_evidence && self.alone.is_multiple_of(limit) {
            self.standing = Standing::Stuck;
            Verdict::Stuck
        } else {
            Verdict::SendAgain
        }
    }

    /// The user does not want it to be sent again, if it was stuck. Says whether it was.
    pub(super) fn skip(&mut self) -> bool {
        let is_stuck = self.standing == Standing::Stuck;
        if is_stuck {
            self.standing = Standing::Skipped;
        }
        is_stuck
    }

    /// Whether it is not to be sent again, however the connection ends.
    pub(super) fn is_skipped(&self) -> bool {
        self.standing == Standing::Skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: UnprovenEnd = UnprovenEnd { is_refusal: false, is_alone: true, proven: 0 };
    const AMONG_OTHERS: UnprovenEnd = UnprovenEnd { is_alone: false, ..ALONE };
    const REFUSED: UnprovenEnd = UnprovenEnd { is_refusal: true, ..ALONE };

    fn verdicts(failures: impl IntoIterator<Item = UnprovenEnd>, limit: u32) -> String {
        let mut record = FailureRecord::default();
        let letter = |verdict| match verdict {
            Verdict::SendAgain => '.',
            Verdict::Stuck => 's',
            Verdict::GiveUp => 'x',
        };
        failures.into_iter().map(|failure| letter(record.fail(failure, limit))).collect()
    }

    #[test]
    fn failures_without_evidence_never_give_a_message_up_and_are_told_once_each_time() {
        assert_eq!(verdicts([ALONE; 12], 5), "....s....s..");
        assert_eq!(verdicts([ALONE; 3], 1), "sss");
        assert_eq!(verdicts([AMONG_OTHERS; 12], 5), "............");
        let refused_among_others = UnprovenEnd { is_alone: false, ..REFUSED };
        assert_eq!(verdicts([refused_among_others; 12], 2), "............");
    }

    #[test]
    fn a_refusal_of_the_only_message_counts() {
        assert_eq!(verdicts([REFUSED; 5], 5), "....x");
        assert_eq!(verdicts([REFUSED; 1], 1), "x");
        // Those without evidence do not help.
        assert_eq!(verdicts([ALONE, REFUSED, ALONE, REFUSED], 2), "..sx");
    }

    #[test]
    fn a_failure_counts_if_another_message_was_proven_since_the_last_one() {
        let after = |proven| UnprovenEnd { proven, ..ALONE };
        assert_eq!(verdicts((1..=6).map(after), 5), ".....x");
        assert_eq!(verdicts([3, 3, 4, 4, 5].map(after), 2), ".s..x");
        // The first one has none before it.
        assert_eq!(verdicts([after(9), after(9), after(9)], 3), "..s");
    }
}
