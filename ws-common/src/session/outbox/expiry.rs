//! The time to live of messages.

use std::time::Duration;

use ws_core::{Connection, Instant, Machine};

use super::{Outbox, OutboxEntry};

/// Shortest time between two searches for expired messages in the whole outbox. Each search looks at all of them.
const PERIOD: Duration = Duration::from_millis(100);

/// When the outbox is to be searched for expired messages.
#[derive(Default)]
pub(super) struct Expiry {
    due: Option<Instant>,
    /// The earliest time of the next search.
    not_before: Option<Instant>,
    /// Number of expired messages.
    count: u64,
}

impl Expiry {
    /// A message waits that expires then.
    pub(super) fn add(&mut self, expires: Option<Instant>) {
        let earliest = [self.due, expires].into_iter().flatten().min();
        self.due = earliest.map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)));
    }
}

impl OutboxEntry {
    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the connection may have it: a message that may expire is given only if it begins to leave at once.
    pub(super) fn may_leave(&self, connection: &mut Connection) -> bool {
        self.expires.is_none() || connection.outbound().is_empty()
    }
}

impl Outbox {
    /// When expired messages are to be dropped.
    pub(in crate::session) fn next_expiry(&self) -> Option<Instant> {
        self.expiry.due
    }

    /// Number of messages that have expired.
    pub(in crate::session) fn expired(&self) -> u64 {
        self.expiry.count
    }

    /// Drops expired messages that no connection has, if it is time for that.
    pub(in crate::session) fn expire(&mut self, now: Instant) {
        if self.expiry.due.is_none_or(|due| due > now) {
            return;
        }
        let queue = std::mem::take(&mut self.queue);
        self.expiry.due = None;
        self.expiry.not_before = Some(now + PERIOD);
        for entry in queue {
            if entry.is_expired(now) {
                self.drop_expired(&entry);
            } else {
                self.expiry.add(entry.expires);
                self.queue.push_back(entry);
            }
        }
    }

    /// Drops the oldest messages that have expired.
    pub(super) fn expire_front(&mut self, now: Instant) {
        while self.queue.front().is_some_and(|entry| entry.is_expired(now)) {
            if let Some(entry) = self.queue.pop_front() {
                self.drop_expired(&entry);
            }
        }
    }

    fn drop_expired(&mut self, entry: &OutboxEntry) {
        self.expiry.count += 1;
        self.drop_entry(entry);
    }
}
