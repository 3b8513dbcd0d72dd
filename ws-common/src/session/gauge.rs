//! ClientStatus and statistics for readers without a lock.

use std::array;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use ws_core::{Stats, Traffic};

use super::event::ClientStatus;
use super::stats::ClientStats;

/// The status and the statistics of a [`Session`](super::Session) as its driver has published them last
/// ([`Session::publish`](super::Session::publish)). They can be read at any time, from anywhere, without a lock.
#[derive(Default, Debug)]
pub struct Gauge {
    status: AtomicU8,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    messages_received: AtomicU64,
    messages_sent: AtomicU64,
    attempts: AtomicU64,
    outbox_messages: AtomicU64,
    outbox_bytes: AtomicU64,
    messages_expired: AtomicU64,
    messages_dropped: AtomicU64,
    connections: AtomicU64,
    has_connection: AtomicBool,
    connection: [AtomicU64; NUMBERS],
}

/// Number of numbers in [`Stats`].
const NUMBERS: usize = 16;

/// By their numbers in a gauge. The first is that of a client that was never driven.
const STATUSES: [ClientStatus; 5] = [
    ClientStatus::Connecting,
    ClientStatus::Open,
    ClientStatus::Closing,
    ClientStatus::Waiting,
    ClientStatus::Closed,
];

impl Gauge {
    /// The latest status; [`ClientStatus::Connecting`] before any was published.
    pub fn status(&self) -> ClientStatus {
        // Statistics that are read after this are at least as new.
        STATUSES[usize::from(self.status.load(Ordering::Acquire))]
    }

    /// The latest statistics. Each number is exact; while a driver publishes, some may be newer than others, or belong to the next
    /// connection.
    pub fn stats(&self) -> ClientStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let connection = self.has_connection.load(Ordering::Relaxed);
        ClientStats {
            bytes_read: read(&self.bytes_read),
            bytes_written: read(&self.bytes_written),
            messages_received: read(&self.messages_received),
            messages_sent: read(&self.messages_sent),
            attempts: read(&self.attempts),
            outbox_messages: read(&self.outbox_messages),
            outbox_bytes: read(&self.outbox_bytes),
            messages_expired: read(&self.messages_expired),
            messages_dropped: read(&self.messages_dropped),
            connections: read(&self.connections),
            connection: connection.then(|| from_numbers(array::from_fn(|n| read(&self.connection[n])))),
        }
    }

    pub(super) fn publish(&self, status: ClientStatus, stats: &ClientStats) {
        let write = |count: &AtomicU64, value: u64| count.store(value, Ordering::Relaxed);
        write(&self.bytes_read, stats.bytes_read);
        write(&self.bytes_written, stats.bytes_written);
        write(&self.messages_received, stats.messages_received);
        write(&self.messages_sent, stats.messages_sent);
        write(&self.attempts, stats.attempts);
        write(&self.outbox_messages, stats.outbox_messages);
        write(&self.outbox_bytes, stats.outbox_bytes);
        write(&self.messages_expired, stats.messages_expired);
        write(&self.messages_dropped, stats.messages_dropped);
        write(&self.connections, stats.connections);
        self.has_connection.store(stats.connection.is_some(), Ordering::Relaxed);
        if let Some(connection) = &stats.connection {
            self.connection.iter().zip(numbers(connection)).for_each(|(count, value)| write(count, value));
        }
        let number = match status {
            ClientStatus::Connecting => 0,
            ClientStatus::Open => 1,
            ClientStatus::Closing => 2,
            ClientStatus::Waiting => 3,
            ClientStatus::Closed => 4,
        };
        self.status.store(number, Ordering::Release);
    }
}

fn numbers(stats: &Stats) -> [u64; NUMBERS] {
    let [a, b, c, d, e, f] = traffic_numbers(&stats.sent);
    let [g, h, i, j, k, l] = traffic_numbers(&stats.received);
    let last = nanoseconds(stats.last_round_trip);
    let min = nanoseconds(stats.min_round_trip);
    let (bytes, messages) = (stats.queued_bytes as u64, stats.unsent_messages as u64);
    [a, b, c, d, e, f, g, h, i, j, k, l, bytes, messages, last, min]
}

fn from_numbers([a, b, c, d, e, f, g, h, i, j, k, l, bytes, messages, last, min]: [u64; NUMBERS]) -> Stats {
    let mut stats = Stats::default();
    stats.sent = traffic([a, b, c, d, e, f]);
    stats.received = traffic([g, h, i, j, k, l]);
    stats.queued_bytes = bytes as usize;
    stats.unsent_messages = messages as usize;
    stats.last_round_trip = duration(last);
    stats.min_round_trip = duration(min);
    stats
}

fn traffic_numbers(traffic: &Traffic) -> [u64; 6] {
    let Traffic { messages, payload_bytes, frames, bytes, pings, pongs, .. } = *traffic;
    [messages, payload_bytes, frames, bytes, pings, pongs]
}

fn traffic([messages, payload_bytes, frames, bytes, pings, pongs]: [u64; 6]) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.messages = messages;
    traffic.payload_bytes = payload_bytes;
    traffic.frames = frames;
    traffic.bytes = bytes;
    traffic.pings = pings;
    traffic.pongs = pongs;
    traffic
}

/// The nanoseconds of a round-trip time, and one more; 0 if there is none.
fn nanoseconds(round_trip: Option<Duration>) -> u64 {
    round_trip.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_add(1))
}

fn duration(nanoseconds: u64) -> Option<Duration> {
    nanoseconds.checked_sub(1).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_connection_are_read_as_they_were_published() {
        for published in [[0; NUMBERS], array::from_fn(|n| n as u64 + 1)] {
            assert_eq!(numbers(&from_numbers(published)), published);
            let gauge = Gauge::default();
            let outbox = ClientStats { outbox_messages: 1, outbox_bytes: 2, ..Default::default() };
            let stats = ClientStats {
                messages_expired: 3,
                messages_dropped: 4,
                connection: Some(from_numbers(published)),
                ..outbox
            };
            gauge.publish(ClientStatus::Open, &stats);
            assert_eq!(gauge.stats(), stats);
            gauge.publish(ClientStatus::Waiting, &ClientStats::default());
            assert_eq!(gauge.stats(), ClientStats::default());
        }
    }

    #[test]
    fn each_status_is_read_as_it_was_published() {
        let gauge = Gauge::default();
        assert_eq!(gauge.status(), ClientStatus::Connecting);
        for status in STATUSES {
            gauge.publish(status, &ClientStats::default());
            assert_eq!(gauge.status(), status);
        }
    }
}
