//! How a listener stops the connections that it accepted, and limits their number.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_core::{CloseCode, Connection};

use crate::sync::{Clock, Condvar, Mutex, MutexGuard, Unwinding, lock, mutant};

mod clients;
#[cfg(test)]
mod tests;

pub use clients::Admission;
use clients::Clients;

/// The wish of a listener that is shutting down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stopping {
    /// Begin the closing handshake, with 1001 (going away).
    Close,
    /// End at once.
    Abort,
}

impl Stopping {
    /// Does to a connection what the listener wishes.
    pub fn apply(self, connection: &mut Connection, now: ws_core::Instant) {
        match self {
            Self::Close => connection.close(CloseCode::GOING_AWAY, now),
            Self::Abort => connection.abort(),
        }
    }
}

/// A connection that can be told to stop.
pub trait Stop: Send + Sync {
    /// Stores the wish. It waits for nothing. A connection that was told to close may be told to abort later.
    fn request(&self, stopping: Stopping);
    /// Lets the connection act on the wish: wakes its driver, or acts here if nobody uses the connection. Never waits for code of
    /// the user.
    fn nudge(&self);
}

/// The connections that a listener accepted and that are not over. Clones are one and the same register.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Register>);

/// Code of the user may call any method of the register: a waker that is cloned, woken or dropped, a connection that is nudged
/// or dropped. So none of these happens while `state` is locked.
#[derive(Default)]
struct Register {
    state: Mutex<ShutdownState>,
    /// Notified when the listener stops, and when a connection ends.
    changed: Condvar,
}

/// Largest numbers of clients that a listener has at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Clients within their handshakes, and calls of accept that wait for a client.
    pub max_handshakes: usize,
    /// These and open connections.
    pub max_connections: usize,
    /// The same of one client, by its key.
    pub max_connections_per_client: usize,
}

impl Default for Limits {
    /// No limits.
    fn default() -> Self {
        Self {
            max_handshakes: usize::MAX,
            max_connections: usize::MAX,
            max_connections_per_client: usize::MAX,
        }
    }
}

#[derive(Default)]
struct ShutdownState {
    is_stopping: bool,
    next_key: u64,
    limits: Limits,
    /// Places of clients that are not open.
    handshakes: usize,
    /// Number of all places. Invariant: at least `handshakes`.
    connections: usize,
    members: BTreeMap<u64, Arc<dyn Stop>>,
    /// Members by the keys of their clients. Invariant: each one is in `members`.
    clients: Clients,
    /// The tasks that wait for the end of the listener.
    until_stopping: BTreeMap<u64, Waker>,
    /// The tasks that wait for the last connection to end.
    until_empty: BTreeMap<u64, Waker>,
    /// The tasks that wait for a place.
    until_room: BTreeMap<u64, Waker>,
}

/// A place for the next client. Dropped before a client [enters](Self::enter), it is free again.
pub struct Permit(Option<Shutdown>);

/// A client in the register, until it is dropped.
pub struct Guard {
    register: Shutdown,
    key: u64,
    is_handshake: bool,
}

/// A wait for the listener to stop, or for its last connection to end. Dropped, it leaves the register.
#[must_use = "it waits when it is polled"]
pub struct ShutdownWait<'a> {
    register: &'a Shutdown,
    until: ShutdownCondition,
    /// Its waker's place in the register, once it has waited.
    key: Option<u64>,
}

#[derive(Clone, Copy)]
enum ShutdownCondition {
    Stopping,
    Empty,
    /// A place is free, or there will be none.
    Room,
}

impl Shutdown {
    /// A register with limits.
    pub fn new(limits: Limits) -> Self {
        let state = Mutex::new(ShutdownState { limits, ..ShutdownState::default() });
        Self(Arc::new(Register { state, changed: Condvar::default() }))
    }

