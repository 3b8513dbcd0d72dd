//! Several handles to one connection or client, each of which may wait for it in a task of its own.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use ws_common::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use ws_common::sync::{Mutex, MutexGuard, lock, mutant, this_thread};

use crate::slots::SlotId;
use crate::wakers::{Tasks, Waited, WakerSlot};

/// One of several handles to a state. A clone is another one. Each may be awaited by one task at a time.
pub(crate) struct SharedHandle<S: Waited> {
    shared: Arc<Shared<S>>,
    slot: SlotId,
    /// The last poll through this handle has pended.
    was_waiting: AtomicBool,
}

/// A lock that knows which thread holds it: a transport, or a waker, may call a handle of the very connection that polls it.
struct Shared<S> {
    state: Mutex<S>,
    /// The thread that holds the lock; 0 if none does.
    owner: AtomicUsize,
    /// Changes that this thread asked for while it held the lock. They are made before it is released.
    deferred: Mutex<VecDeque<Deferred<S>>>,
    /// Whether there are any.
    has_deferred: AtomicBool,
    tasks: Tasks,
}

type Deferred<S> = Box<dyn FnOnce(&mut S, &mut Context<'_>) + Send>;

/// The locked state.
struct Locked<'a, S> {
    state: MutexGuard<'a, S>,
    owner: &'a AtomicUsize,
}

impl<S: Waited> SharedHandle<S> {
    pub(crate) fn new(state: S) -> Self {
        let tasks = Tasks::default();
        let slot = tasks.take_slot();
        let shared = Shared {
            state: Mutex::new(state),
            owner: AtomicUsize::new(0),
            deferred: Mutex::default(),
            has_deferred: AtomicBool::new(false),
            tasks,
        };
        Self { shared: Arc::new(shared), slot, was_waiting: AtomicBool::new(false) }
    }

    /// Whether both are handles to one state.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The state itself. `None` if another handle is left when `other` was dropped.
    pub(crate) fn into_state<O>(self, other: O) -> Option<S> {
        let shared = self.shared.clone();
        drop(self);
        drop(other);
        Arc::into_inner(shared)
            .map(|shared| shared.state.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the state. `None` if this thread holds it already.
    pub(crate) fn look<O>(&self, f: impl FnOnce(&mut S) -> O) -> Option<O> {
        self.shared.enter().map(|mut state| f(&mut state))
    }

    /// Changes the state, and may use the transport as far as it needs no waiting. Wakes the tasks that can go on. `None` if this
    /// thread holds the state already.
    pub(crate) fn run<O>(&self, f: impl FnOnce(&mut S, &mut Context<'_>) -> O) -> Option<O> {
        self.run_then(f, |_| {})
    }

    /// The same, and `leave` before the state is unlocked.
    pub(crate) fn run_then<O>(
        &self,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> O,
        leave: impl FnOnce(&mut S),
    ) -> Option<O> {
        let state = self.shared.enter()?;
        let output = self.shared.tasks.run(state, |state, cx| self.shared.step(state, cx, f, leave));
        Some(output)
    }

    /// As [`run`](Self::run). If this thread holds the state already, the change is made before it lets go.
    pub(crate) fn run_or_defer(&self, f: impl FnOnce(&mut S, &mut Context<'_>) + Send + 'static) {
        let mut f = Some(f);
        let done = self.run(|state, cx| f.take().map(|f| f(state, cx)));
        if done.is_none()
            && let Some(f) = f
        {
            self.defer(f);
        }
    }

    /// A change that is made before this thread, which holds the state, lets go.
    pub(crate) fn defer(&self, f: impl FnOnce(&mut S, &mut Context<'_>) + Send + 'static) {
        lock(&self.shared.deferred).push_back(Box::new(f));
        self.shared.has_deferred.store(true, Ordering::Relaxed);
    }

    /// Polls for a future that calls [`give_up`](Self::give_up) when it is dropped.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.poll_from(true, cx, f, |_| {})
    }

    /// The same, and `leave` before the state is unlocked.
    pub(crate) fn poll_then<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
        leave: impl FnOnce(&mut S),
    ) -> Poll<R> {
        self.poll_from(true, cx, f, leave)
    }

    /// Polls for a `Stream` or a `Sink`, which says nothing when it is not polled any more.
    pub(crate) fn poll_unguarded<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.poll_from(false, cx, f, |_| {})
    }

    /// The same, and `leave` before the state is unlocked.
    pub(crate) fn poll_unguarded_then<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
        leave: impl FnOnce(&mut S),
    ) -> Poll<R> {
        self.poll_from(false, cx, f, leave)
    }

    fn poll_from<R>(
        &self,
        is_guarded: bool,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
        leave: impl FnOnce(&mut S),
    ) -> Poll<R> {
        let was_waiting = self.was_waiting.load(Ordering::Relaxed);
        let waker_slot = WakerSlot { slot: self.slot, is_guarded, was_waiting };
        let result = self.shared.poll(Some(waker_slot), cx, f, leave);
        if was_waiting || result.is_pending() {
            self.was_waiting.store(result.is_pending(), Ordering::Relaxed);
        }
        result
    }

    /// Polls once, without waiting, and `leave`s before the state is unlocked. If it pends, nobody is woken for it.
    pub(crate) fn poll_once<R>(
        &self,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
        leave: impl FnOnce(&mut S),
    ) -> Poll<R> {
        self.shared.poll(None, &Context::from_waker(Waker::noop()), f, leave)
    }

    /// Wakes a waiting task, whichever drives by then.
    pub(crate) fn waker(&self) -> &Waker {
        self.shared.tasks.waker()
    }

    /// A future is dropped. If it was to drive the transport, another task takes over.
    pub(crate) fn give_up(&self) {
        if mutant("a future that is dropped says nothing") {
            return;
        }
        if self.was_waiting.swap(false, Ordering::Relaxed) {
            self.shared.tasks.give_up(self.slot);
        }
    }
}

impl<S: Waited> Shared<S> {
    fn enter(&self) -> Option<Locked<'_, S>> {
        let me = this_thread();
        if self.owner.load(Ordering::Relaxed) == me {
            return None;
        }
        let state = lock(&self.state);
        self.owner.store(me, Ordering::Relaxed);
        Some(Locked { state, owner: &self.owner })
    }

