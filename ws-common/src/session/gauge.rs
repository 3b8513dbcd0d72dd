//! Status and statistics for readers without a lock.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::event::{ClientStats, Status};

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
    connections: AtomicU64,
}

/// By their numbers in a gauge. The first is that of a client that was never driven.
const STATUSES: [Status; 5] =
    [Status::Connecting, Status::Open, Status::Closing, Status::Waiting, Status::Closed];

impl Gauge {
    /// The latest status; [`Status::Connecting`] before any was published.
    pub fn status(&self) -> Status {
        // Statistics that are read after this are at least as new.
        STATUSES[usize::from(self.status.load(Ordering::Acquire))]
    }

    /// The latest statistics. Each number is exact; while a driver publishes, some may be newer than others.
    pub fn stats(&self) -> ClientStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ClientStats {
            bytes_read: read(&self.bytes_read),
            bytes_written: read(&self.bytes_written),
            messages_received: read(&self.messages_received),
            messages_sent: read(&self.messages_sent),
            attempts: read(&self.attempts),
            connections: read(&self.connections),
        }
    }

    pub(super) fn publish(&self, status: Status, stats: &ClientStats) {
        let write = |count: &AtomicU64, value: u64| count.store(value, Ordering::Relaxed);
        write(&self.bytes_read, stats.bytes_read);
        write(&self.bytes_written, stats.bytes_written);
        write(&self.messages_received, stats.messages_received);
        write(&self.messages_sent, stats.messages_sent);
        write(&self.attempts, stats.attempts);
        write(&self.connections, stats.connections);
        let number = match status {
            Status::Connecting => 0,
            Status::Open => 1,
            Status::Closing => 2,
            Status::Waiting => 3,
            Status::Closed => 4,
        };
        self.status.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_read_as_it_was_published() {
        let gauge = Gauge::default();
        assert_eq!(gauge.status(), Status::Connecting);
        for status in STATUSES {
            gauge.publish(status, &ClientStats::default());
            assert_eq!(gauge.status(), status);
        }
    }
}
