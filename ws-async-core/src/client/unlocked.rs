//! The steps of a client between which code of the user runs, without the lock: hooks, futures of hooks, and the drop of transports.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ws_common::session::{Asked, PendingAnswer};
use ws_common::sync::{Unwinding, mutant};

use super::session_driver::{Left, SessionDriver};
use crate::runtime::Runtime;
use crate::shared::SharedHandle;

/// Polls, and runs the user's code that this brings about, between two polls.
pub(super) fn poll<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    let mut f = arriving(f);
    loop {
        let mut left = None;
        let result = handle.poll_then(cx, &mut f, |driver| left = driver.leave());
        let has_left = follow(handle, left);
        if result.is_ready() || !has_left || mutant("an answer is not acted on") {
            return result;
        }
    }
}

/// The same for a `Stream` or a `Sink`.
pub(super) fn poll_unguarded<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    let mut f = arriving(f);
    loop {
        let mut left = None;
        let result = handle.poll_unguarded_then(cx, &mut f, |driver| left = driver.leave());
        if !follow(handle, left) || result.is_ready() {
            return result;
        }
    }
}

/// The same once, for a task that does not wait yet.
pub(super) fn poll_once<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    loop {
        let mut left = None;
        let result = handle.poll_once(&mut f, |driver| left = driver.leave());
        if !follow(handle, left) || result.is_ready() {
            return result;
        }
    }
}

/// The poll of a task that may have been woken by the future that prepares an attempt.
fn arriving<R: Runtime, O>(
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O> {
    let mut has_arrived = false;
    move |driver, cx| {
        if !std::mem::replace(&mut has_arrived, true) {
            driver.arrive();
        }
        f(driver, cx)
    }
}

/// Does something that does not wait, and runs the user's code that this brings about. `None` if this thread holds the
/// client already.
pub(super) fn run<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    f: impl FnOnce(&mut SessionDriver<R>, &mut Context<'_>) -> O,
) -> Option<O> {
    let mut left = None;
    let output = handle.run_then(f, |driver| left = driver.leave());
    follow(handle, left);
    output
}

/// Drops transports and runs hooks, without the lock. Says whether there was something. A panic goes on when the rest is done.
fn follow<R: Runtime>(handle: &SharedHandle<SessionDriver<R>>, mut left: Option<Left<R>>) -> bool {
    let has_left = left.is_some();
    let mut unwinding = Unwinding::default();
    while let Some(Left { dropped, question, pending }) = left.take() {
        dropped.into_iter().for_each(|dropped| unwinding.run(|| dropped.drop()));
        let asked = match (question, pending) {
            (Some(question), _) => question.start(),
            (None, Some(pending)) => Asked::Pending(pending),
            (None, None) => break,
        };
        let asked = match asked {
            Asked::Pending(pending) => poll_pending(pending, handle.waker()),
            answered => answered,
        };
        let answer = match asked {
            Asked::Answered(answer) => answer,
            Asked::Pending(pending) => {
                handle.run_then(|driver, _| driver.keep(pending), |driver| left = driver.leave());
                continue;
            }
        };
        let panic = handle.run_then(|driver, _| driver.answer(answer), |driver| left = driver.leave());
        if let Some(Some(payload)) = panic {
            unwinding.run(|| resume_unwind(payload));
        }
    }
    unwinding.resume();
    has_left
}

/// Polls the future that prepares an attempt. It wakes whichever task drives the client by then.
fn poll_pending(mut pending: PendingAnswer, waker: &Waker) -> Asked {
    match Pin::new(&mut pending).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(answer) => Asked::Answered(answer),
        Poll::Pending => Asked::Pending(pending),
    }
}