    fn poll<R>(
        &self,
        waker_slot: Option<WakerSlot>,
        cx: &Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
        leave: impl FnOnce(&mut S),
    ) -> Poll<R> {
        let Some(state) = self.enter() else {
            // Polled by the transport that it polls itself: later.
            if !mutant("a poll within a poll is forgotten") {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        };
        self.tasks.poll(state, waker_slot, cx, |state, cx| self.step(state, cx, f, leave))
    }

    /// Does something under the lock, then the changes that were deferred meanwhile.
    #[inline]
    fn step<O>(
        &self,
        state: &mut S,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> O,
        leave: impl FnOnce(&mut S),
    ) -> O {
        let output = f(state, cx);
        // Set by this thread itself, while it held the state.
        if self.has_deferred.load(Ordering::Relaxed) && !mutant("a deferred change is forgotten") {
            self.make_deferred(state, cx);
        }
        leave(state);
        output
    }

    #[cold]
    fn make_deferred(&self, state: &mut S, cx: &mut Context<'_>) {
        loop {
            let next = {
                let mut deferred = lock(&self.deferred);
                let next = deferred.pop_front();
                self.has_deferred.store(!deferred.is_empty(), Ordering::Relaxed);
                next
            };
            // If it panics, the others are made next time.
            let Some(change) = next else { break };
            change(state, cx);
        }
        // A change may be the very thing that the poll under way waits for.
        if !mutant("a deferred change wakes nobody") {
            cx.waker().wake_by_ref();
        }
    }
}

impl<S> Deref for Locked<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Locked<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.state
    }
}

impl<S> Drop for Locked<'_, S> {
    fn drop(&mut self) {
        self.owner.store(0, Ordering::Relaxed);
    }
}

impl<S: Waited> Clone for SharedHandle<S> {
    fn clone(&self) -> Self {
        let slot = self.shared.tasks.take_slot();
        Self { shared: self.shared.clone(), slot, was_waiting: AtomicBool::new(false) }
    }
}

impl<S: Waited> Drop for SharedHandle<S> {
    fn drop(&mut self) {
        self.shared.tasks.free_slot(self.slot);
    }
}

/// Waits until `poll` is ready. When it is dropped, another task takes over its duty to drive the transport.
pub(crate) struct WaitFuture<'a, S: Waited, F> {
    handle: &'a SharedHandle<S>,
    poll: F,
}

impl<'a, S: Waited, F> WaitFuture<'a, S, F> {
    /// `poll` is given the handle, to poll with it.
    pub(crate) fn new<O>(handle: &'a SharedHandle<S>, poll: F) -> Self
    where
        F: FnMut(&SharedHandle<S>, &mut Context<'_>) -> Poll<O>,
    {
        Self { handle, poll }
    }
}

impl<S: Waited, F> Unpin for WaitFuture<'_, S, F> {}

impl<S: Waited, F, O> Future for WaitFuture<'_, S, F>
where
    F: FnMut(&SharedHandle<S>, &mut Context<'_>) -> Poll<O>,
{
    type Output = O;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let Self { handle, poll } = self.get_mut();
        poll(handle, cx)
    }
}

impl<S: Waited, F> Drop for WaitFuture<'_, S, F> {
    fn drop(&mut self) {
        self.handle.give_up();
    }
}
