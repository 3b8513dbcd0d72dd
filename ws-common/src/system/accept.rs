//! Failures of accept(2), and the pause after them. A listener goes on after each failure, unless its own
//! socket is unusable.

use std::io;
use std::time::Duration;

#[cfg(any(unix, windows))]
use rustix::io::Errno;
use ws_core::Instant;

use crate::trace;

#[cfg(test)]
mod tests;

/// The first pause after a failure. It doubles with each further one. It is also the shortest time between two reports of clients
/// that were skipped.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The cause of a failed accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AcceptFault {
    /// One client is gone. The next one can be accepted at once.
    Client,
    /// The listening socket cannot accept, now or later.
    Listener,
    /// Every other error, also an unknown one: the system cannot accept at present. For example, a resource is used up (EMFILE), or the
    /// firewall forbids the connection (EPERM). The client may still wait in the backlog, so that a retry at once would find the same error.
    Transient,
}

impl AcceptFault {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
        match error.kind() {
            ConnectionAborted | ConnectionReset | Interrupted | TimedOut => Self::Client,
            _ => Self::of_number(error),
        }
    }

    #[cfg(any(unix, windows))]
    fn of_number(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) if OF_LISTENER.contains(&errno) => Self::Listener,
            Some(errno) if OF_CLIENT.contains(&errno) => Self::Client,
            _ => Self::Transient,
        }
    }

    #[cfg(not(any(unix, windows)))]
    fn of_number(_: &io::Error) -> Self {
        Self::Transient
    }
}

/// Whether the system has no memory for a socket.
fn lacks_memory(error: &io::Error) -> bool {
    #[cfg(any(unix, windows))]
    if Errno::from_io_error(error) == Some(Errno::NOBUFS) {
        return true;
    }
    error.kind() == io::ErrorKind::OutOfMemory
}

/// accept(2), "Errors": the socket is closed, does not listen, or is none. No client and no lack of resources causes these.
#[cfg(any(unix, windows))]
const OF_LISTENER: &[Errno] = &[Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::FAULT];

/// accept(2), "Error handling": Linux passes network errors that are pending on the new socket as errors of accept.
#[cfg(any(unix, windows))]
const OF_CLIENT: &[Errno] = &[
    #[cfg(unix)]
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::HOSTUNREACH,
    Errno::HOSTDOWN,
    Errno::NOPROTOOPT,
    Errno::OPNOTSUPP,
    #[cfg(unix)]
    Errno::PROTO,
    #[cfg(any(target_os = "android", target_os = "linux"))]
    Errno::NONET,
];

/// The retries of a listener: the pause that is under way, and the reports. All calls of `accept` on a listener share it, so that a
/// call that is dropped during a pause shortens no pause.
#[derive(Debug, Default)]
pub struct AcceptRetry {
    /// Failures since the last client was accepted, each with a pause.
    failures: u32,
    paused_until: Instant,
    /// Clients that were skipped since the last report.
    skipped: u64,
    /// Earliest time of the next report of a skipped client.
    next_report: Instant,
}

impl AcceptRetry {
    /// End of the pause, if one is under way.
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        Some(self.paused_until).filter(|until| *until > now)
    }

    /// A client was accepted: the next pause is short again.
    pub fn handle_client(&mut self) {
        self.failures = 0;
    }

    /// Handles an error of accept(2). Retry after the [pause](Self::paused_until), or at once if there is none.
    ///
    /// # Errors
    ///
    /// The error itself, if the listening socket is unusable: EBADF, EINVAL, ENOTSOCK or EFAULT.
    pub fn handle_error(&mut self, error: io::Error, now: Instant) -> io::Result<()> {
        match AcceptFault::of(&error) {
            AcceptFault::Client => self.skip(&error, now),
            AcceptFault::Listener => return Err(error),
            AcceptFault::Transient => self.pause(&error, now),
        }
        Ok(())
    }

    /// Handles an error of a socket that was accepted. Its client is gone, or the system has no memory for it.
    pub fn handle_client_error(&mut self, error: &io::Error, now: Instant) {
        if lacks_memory(error) {
            self.pause(error, now);
        } else {
            self.skip(error, now);
        }
    }

    /// A client was refused, because it is at its limit.
    pub fn handle_refused(&mut self, now: Instant) {
        self.skip(&io::Error::other("a client is at max_connections_per_client"), now);
    }

    fn skip(&mut self, error: &io::Error, now: Instant) {
        self.skipped += 1;
        // Clients that reset their connections in a row must not fill a log.
        if now >= self.next_report {
            trace::clients_skipped(error, std::mem::take(&mut self.skipped));
            self.next_report = now + FIRST_PAUSE;
        }
    }

    fn pause(&mut self, error: &io::Error, now: Instant) {
        // Several calls of `accept` that fail together have one pause.
        if self.paused_until(now).is_some() {
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.paused_until = now + pause;
        trace::accept_paused(error, pause);
    }
}
