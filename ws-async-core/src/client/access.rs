//! The operations of a client, written once for [`Client`](super::Client) and [`Handle`](super::Handle). No hook of the user runs
//! while the client is locked.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use ws_common::session::{ClientEvent, ClientStats, ConfirmError, Gauge, Mark, Session, Status};
use ws_common::sync::{Unwinding, mutant};
use ws_core::bytes::Bytes;
use ws_core::{CloseFrame, Instant, Message, PingError, SendError};

use super::session_driver::{Left, SessionDriver};
use crate::runtime::Runtime;
use crate::shared::{SharedHandle, Waiting};
use crate::slots::Wants;

/// A way to a client. A clone is another one.
pub(crate) struct Access<R: Runtime> {
    handle: SharedHandle<SessionDriver<R>>,
    gauge: Arc<Gauge>,
}

impl<R: Runtime> Clone for Access<R> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), gauge: self.gauge.clone() }
    }
}

impl<R: Runtime> Access<R> {
    pub(crate) fn new(session: Session) -> Self {
        let gauge = session.gauge();
        Self { handle: SharedHandle::new(SessionDriver::new(session)), gauge }
    }

    pub(crate) fn next(&mut self) -> impl Future<Output = Option<ClientEvent>> {
        Waiting::new(&self.handle, |handle, cx| poll(handle, cx, SessionDriver::poll_next))
    }

    pub(crate) async fn send(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        let mut waiting = Some(message);
        self.wait(Wants::ROOM, |line, cx| {
            let message = waiting.take()?;
            match line.queue(cx, |session| send(session, message, mark)) {
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
    pub(crate) fn try_send(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        let mut message = Some(message);
        let sent = run(&self.handle, |line, cx| {
            let Some(message) = message.take() else { return Ok(()) };
            match line.queue(cx, |session| send(session, message, mark)) {
                Err(SendError::Full(message)) => {
                    // What the transport takes now may make room.
                    line.write(cx);
                    line.queue(cx, |session| send(session, message, mark))
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

    pub(crate) async fn ping(&self, payload: Bytes) -> Result<(), PingError> {
        self.wait(Wants::PING, |line, cx| {
            let result = line.queue(cx, |session| session.ping(payload.clone()));
            Some(result).filter(|result| *result != Err(PingError::Full))
        })
        .await
    }

    pub(crate) async fn flush(&self, mark: Option<&Mark>) -> Result<(), SendError> {
        self.wait(Wants::FLUSHED, |line, _| line.session().flushed(mark)).await
    }

    pub(crate) async fn confirm(&self, mark: Option<&Mark>) -> Result<(), ConfirmError> {
        let mut ticket = None;
        self.wait(Wants::PROOF, |line, cx| {
            if ticket.is_none() {
                match line.queue(cx, |session| session.confirm(mark)) {
                    Ok(taken) => ticket = Some(taken),
                    Err(error) => return Some(Err(error)),
                }
            }
            line.session().confirmed(ticket.as_ref()?, mark)
        })
        .await
    }

    pub(crate) async fn close(&self, frame: CloseFrame) {
        let mut frame = Some(frame);
        self.wait(Wants::END, |line, cx| {
            if let Some(frame) = frame.take() {
                line.change(cx, |session, now| session.close(frame, now));
            }
            (line.session().status() == Status::Closed).then_some(())
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
        let done = run(&self.handle, |line, cx| {
            if let Some(f) = f.take() {
                line.change(cx, f);
            }
        });
        if done.is_none()
            && let Some(f) = f
        {
            self.handle.defer(move |line, cx| line.change(cx, f));
        }
    }

    pub(crate) fn take_unsent(&self) -> Vec<Message> {
        run(&self.handle, |line, cx| line.change(cx, |session, _| session.take_unsent())).unwrap_or_default()
    }

    pub(crate) fn skip_stuck(&self) -> bool {
        run(&self.handle, |line, cx| line.change(cx, |session, _| session.skip_stuck())).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Status {
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
            |line: &mut SessionDriver<R>, cx: &mut Context<'_>| line.poll_wait(cx, wants, &mut done);
        // Most need not wait.
        if let Poll::Ready(output) = poll_once(&self.handle, &mut step) {
            return output;
        }
        let own = self.handle.clone();
        Waiting::new(&own, |handle, cx| poll(handle, cx, &mut step)).await
    }
}

fn send(session: &mut Session, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
    match mark {
        Some(mark) => session.send_marked(message, mark),
        None => session.send(message),
    }
}

/// Polls, and runs the user's code that this brings about, between two polls.
fn poll<R: Runtime, O>(
    handle: &SharedHandle<SessionDriver<R>>,
    cx: &mut Context<'_>,
    mut f: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Poll<O>,
) -> Poll<O> {
    loop {
        let mut left = None;
        let result = handle.poll_then(cx, &mut f, |line| left = line.leave());
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
        let result = handle.poll_once(&mut f, |line| left = line.leave());
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
    let output = handle.run_then(f, |line| left = line.leave());
    follow(handle, left);
    output
}

/// Drops transports and runs hooks, without the lock. Says whether there was something. A panic goes on when the rest is done.
fn follow<R: Runtime>(handle: &SharedHandle<SessionDriver<R>>, mut left: Option<Left<R>>) -> bool {
    let has_left = left.is_some();
    let mut unwinding = Unwinding::default();
    while let Some(Left { dropped, question }) = left.take() {
        dropped.into_iter().for_each(|dropped| unwinding.run(|| dropped.drop()));
        let Some(question) = question else { break };
        let answer = question.ask();
        let panic = handle.run_then(|line, _| line.answer(answer), |line| left = line.leave());
        if let Some(Some(payload)) = panic {
            unwinding.run(|| resume_unwind(payload));
        }
    }
    unwinding.resume();
    has_left
}
