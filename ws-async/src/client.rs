//! The client that stays connected.

mod line;

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ws_client::{ClientBuilder, ClientEvent, Session, Stats, Status};
use ws_core::{CloseFrame, Instant, Message, SendError};

use crate::runtime::Runtime;
use crate::seat::Seat;
use line::Line;

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and comes back
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_async::{Client, ClientEvent, Reconnect, Runtime};
///
/// # async fn run<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::<R>::builder("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .ping_interval(Duration::from_secs(55))
///     .reconnect(Reconnect::after(Duration::from_secs(1)))
///     .build()?;
/// client.try_send("hello")?;
/// while let Some(event) = client.next().await {
///     match event {
///         ClientEvent::Message(message) => println!("received {:?}", message.as_text()),
///         ClientEvent::Error(error) => println!("error: {error}"),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// **Somebody must wait.** Connecting, heartbeat and reconnecting go on while any waiting method of the client or of one of its
/// [`handle`](Self::handle)s is under way: usually [`next`](Self::next), in a loop. While none is, nothing happens.
///
/// **Dropping** it, with all its handles, ends everything at once, without a Close frame.
pub struct Client<R: Runtime> {
    pub(crate) seat: Seat<Line<R>>,
}

/// Built by [`Client::builder`].
impl<R: Runtime> From<Session> for Client<R> {
    fn from(session: Session) -> Self {
        Self { seat: Seat::new(Line::new(session)) }
    }
}

/// Another way to a [`Client`], to send from other tasks. It may be cloned.
pub struct Handle<R: Runtime> {
    pub(crate) seat: Seat<Line<R>>,
}

impl<R: Runtime> Client<R> {
    /// Sets up a client of the server at `url`.
    pub fn builder(url: &str) -> ClientBuilder<Self> {
        ClientBuilder::new(url)
    }

    /// The next event; `None` when the client is over: closed by the user, or by an end after which the policy does not come
    /// back. [`reconnect_after`](Self::reconnect_after) then begins anew. Cancel safe.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        poll_fn(|cx| self.seat.poll(cx, Line::poll_next)).await
    }

    /// As [`Handle::send`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        send(&self.seat, message.into()).await
    }

    /// As [`Handle::try_send`].
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        change(&self.seat, |session, _| session.send(message))
    }

    /// As [`Handle::flush`].
    pub async fn flush(&self) -> Result<(), SendError> {
        flush(&self.seat).await
    }

    /// As [`Handle::confirm`].
    pub async fn confirm(&self) -> Result<(), SendError> {
        confirm(&self.seat).await
    }

    /// As [`Handle::close`].
    pub async fn close(&self, frame: impl Into<CloseFrame>) {
        close(&self.seat, frame.into()).await;
    }

    /// As [`Handle::start_close`].
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        change(&self.seat, |session, now| session.close(frame.into(), now));
    }

    /// As [`Handle::abort`].
    pub fn abort(&self) {
        change(&self.seat, Session::abort);
    }

    /// Comes back after `delay`, whatever the policy says: now, if no connection is open or under way; else when that has
    /// ended.
    pub fn reconnect_after(&self, delay: Duration) {
        change(&self.seat, |session, now| session.reconnect_after(delay, now));
    }

    /// Does not come back: neither now, if it waits for that, nor when the connection under way has ended.
    pub fn cancel_reconnect(&self) {
        change(&self.seat, |session, _| session.cancel_reconnect());
    }

    /// Stops reading, so that TCP tells the peer to wait; nothing is lost.
    pub fn pause(&self) {
        change(&self.seat, |session, _| session.pause());
    }

    /// Reads again.
    pub fn resume(&self) {
        change(&self.seat, Session::resume);
    }

    /// Takes back what was not sent, oldest first: for when the client is over.
    pub fn take_unsent(&self) -> Vec<Message> {
        change(&self.seat, |session, _| session.take_unsent())
    }

    /// As [`Handle::status`].
    pub fn status(&self) -> Status {
        self.seat.lock().session().status()
    }

    /// What it has done so far, over all connections.
    pub fn stats(&self) -> Stats {
        self.seat.lock().session().stats()
    }

    /// Another way to this client, for other tasks.
    pub fn handle(&self) -> Handle<R> {
        Handle { seat: self.seat.clone() }
    }
}

impl<R: Runtime> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { seat: self.seat.clone() }
    }
}

