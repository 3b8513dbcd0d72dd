//! The client that stays connected.

use std::net::TcpStream;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant as Clock};

use ws_client::{
    Action, ClientBuilder, ClientEvent, ConnectError, ConnectOptions, Reached, Session, Stats, Status,
};
use ws_core::{CloseFrame, Instant, Machine, Message, SendError};

use crate::connect::reach;
use crate::driver::Driver;
use crate::elapsed::Elapsed;
use crate::line::Line;
use crate::state::State;

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and comes back
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_blocking::{Client, ClientEvent, Reconnect};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::builder("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .ping_interval(Duration::from_secs(55))
///     .reconnect(Reconnect::after(Duration::from_secs(1)))
///     .build()?;
/// client.try_send("hello")?;
/// while let Some(event) = client.next() {
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
/// [`handle`](Self::handle)s is under way: usually [`next`](Iterator::next), in a loop. While none is, nothing happens. The one
/// thread that is started is that in which a connection is opened; it ends with that.
///
/// **Dropping** it, with all its handles, ends everything at once, without a Close frame.
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

/// Another way to a [`Client`], to send from other threads. It may be cloned.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Client {
    /// Sets up a client of the server at `url`.
    pub fn builder(url: &str) -> ClientBuilder<Self> {
        ClientBuilder::new(url)
    }

    /// As [`next`](Iterator::next), but waits no longer than `timeout`: then it is `Err`, and nothing is lost. With zero, it does what
    /// can be done without waiting.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<ClientEvent>, Elapsed> {
        self.shared.next(Some(timeout))
    }

    /// As [`Handle::send`].
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into())
    }

    /// As [`Handle::try_send`].
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.try_send(message.into())
    }

    /// As [`Handle::flush`].
    pub fn flush(&self) -> Result<(), SendError> {
        self.shared.flush()
    }

    /// As [`Handle::confirm`].
    pub fn confirm(&self) -> Result<(), SendError> {
        self.shared.confirm()
    }

    /// As [`Handle::close`].
    pub fn close(&self, frame: impl Into<CloseFrame>) {
        self.shared.close(frame.into());
    }

    /// As [`Handle::start_close`].
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.shared.start_close(frame.into());
    }

    /// As [`Handle::abort`].
    pub fn abort(&self) {
        self.shared.change(Session::abort);
    }

    /// Comes back after `delay`, whatever the policy says: now, if no connection is open or under way; else when that has
    /// ended.
    pub fn reconnect_after(&self, delay: Duration) {
        self.shared.change(|session, now| session.reconnect_after(delay, now));
    }

    /// Does not come back: neither now, if it waits for that, nor when the connection under way has ended.
    pub fn cancel_reconnect(&self) {
        self.shared.change(|session, _| session.cancel_reconnect());
    }

    /// Stops reading, so that TCP tells the peer to wait; nothing is lost. A read that is under way may still take something.
    pub fn pause(&self) {
        self.shared.change(|session, _| session.pause());
    }

    /// Reads again.
    pub fn resume(&self) {
        self.shared.change(Session::resume);
    }

    /// Takes back what was not sent, oldest first: for when the client is over.
    pub fn take_unsent(&self) -> Vec<Message> {
        self.shared.change(|session, _| session.take_unsent())
    }

    /// As [`Handle::status`].
    pub fn status(&self) -> Status {
        self.shared.driver.lock().machine.status()
    }

    /// What it has done so far, over all connections.
    pub fn stats(&self) -> Stats {
        self.shared.driver.lock().machine.stats()
    }

    /// Another way to this client, for other threads.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }
}

impl Iterator for Client {
    type Item = ClientEvent;

    /// Waits for the next event; `None` when the client is over: closed by the user, or by an end after which the policy does
    /// not come back. [`reconnect_after`](Client::reconnect_after) then begins anew.
    fn next(&mut self) -> Option<ClientEvent> {
        self.shared.next(None).unwrap_or(None)
    }
}

