//! The operations of a client, written once for [`Client`](super::Client) and [`Handle`](super::Handle). No hook of the user runs
//! while the client is locked.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_common::session::{
    Asked, ClientEvent, ClientStats, ClientStatus, ConfirmError, Gauge, Mark, PendingAnswer, Session,
};
use ws_common::sync::{Unwinding, mutant};
use ws_core::bytes::Bytes;
use ws_core::{CloseFrame, Instant, Message, PingError, SendError};

use super::session_driver::{Left, SessionDriver};
use crate::runtime::Runtime;
use crate::shared::{SharedHandle, WaitFuture};
use crate::slots::Wants;

/// A way to a client. A clone is another one.
pub(crate) struct ClientAccess<R: Runtime> {
    handle: SharedHandle<SessionDriver<R>>,
    gauge: Arc<Gauge>,
}

impl<R: Runtime> Clone for ClientAccess<R> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), gauge: self.gauge.clone() }
    }
}

impl<R: Runtime> ClientAccess<R> {
    pub(crate) fn new(session: Session) -> Self {
        let gauge = session.gauge();
        Self { handle: SharedHandle::new(SessionDriver::new(session)), gauge }
    }

    pub(crate) fn next(&mut self) -> impl Future<Output = Option<ClientEvent>> {
        WaitFuture::new(&self.handle, |handle, cx| poll(handle, cx, SessionDriver::poll_next))
    }

    pub(crate) async fn send(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        self.send_expiring(message, None, mark).await
    }

    /// The time to live begins with the first poll.
    pub(crate) async fn send_expiring(
        &self,
        message: Message,
        ttl: Option<Duration>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        let (mut waiting, mut expires) = (Some(message), None);
        self.wait(Wants::ROOM, |driver, cx| {
            let message = waiting.take()?;
            let now = driver.now();
            expires = expires.or(ttl.map(|ttl| now + ttl));
            match driver.queue(cx, |session| send(session, message, expires, mark, now)) {
                Err(SendError::Full(message)) => {
                    waiting = Some(message);
                    None
                }
                result => Some(result),
            }
        })
        .await
    }

    /// `Full` also if a transport, or a waker, sends with a handle of the very client that calls it.
    pub(crate) fn try_send(
        &self,
        message: Message,
        ttl: Option<Duration>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        let mut message = Some(message);
        let sent = run(&self.handle, |driver, cx| {
            let Some(message) = message.take() else { return Ok(()) };
            let now = driver.now();
            let expires = ttl.map(|ttl| now + ttl);
            match driver.queue(cx, |session| send(session, message, expires, mark, now)) {
                Err(SendError::Full(message)) => {
                    // What the transport takes now may make room.
                    driver.write(cx);
                    driver.queue(cx, |session| send(session, message, expires, mark, now))
                }
                result => result,
            }
        });
        match (sent, message) {
            (Some(result), _) => result,
            (None, Some(message)) => Err(SendError::Full(message)),
            (None, None) => Ok(()),
        }
    }

    /// `Full` also if a transport, or a waker, sends with a handle of the very client that calls it.
    pub(crate) fn send_now(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        let mut message = Some(message);
        let sent = run(&self.handle, |driver, cx| {
            let Some(message) = message.take() else { return Ok(()) };
            driver.queue(cx, |session| match mark {
                Some(mark) => session.send_now_marked(message, mark),
                None => session.send_now(message),
            })
        });
        match (sent, message) {
            (Some(result), _) => result,
            (None, Some(message)) => Err(SendError::Full(message)),
            (None, None) => Ok(()),
        }
    }

    pub(crate) fn release(&self) -> bool {
        run(&self.handle, |driver, cx| driver.change(cx, Session::release)).unwrap_or_default()
    }

    pub(crate) async fn ping(&self, payload: Bytes) -> Result<(), PingError> {
        self.wait(Wants::PING, |driver, cx| {
            let result = driver.queue(cx, |session| session.ping(payload.clone()));
            Some(result).filter(|result| *result != Err(PingError::Full))
        })
        .await
    }

    pub(crate) async fn flush(&self, mark: Option<&Mark>) -> Result<(), SendError> {
        self.wait(Wants::FLUSHED, |driver, _| driver.session().flushed(mark)).await
    }

