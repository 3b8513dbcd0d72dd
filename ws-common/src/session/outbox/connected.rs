//! The outbox while a connection is open, and at its end.

use ws_core::bytes::Bytes;
use ws_core::{Connection, Instant, Machine, Message, PingError};

use super::{Delivery, Outbox, weight};
use crate::session::record::{FailureRecord, UnprovenEnd, Verdict};

/// While so many bytes wait in the connection, messages are left in the outbox: what is there can still be taken back, and
/// goes to the next connection whole.
const WINDOW: usize = 64 * 1024;

/// Room for so many messages is kept when there are none: a client that is idle does not hold what a burst took.
const KEPT: usize = 64;

/// Maximum number of the user's pings that are remembered at a time.
const MAX_PINGS: usize = 64;

/// A ping whose pong proves something.
pub(super) struct Probe {
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

/// While a connection is open.
impl Outbox {
    /// Gives messages to the connection, as many as its window takes, and a probe after them where one is due.
    pub(in crate::session) fn feed(&mut self, connection: &mut Connection, nonce: impl FnOnce() -> [u8; 8]) {
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
    pub(in crate::session) fn feed_all(
        &mut self,
        connection: &mut Connection,
        nonce: impl FnOnce() -> [u8; 8],
    ) {
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
        entry.compressed.apply(connection);
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
    pub(in crate::session) fn ping(
        &mut self,
        connection: &mut Connection,
        payload: Bytes,
    ) -> Result<(), PingError> {
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

    /// Messages that may be the reason for an end go in groups, so that the innocent are proven soon: one by one after a second
    /// failure, else twice as many after each proof.
    fn is_held(&self) -> bool {
        let Some(first) = self.given.front() else { return false };
        let either = |holds: fn(&FailureRecord) -> bool| {
            holds(&first.record) || self.queue.front().is_some_and(|next| holds(&next.record))
        };
        either(FailureRecord::goes_alone)
            || (either(FailureRecord::is_suspect) && self.given.len() >= self.group)
    }

    /// The transport has taken `n` bytes of the connection. Gives how many messages it has taken whole with them.
    pub(in crate::session) fn wrote(&mut self, n: u64, connection: &Connection, now: Instant) -> u64 {
        if connection.is_open() {
            self.written += n;
        }
        for probe in self.probes.iter_mut().filter(|probe| probe.left.is_none() && probe.end <= self.written)
        {
            probe.left = Some(now);
        }
        self.answers.pings_left(connection.pings_left());
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
    pub(in crate::session) fn probing_since(&self) -> Option<Instant> {
        self.probes().next().and_then(|probe| probe.left)
    }

    /// A pong came, which answers a ping that had left at `sent`. Says whether it answers a probe of its own.
    ///
    /// RFC 6455 §5.5.3: a peer may answer only the most recent ping. So a pong for a ping that left after a probe answers the
    /// probe, too.
    pub(in crate::session) fn pong(&mut self, payload: &[u8], sent: Option<Instant>) -> bool {
        let is_older = |probe: &Probe| probe.left.is_some() && probe.left < sent;
        // The user may send the same payload again and again. Its pong answers at least the oldest of these pings.
        let known = self.probes.iter().position(|probe| probe.payload == payload);
        let later = || self.probes.iter().rposition(is_older).filter(|_| !self.is_ambiguous);
        let is_own = known.map_or(sent.is_some(), |at| !self.probes[at].is_users);
        if is_own {
            self.answers.repeated();
        } else if known.is_none() {
            self.answers.strange();
        }
        let Some(at) = known.or_else(later) else { return false };
        let newest = self.probes[at].newest;
        let is_answer = self.probes.drain(..=at).any(|probe| !probe.is_users);
        self.proofs.prove(newest);
        let proven = self.given.partition_point(|entry| entry.sequence <= newest);
        self.size -= self.given.drain(..proven).map(|entry| weight(&entry.message)).sum::<usize>();
        self.arrived += proven as u64;
        if proven > 0 {
            self.group = self.group.saturating_mul(2);
        }
        self.taken = self.taken.saturating_sub(proven);
        is_answer
    }

    /// A proof was not there in time. Says whether the peer cannot be used with confirmed delivery: it answers pings with pongs that
    /// prove nothing.
    pub(in crate::session) fn proof_is_missing(&mut self) -> bool {
        self.answers.proof_is_missing() && self.delivery == Delivery::Confirmed
    }

    /// The connection has ended. What it was given and is not done with comes first on the next one.
    pub(in crate::session) fn lost(&mut self, end: LostBy) -> Lost {
        let mut lost = Lost::default();
        let entries = self.given.iter().enumerate();
        let begun = entries.take_while(|(n, entry)| *n < self.taken || entry.begin < self.written).count();
        let is_refusal = end == LostBy::Refusal;
        let failure = UnprovenEnd { is_refusal, is_alone: begun == 1, proven: self.arrived };
        let has_failed = self.delivery == Delivery::Confirmed && end != LostBy::User;
        while let Some(mut entry) = self.given.pop_back() {
            let verdict = match has_failed && self.given.len() < begun {
                true => entry.record.fail(failure, self.max_deliveries),
                false if entry.record.is_skipped() => Verdict::GiveUp,
                false => Verdict::SendAgain,
            };
            if verdict == Verdict::Stuck {
                lost.stuck = Some((entry.message.clone(), entry.record.failures));
            }
            if verdict == Verdict::GiveUp {
                self.drop_entry(&entry);
                if !entry.record.is_skipped() {
                    lost.given_up.insert(0, entry.message);
                }
            } else {
                self.queue.push_front(entry);
            }
        }
        let unproven = self.proofs.proven() + 1;
        if self.gone >= unproven {
            self.proofs.lose(unproven, self.gone);
        }
        self.probes.clear();
        self.group = 1;
        self.answers.lost();
        self.is_ambiguous = false;
        (self.taken, self.gone, self.written) = (0, 0, 0);
        lost
    }
}

/// How a connection ended, as it concerns messages that are not proven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum LostBy {
    /// The user closed or aborted it: no message is at fault.
    User,
    /// The peer closed with a code that a message can be the reason for.
    Refusal,
    /// Anything else.
    UnprovenEnd,
}

/// What the end of a connection means for its messages.
#[derive(Default)]
pub(in crate::session) struct Lost {
    /// They are not sent any more.
    pub(in crate::session) given_up: Vec<Message>,
    /// The message that the user is to be told about, and how often it has failed.
    pub(in crate::session) stuck: Option<(Message, u32)>,
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
