//! How a listener reaches a connection that it accepted.

use std::task::{Context, Poll, Waker};

use ws_common::sync::atomic::{AtomicU8, Ordering::SeqCst};
use ws_common::sync::{Mutex, lock, mutant};
use ws_common::system::shutdown::{Stop, Stopping};

/// Set by the listener, seen by whoever drives the connection.
#[derive(Default)]
pub(crate) struct Signal {
    /// The gravest wish so far, as a number: see `rank`.
    wish: AtomicU8,
    /// The gravest wish that `poll` has given. Only the task that has the connection changes it.
    given: AtomicU8,
    /// Invariant: it is cloned, woken and dropped without the lock, since it may own a task that holds the connection.
    waker: Mutex<Option<Waker>>,
}

fn rank(stopping: Stopping) -> u8 {
    match stopping {
        Stopping::Close => 1,
        Stopping::Abort => 2,
    }
}

impl Signal {
    /// The gravest wish so far.
    pub(crate) fn wish(&self) -> Option<Stopping> {
        match self.wish.load(SeqCst) {
            0 => None,
            1 => Some(Stopping::Close),
            _ => Some(Stopping::Abort),
        }
    }

    /// Ready once for each new wish.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Stopping> {
        if let Some(stopping) = self.take() {
            return Poll::Ready(stopping);
        }
        if lock(&self.waker).as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let waker = cx.waker().clone();
        let replaced = lock(&self.waker).replace(waker);
        drop(replaced);
        // The wish may have come before the waker.
        self.take()
            .filter(|_| !mutant("a wish before the waker is not seen"))
            .map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<Stopping> {
        let wish = self.wish().filter(|wish| rank(*wish) > self.given.load(SeqCst))?;
        self.given.store(rank(wish), SeqCst);
        Some(wish)
    }
}

impl Stop for Signal {
    fn request(&self, stopping: Stopping) {
        self.wish.fetch_max(rank(stopping), SeqCst);
    }

    fn nudge(&self) {
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker
            && !mutant("a wish wakes nobody")
        {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    /// A task that holds the connection, and uses it when it is woken or dropped.
    struct Task {
        signal: Arc<Signal>,
        woken: Arc<AtomicUsize>,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            drop(lock(&self.signal.waker));
            self.woken.fetch_add(1, SeqCst);
        }
    }

    impl Drop for Task {
        fn drop(&mut self) {
            drop(lock(&self.signal.waker));
        }
    }

    #[test]
    fn each_new_wish_is_given_once_and_wakes_the_task_that_waits() {
        let (signal, woken) = (Arc::new(Signal::default()), Arc::new(AtomicUsize::new(0)));
        let poll = || {
            let task = Waker::from(Arc::new(Task { signal: signal.clone(), woken: woken.clone() }));
            signal.poll(&Context::from_waker(&task))
        };
        assert_eq!([poll(), poll()], [Poll::Pending; 2]);
        let wishes = [Stopping::Close, Stopping::Close, Stopping::Abort, Stopping::Close, Stopping::Abort];
        let mut gravest = None;
        for wish in wishes {
            let before = woken.load(SeqCst);
            signal.request(wish);
            assert_eq!(woken.load(SeqCst), before, "it is only stored");
            signal.nudge();
            assert_eq!(woken.load(SeqCst), before + 1);
            let is_new = gravest < Some(wish);
            gravest = gravest.max(Some(wish));
            assert_eq!(signal.wish(), gravest);
            assert_eq!(poll(), if is_new { Poll::Ready(wish) } else { Poll::Pending });
            assert_eq!(poll(), Poll::Pending);
        }
    }
}
