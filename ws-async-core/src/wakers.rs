//! The tasks that wait for one connection or client.
//!
//! A transport keeps one waker, so it is given one that stands for all waiting tasks. When it is woken, one task is enough to move
//! the bytes: the *driver*. That task then wakes the others that can go on, and no more. A task that was woken and gives up passes
//! the duty on.

use std::ops::DerefMut;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ws_common::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use ws_common::sync::{Mutex, lock, mutant};

use crate::slots::{News, Slot, SlotId, Slots, WaitingTask, Wants};
use crate::wake_list::WakeList;

/// The state that waiting tasks share.
pub(crate) trait Waited {
    /// The conditions that the last poll waits for, if it pends.
    fn wants(&self) -> Wants;

    /// What happened since the last call. Only asked while others wait.
    fn news(&mut self) -> News;

    /// Forgets what happened: nobody else waits, and a task that will polls before it does.
    fn forget_news(&mut self);

    /// Whether the transport would not wake anyone at present, because the last poll consumed its readiness.
    fn is_disarmed(&self) -> bool;

    /// Asks the transport once more to wake when it is ready. Says whether it will.
    fn rearm(&mut self, cx: &mut Context<'_>) -> bool;
}

/// The waiting tasks of one connection, each in a slot, and the waker that stands for all of them.
pub(crate) struct Tasks {
    wakers: Arc<Wakers>,
    all: Waker,
}

struct Wakers {
    slots: Mutex<Slots>,
    /// How many slots wait. It grows only while the shared state is locked.
    waiting: AtomicUsize,
    /// `IDLE`, or whether the poll under way was woken meanwhile.
    phase: AtomicU8,
}

const IDLE: u8 = 0;
const POLLING: u8 = 1;
const POLLING_WOKEN: u8 = 2;

impl Default for Tasks {
    fn default() -> Self {
        let wakers = Arc::new(Wakers {
            slots: Mutex::default(),
            waiting: AtomicUsize::new(0),
            phase: AtomicU8::new(IDLE),
        });
        let all = Waker::from(wakers.clone());
        Self { wakers, all }
    }
}

impl Tasks {
    /// Takes a slot. A task that waits in a guarded one calls [`give_up`](Self::give_up) if it is dropped.
    pub(crate) fn take_slot(&self) -> SlotId {
        let mut slots = lock(&self.wakers.slots);
        let empty = Slot { waiting: WaitingTask::No, wants: Wants::NOTHING, since: 0, is_guarded: false };
        SlotId(match slots.free.pop() {
            Some(number) => {
                slots.slots[number] = empty;
                number
            }
            None => {
                slots.slots.push(empty);
                slots.slots.len() - 1
            }
        })
    }

    /// Stands for all waiting tasks.
    pub(crate) fn waker(&self) -> &Waker {
        &self.all
    }

    pub(crate) fn free_slot(&self, slot: SlotId) {
        self.give_up(slot);
        lock(&self.wakers.slots).free.push(slot.0);
    }

    /// The task in this slot does not wait any more, and was not polled since it may have been woken: then another takes over.
    pub(crate) fn give_up(&self, slot: SlotId) {
        let (was_woken, waker) = self.wakers.stop_waiting(slot);
        drop(waker);
        if was_woken && !mutant("a task that gives up keeps its wake-up") {
            self.wakers.wake_driver();
        }
    }

    /// Runs a step that may use the transport and does not wait. Wakes the tasks that can go on when the state, which may be a
    /// lock that is held, was dropped.
    pub(crate) fn run<S: Waited, O>(
        &self,
        state: impl DerefMut<Target = S>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> O,
    ) -> O {
        let rescue = Rescue(&self.wakers);
        let mut state = state;
        let polling = self.begin();
        let output = f(&mut state, &mut Context::from_waker(&self.all));
        let mut list = WakeList::default();
        self.take_for_news(&mut *state, None, false, &mut list);
        if polling.end() {
            self.wakers.take_driver(&mut list);
        }
        rescue.forget();
        if mutant("a change wakes under the lock") {
            list.wake();
            return output;
        }
        drop(state);
        list.wake();
        output
    }

    /// Polls. If it pends, the task waits in `waker_slot`, if there is one: whichever task drives next wakes it when it can go on. Others
    /// are woken as by [`run`](Self::run).
    pub(crate) fn poll<S: Waited, R>(
        &self,
        state: impl DerefMut<Target = S>,
        waker_slot: Option<WakerSlot>,
        cx: &Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let rescue = Rescue(&self.wakers);
        let mut state = state;
        let polling = self.begin();
        let result = f(&mut state, &mut Context::from_waker(&self.all));
        let mut list = WakeList::default();
        match waker_slot {
            Some(WakerSlot { slot, is_guarded, .. }) if result.is_pending() => {
                list.dropped = self.wakers.wait(slot, is_guarded, state.wants(), cx.waker());
            }
            Some(WakerSlot { slot, was_waiting: true, .. }) if !mutant("a task that is done waits on") => {
                list.dropped = self.wakers.stop_waiting(slot).1;
            }
            _ => {}
        }
        let own = waker_slot.map(|waker_slot| waker_slot.slot);
        let waits = result.is_pending() && own.is_some();
        // A task that leaves after it has consumed the readiness of the transport lets it wake the others all the same.
        let others = self.wakers.waiting.load(Ordering::Relaxed).saturating_sub(usize::from(waits));
        let is_disarmed = others > 0 && !waits && state.is_disarmed() && !self.rearm(&mut *state);
        self.take_for_news(&mut *state, own, waits, &mut list);
        let was_woken = polling.end();
        let needs_driver = was_woken || (is_disarmed && list.is_empty());
        if needs_driver && !mutant("a task that leaves lets no other drive") {
            self.wakers.take_driver(&mut list);
        }
        rescue.forget();
        if mutant("a poll wakes under the lock") {
            list.wake();
            return result;
        }
        drop(state);
        list.wake();
        result
    }

