//! Wakers that were taken from where they wait.

use std::task::Waker;

use ws_common::sync::{Unwinding, mutant};

/// Wakers to be woken, and one to be dropped, when no lock is held. If waking one panics, the rest are woken all the same.
#[derive(Default)]
pub(crate) struct WakeList {
    one: Option<Waker>,
    more: Vec<Waker>,
    pub(crate) dropped: Option<Waker>,
}

impl WakeList {
    pub(crate) fn push(&mut self, waker: Waker) {
        match self.one {
            None => self.one = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.one.is_none()
    }

    /// Wakes all. A panic of a waker goes on when the others are woken.
    #[inline]
    pub(crate) fn wake(self) {
        if self.one.is_some() || self.dropped.is_some() {
            self.wake_each();
        }
    }

    fn wake_each(self) {
        let mut unwinding = Unwinding::default();
        if let Some(waker) = self.one
            && !mutant("nobody is woken")
        {
            unwinding.run(|| waker.wake());
        }
        self.more.into_iter().for_each(|waker| unwinding.run(|| waker.wake()));
        unwinding.run(|| drop(self.dropped));
        unwinding.resume();
    }
}