impl Handle {
    /// Waits until there is room in the outbox, queues the message, and writes what can be written at once; and while another
    /// thread waits for an event, what follows, as long as the transport takes it without a pause. A message is accepted whether
    /// or not there is a connection; messages go out in order.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into())
    }

    /// Queues the message if there is room, without waiting. Else the error hands it back. What the transport does not take at
    /// once leaves when a thread that waits for an event looks next.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.try_send(message.into())
    }

    /// Waits until the outbox is empty: everything was taken by a transport or, with confirmed delivery, is proven. An error
    /// if the client is over before.
    pub fn flush(&self) -> Result<(), SendError> {
        self.shared.flush()
    }

    /// Waits for the proof that the next WebSocket hop has parsed everything that was queued before this call. An error if
    /// something of it was lost with a connection, or the client is over before.
    pub fn confirm(&self) -> Result<(), SendError> {
        self.shared.confirm()
    }

    /// Ends the client for good: with the closing handshake if a connection is open, within `close_timeout`; else at once.
    /// What waits in the outbox goes out first. The events to the end are still reported.
    pub fn close(&self, frame: impl Into<CloseFrame>) {
        self.shared.close(frame.into());
    }

    /// Begins what [`close`](Self::close) does, without waiting: [`Client`] goes on to the end.
    pub fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.shared.start_close(frame.into());
    }

    /// Ends the client for good, at once, without a Close frame.
    pub fn abort(&self) {
        self.shared.change(Session::abort);
    }

    /// Where the client is.
    pub fn status(&self) -> Status {
        self.shared.driver.lock().machine.status()
    }
}

/// Built by [`Client::builder`].
impl From<Session> for Client {
    fn from(session: Session) -> Self {
        let longest_read = session.shortest_timeout();
        let driver = Driver::new(Line::new(), session, Clock::now(), longest_read);
        Self { shared: Arc::new(Shared { driver, errand: Mutex::default() }) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Who waits with a handle takes over.
        self.shared.driver.transport.wake();
    }
}

/// A session and what it goes over at present.
pub(crate) struct Shared {
    driver: Driver<Line, Session>,
    errand: Mutex<Errand>,
}

/// What the session wants of the line.
#[derive(Default)]
struct Errand {
    action: Option<Action>,
    /// Which attempt is under way: a thread whose attempt was given up finds another number here.
    attempt: u64,
}

impl Shared {
    fn next(self: &Arc<Self>, timeout: Option<Duration>) -> Result<Option<ClientEvent>, Elapsed> {
        let start = Clock::now();
        let mut has_tried = false;
        self.drive(|state| {
            let was_full = state.machine.is_full();
            let Ok(event) = state.machine.poll_event();
            if was_full && !state.machine.is_full() {
                // Who waits elsewhere may read on.
                self.driver.notify(state);
            }
            if event.is_some() || state.machine.is_over() {
                return Break(Ok(event));
            }
            let left = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(start.elapsed()));
            state.patience = left;
            // However short the time, something is done in each call: a user who only ever asks is to be told at last.
            match left.is_zero() && std::mem::replace(&mut has_tried, true) {
                true => Break(Err(Elapsed)),
                false => Continue(state.machine.is_reading().then_some(left)),
            }
        })
    }

    fn send(self: &Arc<Self>, message: Message) -> Result<(), SendError> {
        let mut waiting = Some(message);
        let result = self.drive_ahead(|session| match session.send(waiting.take()?) {
            Err(SendError::Full(message)) => {
                waiting = Some(message);
                None
            }
            result => Some(result),
        });
        self.driver.write_now();
        self.driver.write_on();
        result
    }

    fn try_send(self: &Arc<Self>, message: Message) -> Result<(), SendError> {
        let result = self.change(|session, _| session.send(message));
        // Another thread may be waiting for the peer, and does not see to it.
        self.driver.write_now();
        result
    }

    fn flush(self: &Arc<Self>) -> Result<(), SendError> {
        self.drive_ahead(|session| session.flushed())
    }

    fn confirm(self: &Arc<Self>) -> Result<(), SendError> {
        let closed = |_| SendError::Closed(None);
        let ticket = self.change(|session, _| session.confirm(None)).map_err(closed)?;
        self.drive_ahead(|session| session.confirmed(&ticket, None)).map_err(closed)
    }

