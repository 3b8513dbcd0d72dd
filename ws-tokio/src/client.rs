//! The client that stays connected.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant as Clock;
use ws_client::{Action, ClientBuilder, ClientEvent, ConnectError, Route, Session, Stats, Status};
use ws_core::{CloseFrame, Instant, Machine, Message, SendError};

use crate::connect::reach;
use crate::driver::Driver;
use crate::seat::{Progress, Seat};

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and comes back
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_tokio::{Client, ClientEvent, Reconnect};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::builder("ws://127.0.0.1:8080/feed")
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
pub struct Client {
    seat: Seat<Line>,
}

/// Another way to a [`Client`], to send from other tasks. It may be cloned.
#[derive(Clone)]
pub struct Handle {
    seat: Seat<Line>,
}

impl Client {
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
        self.seat.lock().driver.machine.status()
    }

    /// What it has done so far, over all connections.
    pub fn stats(&self) -> Stats {
        self.seat.lock().driver.machine.stats()
    }

    /// Another way to this client, for other tasks.
    pub fn handle(&self) -> Handle {
        Handle { seat: self.seat.clone() }
    }
}

impl Handle {
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
        self.seat.lock().driver.machine.status()
    }
}

async fn send(seat: &Seat<Line>, message: Message) -> Result<(), SendError> {
    let mut waiting = Some(message);
    let queued = poll_fn(|cx| {
        seat.poll(cx, |line, cx| {
            loop {
                let Some(message) = waiting.take() else { return Poll::Ready(Ok(())) };
                // First: what came may make room, or be the end.
                let reading = line.driver.machine.read_ahead();
                match line.driver.machine.send(message) {
                    Err(SendError::Full(message)) => waiting = Some(message),
                    result => {
                        // Out with it if that needs no waiting; whoever waits next does the rest.
                        line.write_through(cx);
                        return Poll::Ready(result);
                    }
                }
                ready!(line.poll_io(cx, reading));
            }
        })
    });
    let result = queued.await;
    seat.wake_others();
    result
}

async fn flush(seat: &Seat<Line>) -> Result<(), SendError> {
    wait(seat, |session| session.flushed()).await
}

async fn confirm(seat: &Seat<Line>) -> Result<(), SendError> {
    let ticket = change(seat, |session, _| session.confirm());
    wait(seat, |session| session.confirmed(ticket)).await
}

async fn close(seat: &Seat<Line>, frame: CloseFrame) {
    change(seat, |session, now| session.close(frame, now));
    wait(seat, |session| (session.status() == Status::Closed).then_some(())).await;
}

/// Does something that others may wait for.
fn change<R>(seat: &Seat<Line>, f: impl FnOnce(&mut Session, Instant) -> R) -> R {
    let result = {
        let mut line = seat.lock();
        let now = line.driver.now();
        let result = f(&mut line.driver.machine, now);
        // Nobody may be waiting who would see to it.
        line.act();
        result
    };
    seat.wake_others();
    result
}

/// Waits for something else than events.
async fn wait<R>(seat: &Seat<Line>, mut done: impl FnMut(&mut Session) -> Option<R>) -> R {
    poll_fn(|cx| {
        seat.poll(cx, |line, cx| {
            loop {
                // First: what came may be what is waited for.
                let reading = line.driver.machine.read_ahead();
                if let Some(result) = done(&mut line.driver.machine) {
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

/// A session and what it goes over at present.
struct Line {
    driver: Driver<Transport, Session>,
    opening: Option<Opening>,
}

type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;
type Opened = Result<(TcpStream, SocketAddr, Route), ConnectError>;

/// Built by [`Client::builder`].
impl From<Session> for Client {
    fn from(session: Session) -> Self {
        let driver = Driver::new(Transport::None, session, Clock::now());
        Self { seat: Seat::new(Line { driver, opening: None }) }
    }
}

impl Progress for Line {
    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.driver.progress)
    }
}

impl Line {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        loop {
            let Ok(event) = self.driver.machine.poll_event();
            if event.is_some() {
                // What goes with it may be an action, such as dropping the transport.
                self.act();
                return Poll::Ready(event);
            }
            if self.driver.machine.is_over() {
                self.act();
                return Poll::Ready(None);
            }
            ready!(self.poll_io(cx, true));
        }
    }

    fn write_through(&mut self, cx: &mut Context<'_>) {
        self.driver.write_through(cx);
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<()> {
        self.act();
        if let Some(opening) = &mut self.opening
            && let Poll::Ready(opened) = opening.as_mut().poll(cx)
        {
            self.opening = None;
            self.opened(opened);
            return Poll::Ready(());
        }
        let reading = reading && self.driver.machine.is_reading();
        self.driver.poll_io(cx, reading)
    }

    /// Does what the session asks for.
    fn act(&mut self) {
        match self.driver.machine.poll_action() {
            None => return,
            Some(Action::Drop) => self.opening = None,
            Some(Action::Open(options)) => {
                let deadline = Clock::now() + options.time_to_open();
                self.opening = Some(Box::pin(async move {
                    let (transport, peer) = reach(&options, deadline).await?;
                    Ok((transport, peer, Route::direct(&options)))
                }));
            }
        }
        self.driver.replace(Transport::None);
    }

    fn opened(&mut self, opened: Opened) {
        let now = self.driver.now();
        self.driver.progress = true;
        let with_local = |(transport, peer, route): (TcpStream, SocketAddr, Route)| {
            let local = transport.local_addr().map_err(ConnectError::Local)?;
            Ok((transport, peer, route, local))
        };
        match opened.and_then(with_local) {
            Ok((transport, peer, route, local)) => {
                if self.driver.machine.opened(&route, peer, local, now) {
                    self.driver.replace(Transport::Tcp(transport));
                }
            }
            Err(error) => self.driver.machine.not_opened(error, now),
        }
    }
}

/// What a client speaks over; nothing at all for most of its waiting.
enum Transport {
    None,
    Tcp(TcpStream),
}

impl Transport {
    fn poll<R>(&mut self, poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<R>) -> Poll<R> {
        match self {
            Self::None => Poll::Pending,
            Self::Tcp(tcp) => poll(Pin::new(tcp)),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll(|tcp| tcp.poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll(|tcp| tcp.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll(|tcp| tcp.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll(|tcp| tcp.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll(|tcp| tcp.poll_shutdown(cx))
    }
}
