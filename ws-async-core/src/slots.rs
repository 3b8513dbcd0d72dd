//! The places where tasks wait, the conditions that they wait for, and the choice of those that are woken.

use std::ops::BitOr;
use std::task::Waker;

use ws_common::sync::atomic::{AtomicUsize, Ordering};
use ws_common::sync::mutant;

use crate::wake_list::WakeList;

/// A set of conditions that tasks wait for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Wants(u8);

impl Wants {
    pub(crate) const NOTHING: Self = Self(0);
    /// An event, or a message.
    pub(crate) const EVENTS: Self = Self(1);
    /// Room to send. Only one of the tasks that want it is woken at a time: it takes the room, and wakes the next.
    pub(crate) const ROOM: Self = Self(2);
    /// Everything that was queued has left.
    pub(crate) const FLUSHED: Self = Self(4);
    /// Messages were confirmed, or lost.
    pub(crate) const PROOF: Self = Self(8);
    /// The connection or the client has ended.
    pub(crate) const END: Self = Self(16);
    /// Room for a ping.
    pub(crate) const PING: Self = Self(32);

    /// This set if `condition` holds, else none.
    pub(crate) fn only_if(self, condition: bool) -> Self {
        if condition { self } else { Self::NOTHING }
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Wants {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a task leaves behind for the others.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct News {
    /// The conditions that hold now.
    pub(crate) met: Wants,
    /// One of the others has to drive the transport.
    pub(crate) needs_driver: bool,
}

/// A place for one waiting task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlotId(pub(crate) usize);

#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) slots: Vec<Slot>,
    pub(crate) free: Vec<usize>,
    /// Tasks that began to wait so far.
    pub(crate) clock: u64,
}

pub(crate) struct Slot {
    pub(crate) waiting: WaitingTask,
    pub(crate) wants: Wants,
    /// When the task began to wait: the one that has waited longest gets the room.
    pub(crate) since: u64,
    pub(crate) is_guarded: bool,
}

pub(crate) enum WaitingTask {
    No,
    /// For a wake-up.
    Yes(Waker),
    /// Was woken, and was not polled since.
    Woken,
}

impl Slot {
    pub(crate) fn take(&mut self, waiting: &AtomicUsize, list: &mut WakeList) {
        if let WaitingTask::Yes(_) = self.waiting
            && let WaitingTask::Yes(waker) = std::mem::replace(&mut self.waiting, WaitingTask::Woken)
        {
            waiting.fetch_sub(1, Ordering::Relaxed);
            list.push(waker);
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.waiting, WaitingTask::Yes(_))
    }
}

impl Slots {
    /// Takes the task that drives next: one that wants events if there is one, as it can use what comes, and else the one that has
    /// waited longest. A task whose end would not be seen is woken beside it.
    pub(crate) fn take_driver(&mut self, but: Option<SlotId>, waiting: &AtomicUsize, list: &mut WakeList) {
        let mut driver: Option<usize> = None;
        for number in 0..self.slots.len() {
            let slot = &mut self.slots[number];
            if !slot.is_waiting() || but == Some(SlotId(number)) {
                continue;
            }
            if !slot.is_guarded && !mutant("a stream that is not polled any more drives alone") {
                slot.take(waiting, list);
                continue;
            }
            let rank = |slot: &Slot| (!slot.wants.meets(Wants::EVENTS), slot.since);
            let is_better = driver.is_none_or(|best| rank(&self.slots[number]) < rank(&self.slots[best]));
            if is_better {
                driver = Some(number);
            }
        }
        if let Some(number) = driver {
            self.slots[number].take(waiting, list);
        }
    }

    /// Takes the tasks that can go on.
    pub(crate) fn take_for(
        &mut self,
        news: News,
        but: Option<SlotId>,
        waiting: &AtomicUsize,
        list: &mut WakeList,
    ) {
        let mut first: Option<usize> = None;
        for number in 0..self.slots.len() {
            let slot = &mut self.slots[number];
            if !slot.is_waiting() || but == Some(SlotId(number)) {
                continue;
            }
            let met = news.met.without(Wants::ROOM);
            if slot.wants.meets(met) && !mutant("what is met wakes nobody") {
                slot.take(waiting, list);
            } else if slot.wants.meets(news.met)
                && first.is_none_or(|best| self.slots[number].since < self.slots[best].since)
            {
                first = Some(number);
            }
        }
        if let Some(number) = first
            && !mutant("room wakes nobody")
        {
            self.slots[number].take(waiting, list);
        }
        if news.needs_driver && list.is_empty() && !mutant("nobody is made the driver") {
            self.take_driver(but, waiting, list);
        }
    }
}
