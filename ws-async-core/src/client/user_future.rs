//! The futures of the user, which a client polls while it holds no lock.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ws_common::session::{Answer, PendingAnswer, Session};
use ws_common::sync::atomic::{AtomicBool, Ordering};

use super::supply::{Supplied, Supply};

/// A future of the user that an attempt waits for. Whichever task drives the client polls it when it is woken.
pub(crate) struct UserFuture<R> {
    task: UserTask<R>,
    /// `None` before the first poll.
    waker: Option<Arc<UserWaker>>,
}

/// There is one at a time: an attempt is prepared before its transport is opened.
enum UserTask<R> {
    Prepare(PendingAnswer),
    Connect(Supply<R>),
}

/// The result of a future of the user.
pub(crate) enum UserOutput<R> {
    Prepared(Answer),
    Connected(Supplied<R>),
}

struct UserWaker {
    is_woken: AtomicBool,
    /// Stands for the tasks that wait for the client.
    tasks: Waker,
}

impl<R> UserFuture<R> {
    pub(crate) fn prepare(pending: PendingAnswer) -> Self {
        Self { task: UserTask::Prepare(pending), waker: None }
    }

    pub(crate) fn connect(supply: Supply<R>) -> Self {
        Self { task: UserTask::Connect(supply), waker: None }
    }

    /// Polls it. If it is woken meanwhile, it is due again. `tasks` stands for the tasks that wait for the client.
    pub(crate) fn poll(mut self, tasks: &Waker) -> Result<UserOutput<R>, Self> {
        let new = || Arc::new(UserWaker { is_woken: AtomicBool::new(false), tasks: tasks.clone() });
        let waker = self.waker.get_or_insert_with(new).clone();
        waker.is_woken.store(false, Ordering::Release);
        let waker = Waker::from(waker);
        let cx = &mut Context::from_waker(&waker);
        let output = match &mut self.task {
            UserTask::Prepare(pending) => Pin::new(pending).poll(cx).map(UserOutput::Prepared),
            UserTask::Connect(supply) => Pin::new(supply).poll(cx).map(UserOutput::Connected),
        };
        match output {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => Err(self),
        }
    }

    /// Whether the session goes on with it; a driver has this number for the attempt that it makes.
    pub(crate) fn is_wanted(&self, session: &Session, attempt: u64) -> bool {
        match &self.task {
            UserTask::Prepare(pending) => session.awaits(pending),
            UserTask::Connect(supply) => supply.attempt() == attempt,
        }
    }

    /// Whether it was never polled.
    pub(crate) fn is_new(&self) -> bool {
        self.waker.is_none()
    }

    /// Whether it was woken since the last poll began.
    pub(crate) fn is_woken(&self) -> bool {
        self.waker.as_ref().is_some_and(|waker| waker.is_woken.load(Ordering::Acquire))
    }

    /// Wakes a task again, because this one does not poll it now.
    pub(crate) fn pass_on(&self) {
        if let Some(waker) = &self.waker {
            waker.tasks.wake_by_ref();
        }
    }
}

impl Wake for UserWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.tasks.wake_by_ref();
    }
}
