//! A connection in memory, with bounded room in each direction and no time in it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_common::sync::{Clock, Condvar, Mutex, MutexGuard, lock};

/// Room of each direction, in bytes, unless it was set otherwise.
pub const CAPACITY: usize = 64;

/// One end. Dropped, it ends both directions.
pub struct End {
    pipe: Arc<Pipe>,
    side: usize,
    /// Code of the user, which is called before each read.
    on_read: Option<Hook>,
}

type Hook = Box<dyn FnMut(&mut Context<'_>) + Send + Sync>;

#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    /// For threads.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Each is written by the end of the same number.
    directions: [Direction; 2],
    /// Number of threads that wait.
    sleepers: usize,
}

struct Direction {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has ended it.
    is_ended: bool,
    /// There is no reader any more.
    is_refused: bool,
    /// As the sockets of runtimes do: one waker each, the last one, which is used once.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Two ends of one connection.
pub fn pipe() -> (End, End) {
    let pipe = Arc::new(Pipe::default());
    let end = |side| End { pipe: pipe.clone(), side, on_read: None };
    (end(0), end(1))
}

impl End {
    /// Has `hook` called before each read, with the context of the read.
    #[must_use]
    pub fn on_read(mut self, hook: impl FnMut(&mut Context<'_>) + Send + Sync + 'static) -> Self {
        self.on_read = Some(Box::new(hook));
        self
    }

    /// Calls the user's code.
    pub fn call(&mut self, cx: &mut Context<'_>) {
        if let Some(hook) = &mut self.on_read {
            hook(cx);
        }
    }

    /// Changes the room of both directions. Bytes that are there stay.
    pub fn set_capacity(&self, capacity: usize) {
        let mut state = lock(&self.pipe.state);
        state.directions.iter_mut().for_each(|direction| direction.capacity = capacity);
        self.wake(state, [[0, 1], [1, 1]]);
    }

    /// Reads at most `limit` bytes to `sink`; 0 at the end of the stream.
    pub fn poll_read(
        &self,
        cx: &Context<'_>,
        limit: usize,
        sink: &mut impl Extend<u8>,
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.pipe.state);
        let incoming = &mut state.directions[1 - self.side];
        match incoming.read(limit, sink) {
            Some(n) => {
                self.wake(state, [[1 - self.side, 1]]);
                Poll::Ready(Ok(n))
            }
            None => {
                incoming.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Writes some of `bytes`.
    pub fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.pipe.state);
        let outgoing = &mut state.directions[self.side];
        match outgoing.write(bytes) {
            Some(written) => {
                self.wake(state, [[self.side, 0]]);
                Poll::Ready(written)
            }
            None => {
                outgoing.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Reads as a thread does, and waits for something to read, but not longer than `timeout`.
    pub fn read(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let deadline = Clock::now() + timeout;
        let mut sink = Vec::new();
        let mut state = lock(&self.pipe.state);
        loop {
            if let Some(n) = state.directions[1 - self.side].read(buffer.len(), &mut sink) {
                buffer[..n].copy_from_slice(&sink);
                self.wake(state, [[1 - self.side, 1]]);
                return Ok(n);
            }
            state = self.wait(state, deadline)?;
        }
    }

    /// Writes as a thread does, and waits for room, but not longer than `timeout`.
    pub fn write(&self, bytes: &[u8], timeout: Duration) -> io::Result<usize> {
        let deadline = Clock::now() + timeout;
        let mut state = lock(&self.pipe.state);
        loop {
            if let Some(written) = state.directions[self.side].write(bytes) {
                self.wake(state, [[self.side, 0]]);
                return written;
            }
            state = self.wait(state, deadline)?;
        }
    }

    /// Ends the direction that this end writes.
    pub fn end(&self) {
        let mut state = lock(&self.pipe.state);
        state.directions[self.side].is_ended = true;
        self.wake(state, [[self.side, 0], [self.side, 1]]);
    }

    /// Ends both directions. The other end can still read the bytes that are there.
    pub fn shut(&self) {
        let mut state = lock(&self.pipe.state);
        state.directions[self.side].is_ended = true;
        state.directions[1 - self.side].is_refused = true;
        state.directions[1 - self.side].bytes.clear();
        self.wake(state, [[0, 0], [0, 1], [1, 0], [1, 1]]);
    }

    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Clock,
    ) -> io::Result<MutexGuard<'a, State>> {
        let left = deadline - Clock::now();
        if left.is_zero() {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.sleepers += 1;
        let waited = self.pipe.changed.wait_timeout(state, left);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.sleepers -= 1;
        Ok(state)
    }

    /// Wakes the readers (0) or writers (1) of these directions. Without the lock, as a reactor does.
    fn wake<const N: usize>(&self, mut state: MutexGuard<'_, State>, whom: [[usize; 2]; N]) {
        let wakers = whom.map(|[direction, role]| {
            let direction = &mut state.directions[direction];
            if role == 0 { direction.reader.take() } else { direction.writer.take() }
        });
        let has_sleepers = state.sleepers > 0;
        drop(state);
        if has_sleepers {
            self.pipe.changed.notify_all();
        }
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity: CAPACITY,
            is_ended: false,
            is_refused: false,
            reader: None,
            writer: None,
        }
    }
}

impl Direction {
    /// `None`: there is nothing yet.
    fn read(&mut self, limit: usize, sink: &mut impl Extend<u8>) -> Option<usize> {
        let n = self.bytes.len().min(limit);
        if n == 0 && !self.is_ended && !self.is_refused {
            return None;
        }
        sink.extend(self.bytes.drain(..n));
        Some(n)
    }

    /// `None`: there is no room yet.
    fn write(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        if self.is_refused || self.is_ended {
            return Some(Err(ErrorKind::BrokenPipe.into()));
        }
        let n = bytes.len().min(self.capacity.saturating_sub(self.bytes.len()));
        self.bytes.extend(&bytes[..n]);
        (n > 0).then_some(Ok(n))
    }
}
