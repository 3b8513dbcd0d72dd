//! One connection, as the operations that any of its handles can do, in any thread.

mod parts;
mod stopping;

use std::cell::Cell;
use std::net::Shutdown;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ws_common::sync::{Mutex, lock, mutant};
use ws_common::{
    duplex::{Consumer, Duplex, Step},
    system::shutdown::Guard,
};
use ws_core::{
    CloseFrame, Closed, Connection, DataPoll, Error, Event, Machine, Message, MessageKind, MessageRef,
    PingError, Responder, SendError, Stats, StreamError,
};

use crate::background::WriteInBackground;
use crate::driver::{Driver, DriverState, NextTurn, Until};
use crate::elapsed::{Elapsed, Patience};
use crate::signal::Signal;
use crate::transport::Transport;

/// A connection and its transport, shared by the threads that use it.
pub(crate) struct SharedConnection<S> {
    pub(crate) driver: Driver<S, Duplex>,
    me: Weak<dyn WriteInBackground>,
    /// The wish of the listener that accepted it.
    signal: Option<Arc<Signal>>,
    /// Its place with that listener, until it has ended.
    guard: Mutex<Option<Guard>>,
}

impl<S: Transport> SharedConnection<S> {
    pub(crate) fn new(driver: Driver<S, Duplex>, listener: Option<(Arc<Signal>, Guard)>) -> Arc<Self> {
        let (signal, guard) = listener.unzip();
        Arc::new_cyclic(|me: &Weak<Self>| {
            let me: Weak<dyn WriteInBackground> = me.clone();
            Self { driver: driver.shared(me.clone()), me, signal, guard: Mutex::new(guard) }
        })
    }

    /// Does something that needs no waiting.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> R {
        self.driver.with(|duplex| f(duplex.connection()))
    }

    pub(crate) fn closed(&self) -> Option<Closed> {
        self.driver.lock().machine.closed().cloned()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.driver.lock().machine.as_connection().stats()
    }

    pub(crate) fn set_consumer(&self, consumer: Consumer) {
        let mut state = self.driver.lock();
        state.machine.set_consumer(consumer);
        state.let_waiters_read();
        self.driver.leave(state);
    }
}

/// Receiving.
impl<S: Transport> SharedConnection<S> {
    /// The next event; `None` after the last.
    pub(crate) fn next_event(&self) -> Result<Option<Event>, Error> {
        self.receive(|duplex| flow(duplex.next_event(|| self.driver.now())))
    }

    /// The next chunk of a message, or a whole one that had come before; [`DataPoll::Ended`] at the end.
    pub(crate) fn next_chunk(&self) -> Result<DataPoll, Error> {
        self.receive(|duplex| {
            duplex.connection().receive_chunks(true);
            flow(duplex.data(|| self.driver.now()))
        })
    }

    /// The next whole message. The rest of one that was begun in chunks is passed over.
    pub(crate) fn recv(&self) -> Result<Option<Message>, Error> {
        let mut received = None;
        self.receive(|duplex| flow(duplex.message_to(&mut received, || self.driver.now())))?;
        Ok(received)
    }

