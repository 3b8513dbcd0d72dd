//! The operations of a client, written once for [`Client`](super::Client) and [`Handle`](super::Handle). No hook of the user runs
//! while the client is locked.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use ws_common::session::{ClientEvent, ClientStats, ClientStatus, ConfirmError, Gauge, Mark, Session};
use ws_core::{CloseFrame, Instant, Message, PingError, SendError};

use super::session_driver::SessionDriver;
use super::unlocked::{poll, poll_once, poll_unguarded, run};
use crate::runtime::Runtime;
use crate::shared::{SharedHandle, WaitFuture};
use crate::slots::Wants;

/// A way to a client. A clone is another one.
pub(crate) struct ClientAccess<R: Runtime> {
    handle: SharedHandle<SessionDriver<R>>,
    gauge: Arc<Gauge>,
    owners: Arc<Owners<R>>,
}

/// Dropped with the last of a client and its handles. The task in the background does not count.
struct Owners<R: Runtime> {
    /// The client that a task runs in the background.
    running: OnceLock<SharedHandle<SessionDriver<R>>>,
}

impl<R: Runtime> Drop for Owners<R> {
    fn drop(&mut self) {
        if let Some(handle) = self.running.get() {
            // Ends the connection, and brings the task to look for its owners.
            change(handle, Session::abort);
        }
    }
}

impl<R: Runtime> Clone for ClientAccess<R> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), gauge: self.gauge.clone(), owners: self.owners.clone() }
    }
}

impl<R: Runtime> ClientAccess<R> {
    pub(crate) fn new(session: Session) -> Self {
        let gauge = session.gauge();
        let owners = Arc::new(Owners { running: OnceLock::new() });
        Self { handle: SharedHandle::new(SessionDriver::new(session)), gauge, owners }
    }

    /// Drives the client until it has no owners. `None` if a future does so already.
    pub(crate) fn drive(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        self.owners.running.set(self.handle.clone()).ok()?;
        let own = self.handle.clone();
        let owners = Arc::downgrade(&self.owners);
        Some(async move {
            let is_over =
                |_: &mut SessionDriver<R>, _: &mut Context<'_>| (owners.strong_count() == 0).then_some(());
            let mut step = |driver: &mut SessionDriver<R>, cx: &mut Context<'_>| {
                driver.poll_wait(cx, Wants::NOTHING, is_over)
            };
            WaitFuture::new(&own, |handle, cx| poll(handle, cx, &mut step)).await;
        })
    }

    pub(crate) fn next_event(&mut self) -> impl Future<Output = Option<ClientEvent>> {
        WaitFuture::new(&self.handle, |handle, cx| poll(handle, cx, SessionDriver::poll_next))
    }

    /// The next event, for a `Stream`.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        poll_unguarded(&self.handle, cx, SessionDriver::poll_next)
    }

    /// Waits for room, for a `Sink`. First it queues the message that its `start_send` had to keep.
    pub(crate) fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
        kept: &mut Option<Message>,
        mark: &Mark,
    ) -> Poll<Result<(), SendError>> {
        let ready = |driver: &mut SessionDriver<R>, cx: &mut Context<'_>| match kept.take() {
            Some(message) => match driver.queue(cx, |session| session.send_marked(message, mark)) {
                Err(SendError::Full { message, .. }) => {
                    *kept = Some(message);
                    None
                }
                Err(error) => Some(Err(error)),
                Ok(()) => is_ready(driver.session()),
            },
            None => is_ready(driver.session()),
        };
        self.poll_wait(cx, Wants::ROOM, ready)
    }

    /// Waits until the outbox is empty, for a `Sink`.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, mark: &Mark) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::FLUSHED, |driver, _| driver.session().flushed(Some(mark)))
    }

    fn poll_wait<O>(
        &mut self,
        cx: &mut Context<'_>,
        wants: Wants,
        mut done: impl FnMut(&mut SessionDriver<R>, &mut Context<'_>) -> Option<O>,
    ) -> Poll<O> {
        poll_unguarded(&self.handle, cx, |driver, cx| driver.poll_wait(cx, wants, &mut done))
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
                Err(SendError::Full { message, .. }) => {
                    waiting = Some(message);
                    None
                }
                result => {
                    driver.drive_at_once(cx);
                    Some(result)
                }
            }
        })
        .await
    }

    /// `Busy` if a transport, or a waker, sends with a handle of the very client that calls it.
    pub(crate) fn try_send(
        &self,
        message: Message,
        ttl: Option<Duration>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        self.send_at_once(message, |driver, cx, message| {
            let now = driver.now();
            let expires = ttl.map(|ttl| now + ttl);
            match driver.queue(cx, |session| send(session, message, expires, mark, now)) {
                Err(SendError::Full { message, .. }) => {
                    // What the transport takes now may make room.
                    driver.write(cx);
                    driver.queue(cx, |session| send(session, message, expires, mark, now))
                }
                result => result,
            }
        })
    }

    /// `Busy` if a transport, or a waker, sends with a handle of the very client that calls it.
    pub(crate) fn send_now(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        self.send_at_once(message, |driver, cx, message| {
            driver.queue(cx, |session| match mark {
                Some(mark) => session.send_now_marked(message, mark),
                None => session.send_now(message),
            })
        })
    }

    fn send_at_once(
        &self,
        message: Message,
        send: impl FnOnce(&mut SessionDriver<R>, &mut Context<'_>, Message) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let mut message = Some(message);
        let sent = run(&self.handle, |driver, cx| message.take().map(|message| send(driver, cx, message)));
        match (sent.flatten(), message) {
            (Some(result), _) => result,
            (None, Some(message)) => Err(SendError::Busy(message)),
            (None, None) => Ok(()),
        }
    }

    pub(crate) fn release(&self) -> bool {
        run(&self.handle, |driver, cx| driver.change(cx, Session::release)).unwrap_or_default()
    }

    pub(crate) async fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.wait(Wants::PING, |driver, cx| {
            let result = driver.queue(cx, |session| session.ping(payload.as_ref()));
            Some(result).filter(|result| !matches!(result, Err(PingError::ConnectionFull(_))))
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
        change(&self.handle, f);
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

fn change<R: Runtime>(
    handle: &SharedHandle<SessionDriver<R>>,
    f: impl FnOnce(&mut Session, Instant) + Send + 'static,
) {
    let mut f = Some(f);
    let done = run(handle, |driver, cx| {
        if let Some(f) = f.take() {
            driver.change(cx, f);
        }
    });
    if done.is_none()
        && let Some(f) = f
    {
        handle.defer(move |driver, cx| driver.change(cx, f));
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

/// Whether a message would be accepted; an error if none ever.
fn is_ready(session: &Session) -> Option<Result<(), SendError>> {
    match session.is_accepting() {
        true => session.has_room().then_some(Ok(())),
        false => Some(Err(SendError::Closed(None))),
    }
}