impl<R: Runtime> Handle<R> {
    /// Waits until there is room in the outbox, queues the message, and writes what can be written without waiting. A message is
    /// accepted whether or not there is a connection; messages go out in order.
    ///
    /// Cancel safety: dropped before there is room, the message was not queued; after, it is.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        send(&self.seat, message.into()).await
    }

    /// Queues the message if there is room, without waiting. Else the error hands it back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        change(&self.seat, |session, _| session.send(message))
    }

    /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven. An error
    /// if the client is over before. Cancel safe.
    pub async fn flush(&self) -> Result<(), SendError> {
        flush(&self.seat).await
    }

    /// Waits for the proof that the next WebSocket hop has parsed everything that was queued before this call. An error if
    /// something of it was lost with a connection, or the client is over before. Cancel safe.
    pub async fn confirm(&self) -> Result<(), SendError> {
        confirm(&self.seat).await
    }

    /// Ends the client for good: with the closing handshake if a connection is open, within `close_timeout`; else at once.
    /// What waits in the outbox goes out first. The events to the end are still reported. Cancel safe.
    pub async fn close(&self, frame: impl Into<CloseFrame>) {
        close(&self.seat, frame.into()).await;
    }

    /// Begins what [`close`](Self::close) does, without waiting: [`Client::next`] goes on to the end.
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        change(&self.seat, |session, now| session.close(frame.into(), now));
    }

    /// Ends the client for good, at once, without a Close frame.
    pub fn abort(&self) {
        change(&self.seat, Session::abort);
    }

    /// Where the client is.
    pub fn status(&self) -> Status {
        self.seat.lock().session().status()
    }
}

async fn send<R: Runtime>(seat: &Seat<Line<R>>, message: Message) -> Result<(), SendError> {
    let mut waiting = Some(message);
    let mut queue = |line: &mut Line<R>, cx: &mut Context<'_>| {
        loop {
            let Some(message) = waiting.take() else { return Poll::Ready(Ok(())) };
            // First: what came may make room, or be the end.
            let reading = line.session().read_ahead();
            match line.session().send(message) {
                Err(SendError::Full(message)) => waiting = Some(message),
                result => {
                    // Out with it if that needs no waiting; whoever waits next does the rest.
                    line.write_through(cx);
                    return Poll::Ready(result);
                }
            }
            ready!(line.poll_io(cx, reading));
        }
    };
    let result = match poll_fn(|cx| Poll::Ready(seat.poll(cx, &mut queue))).await {
        Poll::Ready(result) => result,
        // Only who has to wait needs a seat for that.
        Poll::Pending => {
            let own = seat.clone();
            poll_fn(|cx| own.poll(cx, &mut queue)).await
        }
    };
    seat.wake_others();
    result
}

async fn flush<R: Runtime>(seat: &Seat<Line<R>>) -> Result<(), SendError> {
    wait(seat, |session| session.flushed()).await
}

async fn confirm<R: Runtime>(seat: &Seat<Line<R>>) -> Result<(), SendError> {
    let closed = |_| SendError::Closed(None);
    let ticket = change(seat, |session, _| session.confirm(None)).map_err(closed)?;
    wait(seat, |session| session.confirmed(&ticket, None)).await.map_err(closed)
}

async fn close<R: Runtime>(seat: &Seat<Line<R>>, frame: CloseFrame) {
    change(seat, |session, now| session.close(frame, now));
    wait(seat, |session| (session.status() == Status::Closed).then_some(())).await;
}

/// Does something that others may wait for.
pub(crate) fn change<R: Runtime, O>(seat: &Seat<Line<R>>, f: impl FnOnce(&mut Session, Instant) -> O) -> O {
    let result = {
        let mut line = seat.lock();
        let now = line.now();
        let result = f(line.session(), now);
        // Nobody may be waiting who would see to it.
        line.act();
        result
    };
    seat.wake_others();
    result
}

/// Waits for something else than events, in a seat of its own: several tasks may do so with one handle.
async fn wait<R: Runtime, O>(seat: &Seat<Line<R>>, mut done: impl FnMut(&mut Session) -> Option<O>) -> O {
    let seat = seat.clone();
    poll_fn(|cx| {
        seat.poll(cx, |line, cx| {
            loop {
                // First: what came may be what is waited for.
                let reading = line.session().read_ahead();
                if let Some(result) = done(line.session()) {
                    // What goes with it may be an action, such as dropping the transport.
                    line.act();
                    return Poll::Ready(result);
                }
                ready!(line.poll_io(cx, reading));
            }
        })
    })
    .await
}
