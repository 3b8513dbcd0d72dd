//! What the clock of a runtime says to machines.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::Poll;

use ws_core::Instant;

use crate::runtime::Runtime;

/// The clock of a runtime, which counts from a moment that is the epoch of machines.
pub(crate) struct RuntimeClock<R> {
    epoch: std::time::Instant,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> RuntimeClock<R> {
    /// It counts from now on.
    pub(crate) fn start() -> Self {
        Self::since(R::now())
    }

    pub(crate) fn since(epoch: std::time::Instant) -> Self {
        Self { epoch, runtime: PhantomData }
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        Instant::since_epoch(R::now().saturating_duration_since(self.epoch))
    }

    /// When that is for the runtime; `None` if its clock does not reach so far, which is never.
    #[inline]
    pub(crate) fn at(&self, instant: Instant) -> Option<std::time::Instant> {
        self.epoch.checked_add(instant.elapsed())
    }

    /// Waits for `future`, but no longer than until `deadline`: `None` then.
    pub(crate) async fn until<F: Future>(&self, deadline: Instant, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleep = self.at(deadline).map(R::sleep_until);
        poll_fn(|cx| {
            // First: what is there at the deadline is in time.
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            match &mut sleep {
                Some(sleep) => Pin::new(sleep).poll(cx).map(|_| None),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl<R> Clone for RuntimeClock<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for RuntimeClock<R> {}