    /// As [`recv`](Self::recv), for no longer than `timeout`.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<Result<Option<Message>, Error>, Elapsed> {
        let mut received = None;
        let step = |duplex: &mut Duplex| flow(duplex.message_to(&mut received, || self.driver.now()));
        let result = self.receive_within(timeout, step)?;
        Ok(result.map(|()| received))
    }

    /// As [`next_event`](Self::next_event), for no longer than `timeout`.
    pub(crate) fn next_event_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Result<Option<Event>, Error>, Elapsed> {
        self.receive_within(timeout, |duplex| flow(duplex.next_event(|| self.driver.now())))
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends. While it runs, nothing is locked. Other threads may
    /// use the connection: so messages are owned, and do not wait for room for an answer.
    pub(crate) fn for_each_borrowed(
        &self,
        mut visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut queue = |answer: MessageRef<'_>| self.with(|connection| connection.send_ref(answer));
        while let Some(message) = self.recv()? {
            if visitor(message.as_ref(), &mut Responder::through(&mut queue)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The same for a thread that alone uses the connection: messages are borrowed, each when there is room for an answer to it. The
    /// machine is taken out of the lock meanwhile.
    pub(crate) fn for_each_alone(
        &self,
        mut visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut stand_in = Duplex::stand_in();
        self.with(|connection| connection.receive_chunks(false));
        loop {
            let mut own = self.driver.take(&mut stand_in);
            let step = own.machine().for_each_borrowed(&mut visitor, || self.driver.now());
            drop(own);
            let next = match flow(step) {
                Continue(next) => next,
                Break(result) => {
                    // Looks at the end, and leaves as every operation does.
                    self.receive(|_| Break(()));
                    return result;
                }
            };
            let mut next = Some(next);
            self.receive(|_| next.take().map_or(Break(()), Continue));
        }
    }

    fn receive_within<R>(
        &self,
        timeout: Duration,
        mut step: impl FnMut(&mut Duplex) -> ControlFlow<R, NextTurn>,
    ) -> Result<R, Elapsed> {
        let mut patience = Patience::new(timeout);
        self.receive_by(|state| match step(&mut state.machine) {
            Break(result) => Break(Ok(result)),
            Continue(next) => patience.limit(next, state.writes_next()).map_break(Err),
        })
    }

    /// Waits for something that is received.
    #[inline(always)]
    fn receive<R>(&self, mut step: impl FnMut(&mut Duplex) -> ControlFlow<R, NextTurn>) -> R {
        self.receive_by(|state| step(&mut state.machine))
    }

    #[inline(always)]
    fn receive_by<R>(&self, mut step: impl FnMut(&mut DriverState<Duplex>) -> ControlFlow<R, NextTurn>) -> R {
        let until = |state: &DriverState<Duplex>| {
            let before = state.changes();
            Until::all(move |state: &mut DriverState<Duplex>| state.changes() != before)
        };
        self.drive(until, |state| {
            let flow = step(state);
            if state.machine.take_unblocked() && !mutant("room in the read-ahead lets nobody read") {
                state.let_waiters_read();
            }
            flow
        })
    }
}

/// Sending.
impl<S: Transport> SharedConnection<S> {
    /// Waits until a message would be accepted.
    pub(crate) fn ready(&self) -> Result<(), SendError> {
        self.wait_for(until_room, |state| state.machine.ready())
    }

    /// Waits for room, and queues the message.
    pub(crate) fn feed(&self, message: Message) -> Result<(), SendError> {
        // The fast path.
        let mut state = self.driver.lock();
        let result = state.machine.connection().send(message);
        let is_read_due = state.is_read_due();
        self.driver.leave(state);
        let mut waiting = match result {
            Ok(()) if is_read_due => return self.wait_for(until_room, |_| Some(Ok(()))),
            Ok(()) => return Ok(()),
            Err(error) => error.into_message(),
        };
        self.wait_for(until_room, |state| state.machine.feed(&mut waiting))
    }

    /// Queues the message, and writes as much as the transport takes at once.
    pub(crate) fn try_send(&self, message: Message) -> Result<(), SendError> {
        match self.driver.with_urgent(|duplex| duplex.connection().send(message)) {
            // The write may have made room.
            Err(SendError::Full { message, .. }) => {
                self.driver.with_urgent(|duplex| duplex.connection().send(message))
            }
            result => result,
        }
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), SendError> {
        let mut waiting = Some(message);
        self.queue_and_flush(|duplex| duplex.feed(&mut waiting))
    }

    /// As [`send`](Self::send), for no longer than `timeout`. `Full` if there was no room in this time.
    pub(crate) fn send_timeout(&self, message: Message, timeout: Duration) -> Result<(), SendError> {
        let mut waiting = Some(message);
        let mut patience = Patience::new(timeout);
        let sent = self.queue_and_flush_within(
            |duplex| duplex.feed(&mut waiting),
            |state, next| patience.limit(next, state.writes_next()).map_break(|Elapsed| Ok(())),
        );
        match waiting {
            // The refusal names the limit.
            Some(message) if sent.is_ok() => self.try_send(message),
            _ => sent,
        }
    }

    /// Waits until the transport has taken the bytes that are queued now. It does not wait for bytes that other threads queue meanwhile.
    pub(crate) fn flush(&self) -> Result<(), SendError> {
        self.queue_and_flush(|_| Some(Ok(())))
    }

    pub(crate) fn ping(&self, payload: &[u8]) -> Result<(), PingError> {
        let mut refused = None;
        let result = self.queue_and_flush(|duplex| match duplex.ping(payload)? {
            Ok(()) => Some(Ok(())),
            Err(error) => {
                refused = Some(error);
                Some(Err(SendError::Closed(None)))
            }
        });
        result.map_err(|_| refused.unwrap_or(PingError::Closed))
    }

    pub(crate) fn start_message(&self, kind: MessageKind) -> Result<(), StreamError> {
        self.with(|connection| connection.start_message(kind))
    }

    /// Waits for room, and queues a fragment of a streamed message.
    pub(crate) fn send_fragment(&self, fragment: &[u8]) -> Result<(), StreamError> {
        self.wait_for(until_room, |state| state.machine.fragment(fragment, false))
    }

    /// Waits for room, ends a streamed message, and waits until the transport has taken it. Says whether it was ended.
    pub(crate) fn finish_message(&self, is_finished: &mut bool) -> Result<(), StreamError> {
        let mut refused = None;
        let result = self.queue_and_flush(|duplex| match duplex.fragment(&[], true)? {
            Ok(()) => {
                *is_finished = true;
                Some(Ok(()))
            }
            Err(error) => {
                refused = Some(error);
                Some(Err(SendError::Closed(None)))
            }
        });
        result.map_err(|_| refused.unwrap_or(StreamError::Closed))
    }

    pub(crate) fn abort_message(&self) {
        let now = self.driver.now();
        self.driver.with_urgent(|duplex| duplex.connection().abort_message(now));
    }

    /// Queues something as soon as it can be, and waits until the transport has taken it and everything before it. Between the
    /// two, no other thread is asked to write it.
    fn queue_and_flush(
        &self,
        queue: impl FnMut(&mut Duplex) -> Option<Result<(), SendError>>,
    ) -> Result<(), SendError> {
        self.queue_and_flush_within(queue, unlimited)
    }

    #[inline]
    fn queue_and_flush_within(
        &self,
        mut queue: impl FnMut(&mut Duplex) -> Option<Result<(), SendError>>,
        limit: impl FnMut(&mut DriverState<Duplex>, NextTurn) -> ControlFlow<Result<(), SendError>, NextTurn>,
    ) -> Result<(), SendError> {
        let target = Cell::new(None);
        let until = |state: &_| match target.get() {
            None => until_room(state),
            Some(target) => Until::all(move |state| has_left(state, target)),
        };
        let look = |duplex: &mut Duplex| duplex.look_ahead(|| self.driver.now());
        let done = |state: &mut DriverState<Duplex>| {
            let end = match target.get() {
                Some(end) => end,
                None => {
                    if let Err(error) = queue(&mut state.machine)? {
                        return Some(Err(error));
                    }
                    // Of the connection, not of TLS, which encrypts only some of it at a time.
                    let outbound = state.machine.connection().outbound();
                    let end = outbound.written() + outbound.len() as u64;
                    target.set(Some(end));
                    end
                }
            };
            has_left(state, end).then(|| state.machine.flushed())
        };
        self.wait(until, look, done, limit)
    }
}

/// Closing.
impl<S: Transport> SharedConnection<S> {
    /// Begins to close, and lets the transport take what it takes at once: nobody may be waiting, or in a read that goes
    /// on for seconds.
    pub(crate) fn start_close(&self, frame: CloseFrame) {
        let now = self.driver.now();
        self.driver.with_urgent(|duplex| duplex.start_close(frame, now));
    }

    /// Closes, and waits for the end.
    pub(crate) fn close(&self, frame: CloseFrame) -> Closed {
        let now = self.driver.now();
        let mut frame = Some(frame);
        let until = |_: &_| Until::all(|state: &mut DriverState<Duplex>| state.machine.closed().is_some());
        let look = |duplex: &mut Duplex| duplex.look_for_end(|| self.driver.now());
        let done = |state: &mut DriverState<Duplex>| {
            if let Some(frame) = frame.take() {
                state.machine.start_close(frame, now);
            }
            state.machine.ended()
        };
        self.wait(until, look, done, unlimited)
    }

    /// The connection has ended: tells the peer, the threads that read or wait, and the listener.
    fn end(&self, resets: bool) {
        let guard = lock(&self.guard).take();
        drop(guard);
        if resets {
            self.driver.transport.reset();
        } else {
            // A peer that is gone needs no shutdown.
            let _ = self.driver.transport.shutdown(Shutdown::Both);
        }
    }
}

/// Waiting.
impl<S: Transport> SharedConnection<S> {
    /// Waits, for something else than receiving, until `done` says that it is there.
    #[inline]
    fn wait_for<R>(
        &self,
        until: impl Fn(&DriverState<Duplex>) -> Until<Duplex>,
        done: impl FnMut(&mut DriverState<Duplex>) -> Option<R>,
    ) -> R {
        self.wait(until, |duplex| duplex.look_ahead(|| self.driver.now()), done, unlimited)
    }

    /// The same. `look` looks at the bytes that are received meanwhile.
    #[inline]
    fn wait<R>(
        &self,
        until: impl Fn(&DriverState<Duplex>) -> Until<Duplex>,
        mut look: impl FnMut(&mut Duplex) -> Step<()>,
        mut done: impl FnMut(&mut DriverState<Duplex>) -> Option<R>,
        mut limit: impl FnMut(&mut DriverState<Duplex>, NextTurn) -> ControlFlow<R, NextTurn>,
    ) -> R {
        let mut is_read_due = false;
        let result = self.drive(until, |state| {
            is_read_due = state.is_read_due();
            if let Some(result) = done(state) {
                return Break(result);
            }
            // Before a Close frame is seen that may already be there: nothing new is sent after that. And a thread that reads
            // looks at the bytes that come, and may be about to take them.
            if state.writes_next() || state.is_reading() {
                return limit(state, NextTurn::READ);
            }
            let next = if look(&mut state.machine) == Step::Read { NextTurn::READ } else { NextTurn::WRITE };
            // The bytes that came may complete the operation.
            match done(state) {
                Some(result) => Break(result),
                None => limit(state, next),
            }
        });
        if is_read_due {
            self.catch_up();
        }
        result
    }

    /// Somebody who sends all the time and never has to wait must see pings all the same, and the time.
    fn catch_up(&self) {
        self.drive(
            |_| Until::anything(),
            |state| {
                let reads = !state.is_reading()
                    && state.machine.look_ahead::<()>(|| self.driver.now()) == Step::Read
                    && state.is_read_due();
                match reads {
                    true => Continue(NextTurn { reads, longest: Duration::ZERO }),
                    false => Break(()),
                }
            },
        );
        self.driver.tick();
    }

    #[inline(always)]
    fn drive<R>(
        &self,
        until: impl Fn(&DriverState<Duplex>) -> Until<Duplex>,
        mut want: impl FnMut(&mut DriverState<Duplex>) -> ControlFlow<R, NextTurn>,
    ) -> R {
        let (mut has_ended, mut is_open, mut resets) = (false, true, false);
        let result = self.driver.drive(until, |state| {
            self.obey(state);
            let flow = want(state);
            has_ended = state.machine.closed().is_some();
            is_open = state.machine.as_connection().is_open();
            resets = state.machine.must_reset();
            flow
        });
        if has_ended {
            self.end(resets);
        } else if resets {
            // The user may not come back for the end. Bytes that the system still holds must not reach the peer.
            self.driver.transport.reset();
        } else if !is_open {
            // The Close frame that answers the peer, or reports its violation: a user who sees an error may never come back.
            self.driver.with_urgent(|_| ());
        }
        result
    }
}

/// The limit of a wait that has none.
fn unlimited<R>(_: &mut DriverState<Duplex>, next: NextTurn) -> ControlFlow<R, NextTurn> {
    Continue(next)
}

/// Room for a message, or none ever.
fn until_room(_: &DriverState<Duplex>) -> Until<Duplex> {
    Until::each(|state: &mut DriverState<Duplex>| state.machine.ready().is_some())
}

/// Whether everything before this position has left, or never will.
fn has_left(state: &mut DriverState<Duplex>, target: u64) -> bool {
    let is_over = state.has_write_ended() || state.machine.closed().is_some();
    let outbound = state.machine.connection().outbound();
    outbound.written() >= target || outbound.is_empty() || is_over
}

#[inline]
fn flow<R>(step: Step<R>) -> ControlFlow<R, NextTurn> {
    match step {
        Step::Done(result) => Break(result),
        Step::Read => Continue(NextTurn::READ),
        Step::Write => Continue(NextTurn::WRITE),
    }
}
