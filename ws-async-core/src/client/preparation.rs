//! The future of a hook, which a client polls while it holds no lock.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ws_common::session::{Answer, PendingAnswer};
use ws_common::sync::atomic::{AtomicBool, Ordering};

/// A future of the user that prepares an attempt. Whichever task drives the client polls it when it is woken.
pub(crate) struct Preparation {
    pub(crate) pending: PendingAnswer,
    waker: Arc<PreparationWaker>,
}

struct PreparationWaker {
    is_woken: AtomicBool,
    /// Stands for the tasks that wait for the client.
    tasks: Waker,
}

impl Preparation {
    pub(crate) fn new(pending: PendingAnswer, tasks: &Waker) -> Self {
        let waker = PreparationWaker { is_woken: AtomicBool::new(false), tasks: tasks.clone() };
        Self { pending, waker: Arc::new(waker) }
    }

    /// Polls it. If it is woken meanwhile, it is due again.
    pub(crate) fn poll(mut self) -> Result<Answer, Self> {
        self.waker.is_woken.store(false, Ordering::Release);
        let waker = Waker::from(self.waker.clone());
        match Pin::new(&mut self.pending).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => Err(self),
        }
    }

    /// Whether it was woken since the last poll began.
    pub(crate) fn is_woken(&self) -> bool {
        self.waker.is_woken.load(Ordering::Acquire)
    }

    /// Wakes a task again, because this one does not poll it now.
    pub(crate) fn pass_on(&self) {
        self.waker.tasks.wake_by_ref();
    }
}

impl Wake for PreparationWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.tasks.wake_by_ref();
    }
}