    /// Whether [`begin`](Self::begin) was called.
    pub fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    /// Takes a place for the next client. `None` if a limit is reached: wait for [room](Self::room).
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut state = self.state();
        if !state.has_room() {
            return None;
        }
        state.handshakes += 1;
        state.connections += 1;
        Some(Permit(Some(self.clone())))
    }

    /// Ready once a place is free, or the listener is stopping.
    pub fn room(&self) -> ShutdownWait<'_> {
        ShutdownWait { register: self, until: ShutdownCondition::Room, key: None }
    }

    /// Waits until a place is free or the listener is stopping, but not longer than `timeout`.
    pub fn wait_room(&self, timeout: Duration) {
        self.wait(ShutdownCondition::Room, timeout);
    }

    /// Frees a place for handshakes, for connections, or both.
    fn release(&self, is_handshake: bool, is_connection: bool) {
        let mut state = self.state();
        state.handshakes -= usize::from(is_handshake);
        state.connections -= usize::from(is_connection);
        let wakers = if state.has_room() { std::mem::take(&mut state.until_room) } else { BTreeMap::new() };
        drop(state);
        self.0.changed.notify_all();
        let mut unwinding = Unwinding::default();
        wakers.into_values().for_each(|waker| unwinding.run(|| waker.wake()));
        unwinding.resume();
    }

    /// Enters a client that has a place.
    fn enter(&self, member: Arc<dyn Stop>) -> Option<Guard> {
        let mut state = self.state();
        if state.is_stopping {
            // Before the member, which is dropped with the arguments.
            drop(state);
            return None;
        }
        let key = state.take_key();
        state.members.insert(key, member);
        drop(state);
        Some(Guard { register: self.clone(), key, is_handshake: true })
    }

    /// Tells every connection to close, and lets no other in. A panic of a waker goes on when all are told.
    pub fn begin(&self) {
        let (members, wakers) = {
            let mut state = self.state();
            state.is_stopping = true;
            let members: Vec<_> = state.members.values().cloned().collect();
            let mut wakers = std::mem::take(&mut state.until_stopping);
            wakers.append(&mut state.until_room);
            (members, wakers)
        };
        self.0.changed.notify_all();
        let wakers = if mutant("a listener that stops wakes nobody") { BTreeMap::new() } else { wakers };
        tell(members, Stopping::Close, wakers);
    }

    /// Tells every connection that is left to end at once. Gives their number. A panic of a waker goes on when all are told.
    pub fn abort(&self) -> usize {
        let members: Vec<_> = self.state().members.values().cloned().collect();
        let n = members.len();
        tell(members, Stopping::Abort, BTreeMap::new());
        n
    }

    /// Ready once [`begin`](Self::begin) was called.
    pub fn stopping(&self) -> ShutdownWait<'_> {
        ShutdownWait { register: self, until: ShutdownCondition::Stopping, key: None }
    }

    /// Ready once no connection is left.
    pub fn empty(&self) -> ShutdownWait<'_> {
        ShutdownWait { register: self, until: ShutdownCondition::Empty, key: None }
    }

    /// Waits until no connection is left, but not longer than `timeout`. Says whether none is left.
    pub fn wait_empty(&self, timeout: Duration) -> bool {
        self.wait(ShutdownCondition::Empty, timeout)
    }

    /// Waits until [`begin`](Self::begin) is called, but not longer than `timeout`. Says whether it was called.
    pub fn wait_stopping(&self, timeout: Duration) -> bool {
        self.wait(ShutdownCondition::Stopping, timeout)
    }

    fn wait(&self, until: ShutdownCondition, timeout: Duration) -> bool {
        let start = Clock::now();
        let mut state = self.state();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if state.has_come(until) || left.is_zero() {
                return state.has_come(until);
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, ShutdownState> {
        lock(&self.0.state)
    }
}

impl ShutdownState {
    fn take_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    fn has_room(&self) -> bool {
        self.handshakes < self.limits.max_handshakes && self.connections < self.limits.max_connections
    }

    fn has_come(&self, until: ShutdownCondition) -> bool {
        match until {
            ShutdownCondition::Room => self.is_stopping || self.has_room(),
            ShutdownCondition::Stopping => self.is_stopping,
            ShutdownCondition::Empty => self.members.is_empty(),
        }
    }

    fn wakers(&mut self, until: ShutdownCondition) -> &mut BTreeMap<u64, Waker> {
        match until {
            ShutdownCondition::Stopping => &mut self.until_stopping,
            ShutdownCondition::Empty => &mut self.until_empty,
            ShutdownCondition::Room => &mut self.until_room,
        }
    }
}

impl Future for ShutdownWait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (register, until) = (self.register, self.until);
        {
            let mut state = register.state();
            if state.has_come(until) {
                return Poll::Ready(());
            }
            let waker = self.key.and_then(|key| state.wakers(until).get(&key));
            if waker.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
        }
        let waker = cx.waker().clone();
        let mut state = register.state();
        if state.has_come(until) && !mutant("a stop before the waker is not seen") {
            // Before the waker.
            drop(state);
            return Poll::Ready(());
        }
        let key = *self.key.get_or_insert_with(|| state.take_key());
        let replaced = state.wakers(until).insert(key, waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for ShutdownWait<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let waker = self.register.state().wakers(self.until).remove(&key);
        drop(waker);
    }
}

impl Permit {
    /// Enters a client, which is within its handshake. `None` if the listener is stopping already.
    pub fn enter(mut self, member: Arc<dyn Stop>) -> Option<Guard> {
        let guard = self.0.as_ref()?.enter(member)?;
        // The guard has the place from here on.
        self.0 = None;
        Some(guard)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(register) = self.0.take() {
            register.release(true, true);
        }
    }
}

impl Guard {
    /// The handshake is over: the connection is open.
    pub fn opened(&mut self) {
        if std::mem::replace(&mut self.is_handshake, false) {
            self.register.release(true, false);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.register.state();
        let member = state.members.remove(&self.key);
        state.clients.remove(self.key);
        let is_empty = state.members.is_empty();
        let wakers = if is_empty { std::mem::take(&mut state.until_empty) } else { BTreeMap::new() };
        let wakers = if mutant("the last connection wakes nobody") { BTreeMap::new() } else { wakers };
        drop(state);
        self.register.0.changed.notify_all();
        let mut unwinding = Unwinding::default();
        unwinding.run(|| drop(member));
        unwinding.run(|| self.register.release(self.is_handshake, true));
        wakers.into_values().for_each(|waker| unwinding.run(|| waker.wake()));
        unwinding.resume();
    }
}

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Shutdown")
            .field("stopping", &state.is_stopping)
            .field("members", &state.members.len())
            .finish()
    }
}

/// Tells connections, and wakes tasks. A connection that is busy delays none: all have the wish before the first is nudged.
fn tell(members: Vec<Arc<dyn Stop>>, stopping: Stopping, wakers: BTreeMap<u64, Waker>) {
    members.iter().for_each(|member| member.request(stopping));
    let mut unwinding = Unwinding::default();
    for member in members {
        if !mutant("a member is not nudged") {
            unwinding.run(|| member.nudge());
        }
        unwinding.run(|| drop(member));
    }
    wakers.into_values().for_each(|waker| unwinding.run(|| waker.wake()));
    unwinding.resume();
}
