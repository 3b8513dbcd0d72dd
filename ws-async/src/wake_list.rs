//! Wakers that were taken from where they wait.

use std::task::Waker;

use ws_client::sync::mutant;

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

    pub(crate) fn wake(self) {}
}

impl Drop for WakeList {
    fn drop(&mut self) {
        /// Wakes the rest when waking one has panicked.
        struct Rest<'a>(&'a mut Vec<Waker>);

        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while let Some(waker) = self.0.pop() {
                    waker.wake();
                }
            }
        }

        let rest = Rest(&mut self.more);
        if let Some(waker) = self.one.take()
            && !mutant("nobody is woken")
        {
            waker.wake();
        }
        drop(rest);
        drop(self.dropped.take());
    }
}
