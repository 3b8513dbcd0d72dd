//! The actions that a session asks for, and the code of the user that runs when the lock is released.

use std::any::Any;
use std::task::{Context, Waker};

use ws_common::ConnectorError;
use ws_common::session::{Action, Question};
use ws_common::sync::mutant;

use super::{Connecting, SessionDriver};
use crate::client::transport::ClientTransport;
use crate::client::user_future::{UserFuture, UserOutput};
use crate::runtime::Runtime;

/// Something that runs code of the user, for a caller that has released the lock.
pub(crate) struct Left<R: Runtime> {
    /// To be dropped first.
    pub(crate) dropped: Vec<Dropped<R>>,
    pub(crate) question: Option<Question>,
    /// To be polled.
    pub(crate) future: Option<UserFuture<R>>,
}

/// A transport that is of no more use.
pub(crate) enum Dropped<R: Runtime> {
    Transport(ClientTransport<R>),
    /// It is reset.
    Dead(ClientTransport<R>),
    Connecting(#[expect(dead_code, reason = "it is only dropped")] Connecting<R>),
    Future(#[expect(dead_code, reason = "it is only dropped")] UserFuture<R>),
    /// It comes too late.
    Error(#[expect(dead_code, reason = "it is only dropped")] ConnectorError),
}

impl<R: Runtime> Dropped<R> {
    /// Runs code of the user.
    pub(crate) fn drop(self) {
        match self {
            Self::Dead(transport) => transport.reset(),
            Self::Transport(_) | Self::Connecting(_) | Self::Future(_) | Self::Error(_) => {}
        }
    }
}

impl<R: Runtime> SessionDriver<R> {
    /// Does the actions of the session, without those that run code of the user.
    pub(super) fn act(&mut self) {
        while let Some(action) = self.driver.machine.poll_action() {
            let resets = matches!(action, Action::Reset);
            let options = match action {
                Action::Ask(question) if mutant("a hook runs under the lock") => {
                    let now = self.driver.now();
                    drop(self.driver.machine.answer(question.ask(), now));
                    continue;
                }
                Action::Ask(question) => {
                    self.question = Some(question);
                    continue;
                }
                Action::Drop | Action::Reset => None,
                Action::Open(options) => Some(options),
            };
            // A Close frame may tell the peer the reason, as far as it leaves without waiting.
            self.write_at_once(&mut Context::from_waker(Waker::noop()));
            let dropped = if resets { Dropped::Dead } else { Dropped::Transport };
            self.dropped.extend(self.transport.take().map(dropped));
            self.dropped.extend(self.connecting.take().map(Dropped::Connecting));
            self.is_stuck = false;
            self.attempt += 1;
            self.drop_unwanted();
            if let Some(options) = options {
                self.open(options);
            }
        }
        self.drop_unwanted();
    }

    /// A future of an attempt that has ended is to be dropped.
    fn drop_unwanted(&mut self) {
        let (session, attempt) = (&self.driver.machine, self.attempt);
        let ended = self.future.take_if(|future| !future.is_wanted(session, attempt));
        self.dropped.extend(ended.map(Dropped::Future));
    }

    /// Keeps the future of the user, which a task has polled.
    pub(crate) fn keep(&mut self, future: UserFuture<R>) {
        if future.is_wanted(&self.driver.machine, self.attempt) {
            self.future = Some(future);
        } else {
            self.dropped.push(Dropped::Future(future));
        }
    }

    /// Publishes the state, before the lock is released. The errands of the caller after that run code of the user. A caller that `polls`
    /// gets the future of the user, if that was woken: one that wakes itself each time does not keep a task for ever. Any caller gets a
    /// future that was never polled.
    pub(crate) fn leave(&mut self, polls: bool) -> Option<Left<R>> {
        self.session().publish();
        let future = self.future.take_if(|future| future.is_new() || (future.is_woken() && polls));
        if let Some(future) = &self.future
            && future.is_woken()
        {
            future.pass_on();
        }
        let is_idle = self.question.is_none() && self.dropped.is_empty() && future.is_none();
        (!is_idle).then(|| Left {
            dropped: std::mem::take(&mut self.dropped),
            question: self.question.take(),
            future,
        })
    }

    /// Takes what code of the user has given. A panic of it is for the caller to resume, without the lock.
    pub(crate) fn accept(&mut self, output: UserOutput<R>) -> Option<Box<dyn Any + Send>> {
        let panic = match output {
            UserOutput::Prepared(answer) => {
                let now = self.driver.now();
                self.driver.machine.answer(answer, now)
            }
            UserOutput::Connected(supplied) => self.supplied(supplied),
        };
        self.act();
        self.needs_driver = !mutant("an answer is not acted on");
        panic
    }
}
