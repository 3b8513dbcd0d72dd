//! How a listener stops the connections that it accepted.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A connection that can be told to stop. Neither call waits.
pub trait Stop: Send + Sync {
    /// Begin the closing handshake, with 1001 (going away).
    fn close(&self);
    /// End at once.
    fn abort(&self);
}

/// The connections that a listener accepted and that are not over. Clones are one and the same register.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Register>);

#[derive(Default)]
struct Register {
    state: Mutex<State>,
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    next: u64,
    members: HashMap<u64, Arc<dyn Stop>>,
    waiting: Vec<Waker>,
}

/// A place in the register, until it is dropped.
pub struct Guard {
    register: Shutdown,
    key: u64,
}

impl Shutdown {
    /// Whether [`begin`](Self::begin) was called.
    pub fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Enters a connection. `None` if the listener is stopping already.
    pub fn enter(&self, member: Arc<dyn Stop>) -> Option<Guard> {
        let mut state = self.state();
        if state.stopping {
            return None;
        }
        let key = state.next;
        state.next += 1;
        state.members.insert(key, member);
        Some(Guard { register: self.clone(), key })
    }

    /// Tells every connection to close, and lets no other in.
    pub fn begin(&self) {
        let (members, wakers) = {
            let mut state = self.state();
            state.stopping = true;
            let members: Vec<_> = state.members.values().cloned().collect();
            (members, std::mem::take(&mut state.waiting))
        };
        // Without the lock: what is told may leave the register at once.
        members.iter().for_each(|member| member.close());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Tells every connection that is left to end at once. Gives their number.
    pub fn abort(&self) -> usize {
        let members: Vec<_> = self.state().members.values().cloned().collect();
        members.iter().for_each(|member| member.abort());
        members.len()
    }

    /// Ready once [`begin`](Self::begin) was called.
    pub fn poll_stopping(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |state| state.stopping)
    }

    /// Ready once no connection is left.
    pub fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |state| state.members.is_empty())
    }

    /// Waits until no connection is left, but not longer than `timeout`. Says whether none is left.
    pub fn wait_empty(&self, timeout: Duration) -> bool {
        let start = Instant::now();
        let mut state = self.state();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if state.members.is_empty() || left.is_zero() {
                return state.members.is_empty();
            }
            state = self.0.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn poll(&self, cx: &Context<'_>, is_true: impl FnOnce(&State) -> bool) -> Poll<()> {
        let mut state = self.state();
        if is_true(&state) {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.register.state();
        let member = state.members.remove(&self.key);
        let wakers = if state.members.is_empty() { std::mem::take(&mut state.waiting) } else { Vec::new() };
        drop(state);
        drop(member);
        self.register.0.emptied.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Shutdown")
            .field("stopping", &state.stopping)
            .field("members", &state.members.len())
            .finish()
    }
}
