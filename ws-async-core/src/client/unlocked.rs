//! The steps of a client between which code of the user runs, without the lock: hooks, futures of hooks, and the drop of transports.

use std::panic::resume_unwind;
use std::task::{Context, Poll};

use ws_common::session::{Asked, Question};
use ws_common::sync::{Unwinding, mutant};

use super::session_driver::{Left, SessionDriver};
use super::user_future::{UserFuture, UserOutput};
use crate::runtime::Runtime;
use crate::shared::SharedHandle;

/// Polls, and runs the user's code that this brings about, between two polls.
pub(super) fn poll<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    repeat(handle, |leave| handle.poll_then(cx, &mut f, leave))
}

/// The same for a `Stream` or a `Sink`.
pub(super) fn poll_unguarded<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    repeat(handle, |leave| handle.poll_unguarded_then(cx, &mut f, leave))
}

/// The same once, for a task that does not wait yet.
pub(super) fn poll_once<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    repeat(handle, |leave| handle.poll_once(&mut f, leave))
}

/// Calls `poll`, which leaves the client by the function that it is given, until it is ready or no code of the user was run.
fn repeat<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    mut poll: impl FnMut(&mut dyn FnMut(&mut SessionDriver<R>)) -> Poll<O>,
) -> Poll<O> {
    let mut is_first = true;
    loop {
        let mut left = None;
        let polls = std::mem::take(&mut is_first);
        let result = poll(&mut |driver| left = driver.leave(polls));
        let has_left = follow(handle, left);
        if result.is_ready() || !has_left || mutant("an answer is not acted on") {
            return result;
        }
    }
}

/// Does something that does not wait, and runs the user's code that this brings about. `None` if this thread holds the
/// client already.
pub(super) fn run<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    f: impl FnOnce(&mut SessionDriver<R>, &mut Context<'_>) -> O,
) -> Option<O> {
    let mut left = None;
    let output = handle.run_then(f, |driver| left = driver.leave(true));
    follow(handle, left);
    output
}

/// Drops transports and runs hooks, without the lock. Says whether there was something. A panic goes on when the rest is done.
fn follow<R: Runtime>(handle: &SharedHandle<SessionDriver<R>>, mut left: Option<Left<R>>) -> bool {
    let has_left = left.is_some();
    let mut unwinding = Unwinding::default();
    while let Some(Left { dropped, question, future }) = left.take() {
        dropped.into_iter().for_each(|dropped| unwinding.run(|| dropped.drop()));
        let output = match (question.map(Question::start), future) {
            (Some(Asked::Answered(answer)), _) => Ok(UserOutput::Prepared(answer)),
            (Some(Asked::Pending(pending)), _) => UserFuture::prepare(pending).poll(handle.waker()),
            (None, Some(future)) => future.poll(handle.waker()),
            (None, None) => break,
        };
        let output = match output {
            Ok(output) => output,
            Err(future) => {
                handle.run_then(|driver, _| driver.keep(future), |driver| left = driver.leave(false));
                continue;
            }
        };
        let panic = handle.run_then(|driver, _| driver.accept(output), |driver| left = driver.leave(false));
        if let Some(Some(payload)) = panic {
            unwinding.run(|| resume_unwind(payload));
        }
    }
    unwinding.resume();
    has_left
}
