//! A timer that goes along when its owner moves to another runtime.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::{self, Handle};
use tokio::task;
use tokio::time::{self, Sleep};

/// A timer of tokio. The one of another runtime panics once that runtime was shut down, and does not fire while nobody drives it, so
/// this one starts anew in the runtime where it is polled.
#[derive(Debug)]
pub struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// The runtime of `sleep`.
    runtime: runtime::Id,
    /// The task that has polled it last, which stays in its runtime: to ask for that would count references at each poll.
    task: Option<task::Id>,
}

impl Timer {
    /// A timer that fires at `deadline`.
    pub(crate) fn new(deadline: Instant) -> Self {
        Self {
            sleep: Box::pin(time::sleep_until(deadline.into())),
            runtime: Handle::current().id(),
            task: task::try_id(),
        }
    }

    /// Sets it anew, whether or not it has fired.
    pub(crate) fn reset(&mut self, deadline: Instant) {
        if self.has_moved() {
            self.sleep.set(time::sleep_until(deadline.into()));
        } else {
            self.sleep.as_mut().reset(deadline.into());
        }
    }

    /// Whether it is now in another runtime than `sleep`, which is then to be made anew. Outside of any runtime it stays as it is.
    #[inline]
    fn has_moved(&mut self) -> bool {
        let task = task::try_id();
        (task.is_none() || task != self.task) && self.has_moved_to(task)
    }

    fn has_moved_to(&mut self, task: Option<task::Id>) -> bool {
        let Ok(handle) = Handle::try_current() else { return false };
        self.task = task;
        std::mem::replace(&mut self.runtime, handle.id()) != handle.id()
    }
}

impl Future for Timer {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_moved() {
            let deadline = self.sleep.deadline();
            self.sleep.set(time::sleep_until(deadline));
        }
        self.sleep.as_mut().poll(cx)
    }
}
