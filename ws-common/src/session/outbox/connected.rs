//! The outbox while a connection is open, and at its end.

use ws_core::bytes::Bytes;
use ws_core::{Connection, Instant, Machine, Message, PingError, SendError};

use super::present::BEHIND_CLOSE;
use super::{Delivery, Outbox, PresentSource, has_room, weight};
use crate::compression::Compressed;
use crate::session::proofs::Position;
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
    /// The newest messages that it proves.
    newest: Position,
    /// Where it ends in what this connection sends.
    end: u64,
    /// When its last byte has left.
    left: Option<Instant>,
}

/// While a connection is open.
impl Outbox {
    /// Gives messages to the connection, as many as its window takes, and a probe after them where one is due. None of the queue, if
    /// the user holds it.
    pub(in crate::session) fn feed(
        &mut self,
        connection: &mut Connection,
        is_shut: bool,
        now: Instant,
        nonce: impl FnOnce() -> [u8; 8],
    ) {
        while !is_shut && connection.outbound().len() < WINDOW && !self.is_held() {
            self.expire_front(now);
            let may_leave = self.queue.front().is_some_and(|entry| entry.may_leave(connection));
            if !may_leave || !self.give(connection) {
                break;
            }
        }
        self.release();
        let newest = self.newest_given().outbox;
        let all_given = is_shut || self.queue.is_empty() || self.is_held();
        let is_unproven = self.delivery == Delivery::Confirmed && all_given && self.has_unproven();
        if self.probes().next().is_none() && (is_unproven || self.is_asked(newest)) {
            self.probe(connection, nonce());
        }
    }

    /// Gives everything that is left to the connection, which is about to close. From then on, nothing expires.
    pub(in crate::session) fn feed_all(
        &mut self,
        connection: &mut Connection,
        now: Instant,
        nonce: impl FnOnce() -> [u8; 8],
    ) {
        self.expire_front(now);
        while self.give(connection) {
            self.expire_front(now);
        }
        let newest = self.newest_given();
        let is_unproven = self.delivery == Delivery::Confirmed && self.has_unproven();
        let is_probed = self.probes().next_back().is_some_and(|probe| probe.newest == newest);
        if !is_probed && (is_unproven || self.is_asked(newest.outbox)) {
            self.probe(connection, nonce());
        }
    }

    /// Gives a message to the connection that belongs to this connection alone. Gives it back if too much of that kind waits.
    ///
    /// Such a message may be a secret, and is not compressed: RFC 7692 §6 lets each message choose.
    pub(in crate::session) fn give_now(
        &mut self,
        connection: &mut Connection,
        message: Message,
        source: PresentSource,
    ) -> Result<(), SendError> {
        if !self.present.has_room(self.limit) {
            return Err(SendError::Full { message, max_send_buffer: self.limit });
        }
        let weight = weight(&message);
        let begin = self.end_of(connection);
        Compressed::never().apply(connection);
        connection.send(message)?;
        self.present.push(source, begin, weight);
        Ok(())
    }

    /// Gives the messages of `on_open` to the connection, if they are within the limit. Else none of them: gives their weight.
    pub(in crate::session) fn give_opening(
        &mut self,
        connection: &mut Connection,
        messages: Vec<Message>,
    ) -> Result<(), usize> {
        let size = messages.iter().map(weight).sum::<usize>();
        let last = messages.last().map_or(0, weight);
        if !has_room(messages.len().saturating_sub(1), size - last, self.limit) {
            return Err(size);
        }
        for message in messages {
            // It is open, has no limit of its own, and this one was looked at.
            let _ = self.give_now(connection, message, PresentSource::Opening);
        }
        Ok(())
    }

    /// Whether a heartbeat waits for the transport.
    pub(in crate::session) fn has_heartbeat(&self) -> bool {
        self.present.has_heartbeat()
    }

    /// Number of bytes that this transport has taken.
    pub(in crate::session) fn written(&self) -> u64 {
        self.written
    }

    /// The position behind all that this connection is to send.
    pub(in crate::session) fn end_of(&self, connection: &mut Connection) -> u64 {
        self.written + connection.outbound().len() as u64
    }

    /// Whether the connection has messages that the peer is yet to prove.
    fn has_unproven(&self) -> bool {
        !self.given.is_empty() || self.present.is_unproven()
    }

    fn release(&mut self) {
        for messages in [&mut self.queue, &mut self.given] {
            // Each message is moved a few times at most.
            if messages.is_empty() {
                messages.shrink_to(KEPT);
            } else if messages.len() < messages.capacity() / 4 {
                messages.shrink_to((messages.capacity() / 2).max(KEPT));
            }
        }
    }

    /// Gives the oldest message to the connection, if there is one, and if it takes it.
    fn give(&mut self, connection: &mut Connection) -> bool {
        let Some(mut entry) = self.queue.pop_front() else { return false };
        entry.begin = self.end_of(connection);
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
        if connection.ping(nonce).is_ok() {
            self.remember(connection, Bytes::copy_from_slice(&nonce), false);
        }
    }

