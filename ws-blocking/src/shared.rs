//! One connection, as the operations that any of its handles can do, in any thread.

use std::net::Shutdown;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ws_client::{Channel, Guard, Stopping};
use ws_core::bytes::Bytes;
use ws_core::{
    CloseCode, CloseFrame, Closed, Connection, Data, Error, Event, Kind, Machine, Message, MessageRef,
    PingError, Reply, SendError, StreamError, Visit,
};

use crate::call::AT_ONCE;
use crate::driver::Driver;
use crate::signal::Stoppable;
use crate::state::{Receiver, State};
use crate::transport::Transport;

/// A connection and its transport, shared by the threads that use it.
pub(crate) struct Shared<S> {
    pub(crate) driver: Driver<S, Channel<Connection>>,
    /// Its place with the listener that accepted it, until it has ended.
    pub(crate) guard: Mutex<Option<Guard>>,
}

impl<S: Transport> Shared<S> {
    pub(crate) fn new(driver: Driver<S, Channel<Connection>>, guard: Option<Guard>) -> Self {
        Self { driver, guard: Mutex::new(guard) }
    }

    /// Does something that needs no waiting.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> R {
        f(self.driver.lock().machine.inner_mut())
    }

    /// The next event; `None` after the last.
    pub(crate) fn next(&self) -> Result<Option<Event>, Error> {
        self.drive(|state| {
            state.connection().receive_pieces(false);
            match state.connection().poll_event() {
                Ok(None) => self.read_on(state, Ok(None)),
                result => Break(result),
            }
        })
    }

    /// The next piece of a message, or a whole one that had come before; [`Data::Ended`] at the end.
    pub(crate) fn next_piece(&self) -> Result<Data, Error> {
        self.drive(|state| {
            state.connection().receive_pieces(true);
            match state.connection().poll_data() {
                Ok(Data::Pending) => self.read_on(state, Ok(Data::Ended)),
                data => Break(data),
            }
        })
    }

    /// The next whole message. What is left of one that was begun in pieces is passed over.
    pub(crate) fn recv(&self) -> Result<Option<Message>, Error> {
        // Not handed through the layers: a message that is moved at each of them costs more there than to be received.
        let mut received = None;
        self.drive(|state| {
            state.connection().receive_pieces(false);
            loop {
                match state.connection().poll_data() {
                    Ok(Data::Message(message)) => {
                        received = Some(message);
                        return Break(Ok(()));
                    }
                    Ok(Data::Pending) => return self.read_on(state, Ok(())),
                    Ok(Data::Piece(_)) => {}
                    Ok(_) => return Break(Ok(())),
                    Err(error) => return Break(Err(error)),
                }
            }
        })?;
        Ok(received)
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends.
    pub(crate) fn visit(
        &self,
        mut visitor: impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.drive(|state| {
            state.connection().receive_pieces(false);
            match state.connection().visit(&mut visitor) {
                Err(error) => Break(Err(error)),
                Ok(Visit::Stopped | Visit::Closed(_)) => Break(Ok(())),
                Ok(Visit::Full) => {
                    self.pause(state);
                    Continue(None)
                }
                Ok(_) => self.read_on(state, Ok(())),
            }
        })
    }

    /// Waits until a message would be accepted.
    pub(crate) fn ready(&self) -> Result<(), SendError> {
        self.drive_ahead(|state| match () {
            () if !state.connection().is_open() => Some(Err(state.connection().refused(None))),
            () => state.connection().has_room().then_some(Ok(())),
        })
    }

    /// Waits for room, and queues the message.
    pub(crate) fn feed(&self, message: Message) -> Result<(), SendError> {
        let mut waiting = Some(message);
        self.drive_ahead(|state| match state.connection().send(waiting.take()?) {
            Err(SendError::Full(message)) => {
                waiting = Some(message);
                None
            }
            result => Some(result),
        })
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), SendError> {
        self.feed(message)?;
        self.flush()
    }

    /// Waits until the transport has taken what is queued now. What other threads queue meanwhile is not waited for.
    pub(crate) fn flush(&self) -> Result<(), SendError> {
        let mut target = None;
        self.drive_ahead(|state| {
            let is_over = state.write_ended || state.connection().closed().is_some();
            // Of the connection, not of TLS, which encrypts only some of it at a time.
            let outbound = state.connection().outbound();
            let target = *target.get_or_insert(outbound.written() + outbound.len() as u64);
            if outbound.written() < target && !outbound.is_empty() && !is_over {
                return None;
            }
            let has_lost = outbound.has_lost();
            Some(if has_lost { Err(SendError::Closed(None)) } else { Ok(()) })
        })
    }

    pub(crate) fn ping(&self, payload: &Bytes) -> Result<(), PingError> {
        self.drive_ahead(|state| match state.connection().ping(payload.clone()) {
            Err(PingError::Full) => None,
            result => Some(result),
        })?;
        self.flush().map_err(|_| PingError::Closed)
    }

    pub(crate) fn start_message(&self, kind: Kind) -> Result<(), StreamError> {
        self.with(|connection| connection.start_message(kind))
    }

    /// Waits for room, and queues a part of a streamed message.
    pub(crate) fn send_part(&self, part: &[u8], is_last: bool) -> Result<(), StreamError> {
        self.drive_ahead(|state| {
            let result = match is_last {
                false => state.connection().continue_message(part),
                true => state.connection().finish_message(part),
            };
            Some(result).filter(|result| *result != Err(StreamError::Full))
        })
    }

    pub(crate) fn abort_message(&self) {
        let now = self.driver.now();
        self.with(|connection| connection.abort_message(now));
        self.driver.write_now();
    }

    /// Begins to close, and lets the transport take what it takes at once: nobody may be waiting, or in a read that goes
    /// on for seconds.
    pub(crate) fn start_close(&self, frame: CloseFrame) {
        let now = self.driver.now();
        self.with(|connection| connection.close(frame, now));
        self.driver.write_now();
    }

    /// Closes, and waits for the end.
    pub(crate) fn close(&self, frame: CloseFrame) -> Closed {
        let now = self.driver.now();
        self.driver.lock().is_ending = true;
        self.with(|connection| connection.close(frame, now));
        self.drive_ahead(|state| state.connection().closed().cloned())
    }

    pub(crate) fn closed(&self) -> Option<Closed> {
        self.with(|connection| connection.closed().cloned())
    }

    /// Nobody takes what comes any more; it must not stand in the way of pongs and of the peer's Close frame.
    pub(crate) fn discard(&self) {
        let mut state = self.driver.lock();
        state.receiver = Receiver::Nobody;
        self.driver.notify(&state);
    }

    /// Waits, for something else than receiving, until `done` says that it is there.
    fn drive_ahead<R>(&self, mut done: impl FnMut(&mut State<Channel<Connection>>) -> Option<R>) -> R {
        let mut is_read_due = false;
        let result = self.drive(|state| {
            is_read_due = state.is_read_due();
            if let Some(result) = done(state) {
                return Break(result);
            }
            if state.writes_next() {
                // Before a Close frame is seen that may already be there: nothing new is sent after that.
                return Continue(Some(Duration::MAX));
            }
            let reading = self.look_ahead(state).then_some(Duration::MAX);
            // What came may be what is waited for.
            done(state).map_or(Continue(reading), Break)
        });
        if is_read_due {
            self.catch_up();
        }
        result
    }

    /// Somebody who sends all the time and never has to wait must see pings all the same, and the time.
    fn catch_up(&self) {
        self.drive(|state| match self.look_ahead(state) && state.is_read_due() {
            true => Continue(Some(AT_ONCE)),
            false => Break(()),
        });
        self.driver.tick();
    }

    /// Looks at what came while nobody receives. Says whether to read on.
    fn look_ahead(&self, state: &mut State<Channel<Connection>>) -> bool {
        if state.receiver == Receiver::Nobody {
            while !matches!(state.connection().poll_event(), Ok(None)) {}
        }
        if state.is_reading {
            // Whoever reads looks at it, and may be about to take it.
            return false;
        }
        // With nobody there to receive meanwhile, what comes must not hide the peer's Close frame.
        let reading = match state.receiver {
            Receiver::Same if state.is_ending => state.connection().read_to_close(),
            _ => state.connection().read_ahead(),
        };
        if reading {
            self.resume(state);
        } else {
            self.pause(state);
        }
        reading
    }

    /// There is no event: at the end, or until more is read.
    fn read_on<R>(&self, state: &mut State<Channel<Connection>>, end: R) -> ControlFlow<R, Option<Duration>> {
        if state.connection().closed().is_some() {
            return Break(end);
        }
        self.resume(state);
        Continue(Some(Duration::MAX))
    }

    fn pause(&self, state: &mut State<Channel<Connection>>) {
        if !state.is_paused {
            state.is_paused = true;
            state.connection().pause(self.driver.now());
        }
    }

    fn resume(&self, state: &mut State<Channel<Connection>>) {
        if state.is_paused {
            state.is_paused = false;
            state.connection().resume(self.driver.now());
        }
    }

    fn drive<R>(
        &self,
        mut want: impl FnMut(&mut State<Channel<Connection>>) -> ControlFlow<R, Option<Duration>>,
    ) -> R {
        let (mut has_ended, mut is_open) = (false, true);
        let result = self.driver.drive(|state| {
            let flow = want(state);
            has_ended = state.connection().closed().is_some();
            is_open = state.connection().is_open();
            flow
        });
        if has_ended {
            self.end();
        } else if !is_open {
            // The Close frame that answers the peer, or says what it did wrong: who sees an error may never come back.
            self.driver.write_now();
        }
        result
    }

    /// The connection has ended: tells the peer, the threads that read or wait, and the listener.
    fn end(&self) {
        // A peer that is gone needs no shutdown.
        let _ = self.driver.transport.shutdown(Shutdown::Both);
        self.driver.notify(&self.driver.lock());
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(guard);
    }
}

impl<S: Transport> Stoppable for Shared<S> {
    fn stop(&self, stopping: Stopping) {
        match stopping {
            Stopping::Close => self.start_close(CloseCode::GOING_AWAY.into()),
            Stopping::Abort => {
                self.with(Connection::abort);
                self.end();
            }
        }
    }
}
