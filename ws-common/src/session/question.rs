//! The user's hooks, which run outside of the session.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ws_core::{Closed, Message, Response};

use super::event::ClientError;
use super::options::OnOpen;
use super::prepare::{Asked, Attempt, PendingAnswer, Prepare};
use crate::error::{ConnectError, PrepareError};
use crate::options::CheckedOptions;
use crate::options::Redirect;
use crate::reconnect::{Cause, DecideHook, DisconnectReason, RetryDecision};

/// A hook of the user that a driver is to run ([`Action::Ask`](super::Action::Ask)), holding no lock: from within the hook,
/// every method of the session must be callable.
///
/// A question that is dropped stays open: the session waits, and ends by [`close`](super::Session::close),
/// [`abort`](super::Session::abort) and the like.
pub struct Question {
    pub(super) id: u64,
    kind: QuestionKind,
}

enum QuestionKind {
    Prepare { hook: Prepare, attempt: Attempt, options: Box<CheckedOptions> },
    Decide { hook: DecideHook, ended: Arc<Ended> },
    Redirect(Box<Redirect>),
    OnOpen { hook: OnOpen, response: Box<Response> },
}

/// The answer of a hook, for [`Session::answer`](super::Session::answer).
pub struct Answer {
    pub(super) id: u64,
    pub(super) said: Result<Said, Box<dyn Any + Send>>,
}

pub(super) enum Said {
    Prepared(Result<Box<CheckedOptions>, PrepareError>),
    Decided(Option<RetryDecision>),
    Redirected(Result<Box<CheckedOptions>, ConnectError>),
    Opened(Vec<Message>),
}

impl Question {
    pub(super) fn prepare(id: u64, hook: Prepare, attempt: Attempt, options: CheckedOptions) -> Self {
        Self { id, kind: QuestionKind::Prepare { hook, attempt, options: Box::new(options) } }
    }

    pub(super) fn decide(id: u64, hook: DecideHook, ended: Arc<Ended>) -> Self {
        Self { id, kind: QuestionKind::Decide { hook, ended } }
    }

    pub(super) fn redirect(id: u64, redirect: Redirect) -> Self {
        Self { id, kind: QuestionKind::Redirect(Box::new(redirect)) }
    }

    pub(super) fn on_open(id: u64, hook: OnOpen, response: Box<Response>) -> Self {
        Self { id, kind: QuestionKind::OnOpen { hook, response } }
    }

    /// Runs the hook. A panic of the hook is caught here; [`Session::answer`](super::Session::answer) hands it back.
    ///
    /// It is for drivers that cannot wait. A future of [`prepare_async`](super::ClientBuilder::prepare_async) is polled once, and its
    /// attempt fails if it is not ready.
    pub fn ask(self) -> Answer {
        match self.start() {
            Asked::Answered(answer) => answer,
            Asked::Pending(pending) => pending.now_or_never(),
        }
    }

    /// As [`ask`](Self::ask), but the hook of [`prepare_async`](super::ClientBuilder::prepare_async) gives its future to the driver.
    pub fn start(self) -> Asked {
        let Self { id, kind } = self;
        // The session is not touched by the hook through anything that a panic could leave half-changed. `kind` is gone
        // afterwards, so that the end belongs to the session alone again.
        let said = catch_unwind(AssertUnwindSafe(move || match kind {
            QuestionKind::Prepare { hook, attempt, options } => hook.call(attempt, (*options).into()),
            QuestionKind::Decide { hook, ended } => Ok(Said::Decided(hook.ask(&ended.end()))),
            QuestionKind::Redirect(redirect) => Ok(Said::Redirected(redirect.decide().map(Box::new))),
            QuestionKind::OnOpen { hook, response } => Ok(Said::Opened(hook(&response))),
        }));
        match said {
            Ok(Ok(said)) => Asked::Answered(Answer { id, said: Ok(said) }),
            Ok(Err(future)) => Asked::Pending(PendingAnswer { id, future }),
            Err(panic) => Asked::Answered(Answer { id, said: Err(panic) }),
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            QuestionKind::Prepare { .. } => "Question(prepare)",
            QuestionKind::Decide { .. } => "Question(decide)",
            QuestionKind::Redirect(_) => "Question(on_redirect)",
            QuestionKind::OnOpen { .. } => "Question(on_open)",
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.said {
            Ok(Said::Prepared(_)) => "Answer(prepare)",
            Ok(Said::Decided(_)) => "Answer(decide)",
            Ok(Said::Redirected(_)) => "Answer(on_redirect)",
            Ok(Said::Opened(_)) => "Answer(on_open)",
            Err(_) => "Answer(panic)",
        })
    }
}

/// The end of an attempt or a connection. Owned, so that it can go to a hook and come back.
pub(super) enum Ended {
    /// It was never open.
    Failed(ConnectError),
    /// It was open.
    Closed { closed: Closed, error: Option<ClientError> },
}

impl Ended {
    /// The same for the policy.
    pub(super) fn end(&self) -> DisconnectReason<'_> {
        match self {
            Self::Failed(error) => DisconnectReason::Failed(error),
            Self::Closed { closed, error } => DisconnectReason::Closed { closed, error: error.as_ref() },
        }
    }

    /// The same for the user's eyes.
    pub(super) fn cause(&self) -> Cause {
        Cause::from(&self.end())
    }
}
