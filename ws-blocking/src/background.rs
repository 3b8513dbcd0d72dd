//! The thread that writes bytes which were left behind while all threads that wait are in a read: a read cannot be woken.
//!
//! There is one for the process, named `ws-write`. It starts at first need, and ends when it had nothing to do for [`LINGER`].
//! It looks at a connection half a millisecond after the call, so that messages that are queued in a row leave in one write. It
//! never waits for a connection: it writes as much as the transport takes at once, and comes back for the rest after a pause of
//! 1 to 64 ms. It holds no lock meanwhile, and keeps no connection alive. Each connection stands in its queue at most twice: once
//! for bytes that were left behind, and once because its listener stops.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use ws_common::sync::{Condvar, Mutex, MutexGuard, lock, thread};

use crate::clock::{self, Clock};

/// Time for which the thread waits for something to do.
const LINGER: Duration = Duration::from_secs(5);

/// Time between a call and the first look, so that messages that are queued in a row are written at once.
const GATHER: Duration = Duration::from_micros(500);

/// Shortest and longest pause between two writes of bytes that the transport does not take.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(64));

/// A connection on which something may be left behind.
pub(crate) trait WriteInBackground: Send + Sync {
    /// Writes as much as the transport takes at once. It does not wait.
    fn write_in_background(&self) -> Remaining;
}

/// The bytes that are left to the background thread after a turn of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Remaining {
    /// Nothing: all is written, or another thread sees to it.
    Nothing,
    /// Some, and the transport has taken some.
    Moving,
    /// Some, and nothing moves.
    Stuck,
}

/// Lets the background thread look at a connection soon. `false` if the system gives no thread.
pub(crate) fn call(connection: Weak<dyn WriteInBackground>) -> bool {
    background().call(connection)
}

/// The one of this process.
#[cfg(not(shuttle))]
fn background() -> &'static Background {
    static BACKGROUND: Background = Background::new();
    &BACKGROUND
}

/// The one of this schedule of the model checker.
#[cfg(shuttle)]
fn background() -> &'static Background {
    use ws_common::sync::model::Lazy;
    static BACKGROUND: Lazy<Background> = Lazy::new(Background::new);
    BACKGROUND.get()
}

struct Background {
    queue: Mutex<Queue>,
    called: Condvar,
}

struct Queue {
    /// To be looked at now.
    ready: VecDeque<QueuedConnection>,
    /// To be looked at later.
    paused: BinaryHeap<Reverse<QueuedConnection>>,
    is_running: bool,
}

struct QueuedConnection {
    connection: Weak<dyn WriteInBackground>,
    /// When it is to be looked at.
    at: Clock,
    /// The pause before that.
    pause: Duration,
}

impl Background {
    const fn new() -> Self {
        let queue = Queue { ready: VecDeque::new(), paused: BinaryHeap::new(), is_running: false };
        Self { queue: Mutex::new(queue), called: Condvar::new() }
    }

    fn call(&'static self, connection: Weak<dyn WriteInBackground>) -> bool {
        let mut queue = lock(&self.queue);
        let entry = QueuedConnection { connection, at: clock::now() + GATHER, pause: Duration::ZERO };
        queue.paused.push(Reverse(entry));
        if queue.is_running {
            drop(queue);
            self.called.notify_one();
            return true;
        }
        queue.is_running = true;
        drop(queue);
        let is_running = start(|| self.run()).is_ok();
        if !is_running {
            let mut queue = lock(&self.queue);
            queue.is_running = false;
            queue.ready.clear();
            queue.paused.clear();
        }
        is_running
    }

    fn run(&self) {
        while let Some(entry) = self.next() {
            let Some(connection) = entry.connection.upgrade() else { continue };
            match turn(connection) {
                Remaining::Nothing => {}
                // Others have their turn before.
                Remaining::Moving => {
                    lock(&self.queue).ready.push_back(QueuedConnection { pause: Duration::ZERO, ..entry });
                }
                Remaining::Stuck => {
                    let pause = (2 * entry.pause).clamp(PAUSES.0, PAUSES.1);
                    let entry = QueuedConnection { at: clock::now() + pause, pause, ..entry };
                    lock(&self.queue).paused.push(Reverse(entry));
                }
            }
        }
    }

    /// The next connection to look at; `None` if there was none for long.
    fn next(&self) -> Option<QueuedConnection> {
        let mut queue = lock(&self.queue);
        let idle_since = clock::now();
        loop {
            let now = clock::now();
            while queue.paused.peek().is_some_and(|Reverse(entry)| entry.at <= now) {
                let due = queue.paused.pop();
                queue.ready.extend(due.map(|Reverse(entry)| entry));
            }
            if let Some(entry) = queue.ready.pop_front() {
                return Some(entry);
            }
            let until = queue.paused.peek().map_or(idle_since + LINGER, |Reverse(entry)| entry.at);
            if queue.paused.is_empty() && now >= until {
                queue.is_running = false;
                return None;
            }
            queue = self.wait(queue, until.saturating_duration_since(now));
        }
    }

    fn wait<'a>(&'a self, queue: MutexGuard<'a, Queue>, longest: Duration) -> MutexGuard<'a, Queue> {
        self.called.wait_timeout(queue, longest).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Writes on one connection. If its transport panics, that connection has ended, and the thread goes on for the others.
fn turn(connection: Arc<dyn WriteInBackground>) -> Remaining {
    let write = AssertUnwindSafe(|| {
        let remaining = connection.write_in_background();
        // The last reference to a connection drops its transport, which may panic, too.
        drop(connection);
        remaining
    });
    catch_unwind(write).unwrap_or(Remaining::Nothing)
}

/// Starts the thread.
fn start(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("ws-write".into()).spawn(run).map(drop)
}

impl Ord for QueuedConnection {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for QueuedConnection {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for QueuedConnection {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for QueuedConnection {}