    fn rearm<S: Waited>(&self, state: &mut S) -> bool {
        mutant("a task that leaves does not arm the transport again")
            || state.rearm(&mut Context::from_waker(&self.all))
    }

    fn begin(&self) -> Polling<'_> {
        self.wakers.phase.store(POLLING, Ordering::Release);
        Polling(&self.wakers)
    }

    /// Takes the tasks that can go on. A task that does not wait also sees to it that another drives, if that is needed.
    fn take_for_news<S: Waited>(&self, state: &mut S, own: Option<SlotId>, waits: bool, list: &mut WakeList) {
        if self.wakers.waiting.load(Ordering::Relaxed) <= usize::from(waits) {
            return state.forget_news();
        }
        let mut news = state.news();
        news.needs_driver &= !waits;
        if news != News::default() {
            lock(&self.wakers.slots).take_for(news, own, &self.wakers.waiting, list);
        }
    }
}

/// The slot in which a task waits.
#[derive(Clone, Copy)]
pub(crate) struct WakerSlot {
    pub(crate) slot: SlotId,
    /// A task that gives up is seen. (A `Stream` that is not polled any more is not.)
    pub(crate) is_guarded: bool,
    /// The last poll from this slot has pended.
    pub(crate) was_waiting: bool,
}

/// If a poll panics, every waiting task is woken when the state was dropped: the task that drove may never come back.
struct Rescue<'a>(&'a Wakers);

impl Rescue<'_> {
    /// Nothing has panicked.
    fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Rescue<'_> {
    fn drop(&mut self) {
        if !mutant("a panic wakes nobody") {
            self.0.wake_all();
        }
    }
}

/// A poll under way.
struct Polling<'a>(&'a Wakers);

impl Polling<'_> {
    /// Whether the poll was woken while it was under way.
    fn end(self) -> bool {
        let was_woken = self.0.end_poll();
        std::mem::forget(self);
        was_woken
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.end_poll();
    }
}

impl Wakers {
    fn end_poll(&self) -> bool {
        self.phase.swap(IDLE, Ordering::AcqRel) == POLLING_WOKEN
            && !mutant("a wake-up during a poll is forgotten")
    }

    /// Gives a waker that is not needed, to be dropped without a lock.
    fn wait(&self, slot: SlotId, is_guarded: bool, wants: Wants, waker: &Waker) -> Option<Waker> {
        // A waker is cloned by code of the user, which may take a slot.
        let waker = waker.clone();
        let mut slots = lock(&self.slots);
        slots.clock += 1;
        let now = slots.clock;
        let slot = &mut slots.slots[slot.0];
        slot.wants = wants;
        slot.is_guarded = is_guarded;
        let old = match &slot.waiting {
            WaitingTask::Yes(old) if old.will_wake(&waker) => return Some(waker),
            _ => std::mem::replace(&mut slot.waiting, WaitingTask::Yes(waker)),
        };
        match old {
            WaitingTask::Yes(old) if mutant("a waker is dropped under the lock") => {
                drop(old);
                return None;
            }
            WaitingTask::Yes(old) => return Some(old),
            // A task that was woken for nothing keeps its place.
            WaitingTask::Woken => {}
            WaitingTask::No => slot.since = now,
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn stop_waiting(&self, slot: SlotId) -> (bool, Option<Waker>) {
        let mut slots = lock(&self.slots);
        match std::mem::replace(&mut slots.slots[slot.0].waiting, WaitingTask::No) {
            WaitingTask::No => (false, None),
            WaitingTask::Woken => (true, None),
            WaitingTask::Yes(waker) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                (false, Some(waker))
            }
        }
    }

    fn take_driver(&self, list: &mut WakeList) {
        lock(&self.slots).take_driver(None, &self.waiting, list);
    }

    fn wake_driver(&self) {
        let mut list = WakeList::default();
        self.take_driver(&mut list);
        list.wake();
    }

    fn wake_all(&self) {
        let mut list = WakeList::default();
        {
            let mut slots = lock(&self.slots);
            slots.slots.iter_mut().for_each(|slot| slot.take(&self.waiting, &mut list));
        }
        list.wake();
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The task that polls looks at it before it leaves, so that no task is woken while the state is locked.
        match self.phase.compare_exchange(POLLING, POLLING_WOKEN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(POLLING_WOKEN) => {}
            Err(_) => self.wake_driver(),
        }
    }
}