    /// Sends a ping of the user.
    pub(in crate::session) fn ping(
        &mut self,
        connection: &mut Connection,
        payload: &[u8],
    ) -> Result<(), PingError> {
        connection.ping(payload)?;
        if self.probes.len() < MAX_PINGS {
            self.remember(connection, Bytes::copy_from_slice(payload), true);
        } else {
            self.is_ambiguous = true;
        }
        Ok(())
    }

    fn remember(&mut self, connection: &mut Connection, payload: Bytes, is_users: bool) {
        let end = self.end_of(connection);
        self.probes.push_back(Probe { payload, is_users, newest: self.newest_given(), end, left: None });
    }

    /// The pings of its own, oldest first.
    fn probes(&self) -> impl DoubleEndedIterator<Item = &Probe> {
        self.probes.iter().filter(|probe| !probe.is_users)
    }

    /// The newest messages that do not wait in the queue.
    fn newest_given(&self) -> Position {
        let outbox = self.queue.front().map_or(self.next, |entry| entry.sequence) - 1;
        Position { outbox, present: self.present.newest() }
    }

    /// Messages that may be the reason for an end go in groups, so that the innocent are proven soon: one by one after a second
    /// failure, else twice as many after each proof.
    fn is_held(&self) -> bool {
        let given = self.given.len() + usize::from(self.present.is_unproven());
        if given == 0 {
            return false;
        }
        let either = |holds: fn(&FailureRecord) -> bool| {
            let mut first = self.given.front().into_iter().chain(self.queue.front());
            first.any(|entry| entry.has_record(holds))
        };
        either(FailureRecord::goes_alone) || (either(FailureRecord::is_suspect) && given >= self.group)
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
        let given = self.given.len() + self.present.given.len();
        let taken = given.saturating_sub(connection.unsent());
        let news = taken.saturating_sub(self.taken + self.present.taken);
        self.take(news);
        if self.delivery == Delivery::AtMostOnce {
            for entry in self.given.drain(..std::mem::take(&mut self.taken)) {
                self.size -= weight(&entry.message);
                self.gone = entry.sequence;
            }
            self.present.finish(self.present.taken);
        } else if self.present.has_heartbeat() {
            self.present.finish_heartbeats();
        }
        news as u64
    }

    /// The transport has taken so many more messages whole, in the order in which the connection got them.
    fn take(&mut self, news: usize) {
        if self.present.is_empty() {
            self.taken += news;
            return;
        }
        for _ in 0..news {
            match self.is_present(self.taken, self.present.taken) {
                true => self.present.taken += 1,
                false => self.taken += 1,
            }
        }
    }

    /// Whether the message that follows so many of the outbox, and so many of the present connection, is one of the latter.
    pub(super) fn is_present(&self, given: usize, present: usize) -> bool {
        let next = self.given.get(given).map(|entry| entry.begin);
        let next_present = self.present.given.get(present).map(|entry| entry.begin);
        match (next, next_present) {
            (Some(begin), Some(present)) => begin >= present,
            (_, present) => present.is_some(),
        }
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
        let end = self.probes[at].end;
        let is_answer = self.probes.drain(..=at).any(|probe| !probe.is_users);
        self.proofs.prove(newest.outbox);
        self.present.proofs.prove(newest.present);
        self.present.finish(self.present.given.partition_point(|entry| entry.begin < end));
        let proven = self.given.partition_point(|entry| entry.sequence <= newest.outbox);
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
        let entries = self.present.given.iter().enumerate();
        let has_begun =
            |n: usize, begin| begin != BEHIND_CLOSE && n < self.present.taken || begin < self.written;
        let is_alone = begun == 1 && !entries.into_iter().any(|(n, entry)| has_begun(n, entry.begin));
        let is_refusal = end == LostBy::Refusal;
        let failure = UnprovenEnd { is_refusal, is_alone, proven: self.arrived };
        let has_failed = self.delivery == Delivery::Confirmed && end != LostBy::User;
        while let Some(mut entry) = self.given.pop_back() {
            let verdict = match has_failed && self.given.len() < begun {
                true => entry.record.get_or_insert_default().fail(failure, self.max_deliveries),
                false if entry.has_record(FailureRecord::is_skipped) => Verdict::GiveUp,
                false => Verdict::SendAgain,
            };
            if verdict == Verdict::Stuck {
                let failures = entry.record.as_ref().map_or(0, |record| record.failures);
                lost.stuck = Some((entry.message.clone(), failures));
            }
            if verdict == Verdict::GiveUp {
                self.drop_entry(&entry);
                if !entry.has_record(FailureRecord::is_skipped) {
                    lost.given_up.insert(0, entry.message);
                }
            } else {
                self.expiry.add(entry.expires);
                self.queue.push_front(entry);
            }
        }
        let unproven = self.proofs.proven() + 1;
        if self.gone >= unproven {
            self.proofs.lose(unproven, self.gone);
        }
        self.present.lost();
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
        while outbox.push(vec![7].into(), None).is_ok() {}
        while !outbox.is_empty() {
            outbox.feed(&mut connection, false, now, || [0; 8]);
            let n = connection.outbound().len();
            connection.handle_write(n, now);
            outbox.wrote(n as u64, &connection, now);
        }
        outbox.feed(&mut connection, false, now, || [0; 8]);
        let kept = outbox.queue.capacity() + outbox.given.capacity();
        assert!(kept <= 4 * KEPT, "room for {kept} messages");
    }
}