    fn start_close(self: &Arc<Self>, frame: CloseFrame) {
        self.change(|session, now| session.close(frame, now));
        self.driver.write_now();
    }

    fn close(self: &Arc<Self>, frame: CloseFrame) {
        self.start_close(frame);
        self.drive_ahead(|session| (session.status() == Status::Closed).then_some(()));
    }

    /// Does something that others may wait for.
    pub(crate) fn change<R>(self: &Arc<Self>, f: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let now = self.driver.now();
        let mut state = self.driver.lock();
        let result = f(&mut state.machine, now);
        self.act(&mut state);
        self.driver.notify(&state);
        drop(state);
        self.driver.transport.wake();
        result
    }

    /// Waits for something else than events.
    fn drive_ahead<R>(self: &Arc<Self>, mut done: impl FnMut(&mut Session) -> Option<R>) -> R {
        self.drive(|state| {
            if let Some(result) = done(&mut state.machine) {
                return Break(result);
            }
            // Whoever reads looks at what comes, and may be about to take it.
            let reading = !state.is_reading && state.machine.read_ahead();
            // What came may be what is waited for.
            done(&mut state.machine).map_or(Continue(reading.then_some(Duration::MAX)), Break)
        })
    }

    fn drive<R>(
        self: &Arc<Self>,
        mut want: impl FnMut(&mut State<Session>) -> ControlFlow<R, Option<Duration>>,
    ) -> R {
        self.driver.drive(|state| {
            self.act(state);
            if !self.driver.transport.is_up() {
                // There is nothing that could be read before the clock is looked at.
                state.found_nothing = self.driver.now();
            }
            state.patience = Duration::MAX;
            let flow = want(state);
            self.act(state);
            flow
        })
    }

    /// Does what the session asks for, as soon as nobody reads or writes.
    fn act(self: &Arc<Self>, state: &mut State<Session>) {
        let mut errand = self.errand.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(action) = state.machine.poll_action() {
            if let Action::Ask(question) = action {
                if let Some(panic) = state.machine.answer(question.ask(), self.driver.now()) {
                    std::panic::resume_unwind(panic);
                }
                continue;
            }
            errand.action = Some(action);
            errand.attempt += 1;
        }
        if errand.action.is_none() {
            return;
        }
        let is_busy = state.is_writing || (state.is_reading && self.driver.transport.is_up());
        if is_busy {
            // They come back at once, and see to the rest.
            return self.driver.transport.hang_up();
        }
        self.driver.transport.part(&state.machine.outbound().take_out(usize::MAX));
        state.begin_anew();
        if let Some(Action::Open(options)) = errand.action.take() {
            let (shared, attempt) = (Arc::downgrade(self), errand.attempt);
            let opening =
                thread::Builder::new().name("ws-open".into()).spawn(move || open(&options, &shared, attempt));
            if let Err(error) = opening {
                state.machine.not_opened(ConnectError::Local(error), self.driver.now());
            }
        }
    }

    fn opened(&self, attempt: u64, opened: Result<Reached<TcpStream>, ConnectError>) {
        let now = self.driver.now();
        let mut state = self.driver.lock();
        if self.errand.lock().unwrap_or_else(PoisonError::into_inner).attempt != attempt {
            return;
        }
        let taken = opened.and_then(|reached| {
            let local = reached.transport.local_addr()?;
            if state.machine.opened(&reached.route, reached.peer, local, now) {
                self.driver.transport.connect(reached.transport)?;
            }
            Ok(())
        });
        if let Err(error) = taken {
            state.machine.not_opened(error, now);
        }
        self.driver.notify(&state);
        drop(state);
        self.driver.transport.wake();
    }
}

/// Runs in a thread of its own, which nothing waits for.
fn open(options: &ConnectOptions, shared: &Weak<Shared>, attempt: u64) {
    let opened = reach(options, Clock::now());
    if let Some(shared) = shared.upgrade() {
        shared.opened(attempt, opened);
    }
}