    pub(crate) async fn confirm(&self, mark: Option<&Mark>) -> Result<(), ConfirmError> {
        let mut ticket = None;
        self.wait(Wants::PROOF, |driver, cx| {
            if ticket.is_none() {
                match driver.queue(cx, |session| session.confirm(mark)) {
                    Ok(taken) => ticket = Some(taken),
                    Err(error) => return Some(Err(error)),
                }
            }
            driver.session().confirmed(ticket.as_ref()?, mark)
        })
        .await
    }

    pub(crate) async fn close(&self, frame: CloseFrame) {
        let mut frame = Some(frame);
        self.wait(Wants::END, |driver, cx| {
            if let Some(frame) = frame.take() {
                driver.change(cx, |session, now| session.close(frame, now));
            }
            (driver.session().status() == ClientStatus::Closed).then_some(())
        })
        .await;
    }

    pub(crate) fn start_close(&self, frame: CloseFrame) {
        self.change(move |session, now| session.close(frame, now));
    }

    /// Does what a user wants. If this thread holds the client already, because its transport or a waker calls, it is done a
    /// little later.
    pub(crate) fn change(&self, f: impl FnOnce(&mut Session, Instant) + Send + 'static) {
        let mut f = Some(f);
        let done = run(&self.handle, |driver, cx| {
            if let Some(f) = f.take() {
                driver.change(cx, f);
            }
        });
        if done.is_none()
            && let Some(f) = f
        {
            self.handle.defer(move |driver, cx| driver.change(cx, f));
        }
    }

    pub(crate) fn take_unsent(&self) -> Vec<Message> {
        run(&self.handle, |driver, cx| driver.change(cx, |session, _| session.take_unsent()))
            .unwrap_or_default()
    }

    pub(crate) fn clear(&self) -> usize {
        run(&self.handle, |driver, cx| driver.change(cx, |session, _| session.clear())).unwrap_or_default()
    }

    pub(crate) fn skip_stuck(&self) -> bool {
        run(&self.handle, |driver, cx| driver.change(cx, |session, _| session.skip_stuck()))
            .unwrap_or_default()
    }

    pub(crate) fn status(&self) -> ClientStatus {
        self.gauge.status()
    }

    pub(crate) fn stats(&self) -> ClientStats {
        self.gauge.stats()
    }

    /// Waits for something else than events. A task that has to wait does so in a slot of its own: several tasks may do so with
    /// one handle.
    async fn wait<O>(
        &self,
        wants: Wants,
        mut done: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Option<O>,
    ) -> O {
        let mut step =
            |driver: &mut SessionDriver<R>, cx: &mut Context<'_>| driver.poll_wait(cx, wants, &mut done);
        // Most need not wait.
        if let Poll::Ready(output) = poll_once(&self.handle, &mut step) {
            return output;
        }
        let own = self.handle.clone();
        WaitFuture::new(&own, |handle, cx| poll(handle, cx, &mut step)).await
    }
}

fn send(
    session: &mut Session,
    message: Message,
    expires: Option<Instant>,
    mark: Option<&Mark>,
    now: Instant,
) -> Result<(), SendError> {
    match (expires, mark) {
        (Some(expires), mark) => session.send_until(message, expires, mark, now),
        (None, Some(mark)) => session.send_marked(message, mark),
        (None, None) => session.send(message),
    }
}

/// Polls, and runs the user's code that this brings about, between two polls.
fn poll<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    let mut has_arrived = false;
    loop {
        let mut left = None;
        let step = |driver: &mut SessionDriver<R>, cx: &mut Context<'_>| {
            if !std::mem::replace(&mut has_arrived, true) {
                driver.arrive();
            }
            f(driver, cx)
        };
        let result = handle.poll_then(cx, step, |driver| left = driver.leave());
        let has_left = follow(handle, left);
        if result.is_ready() || !has_left || mutant("an answer is not acted on") {
            return result;
        }
    }
}

/// The same once, for a task that does not wait yet.
fn poll_once<R: Runtime, O>(
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

/// Does something that does not wait, and runs the user's code that this brings about. `None` if this thread holds the
/// client already.
fn run<R: Runtime, O>(
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
