//! One connection, as the operations that any of its handles can do, in any thread.

mod parts;
mod receiving;
mod sending;
mod stopping;

use std::net::Shutdown;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ws_common::sync::{Mutex, lock};
use ws_common::{
    duplex::{Consumer, Duplex, Step},
    system::shutdown::Guard,
};
use ws_core::{CloseFrame, Closed, Connection, Stats};

use crate::background::WriteInBackground;
use crate::driver::{Driver, DriverState, NextTurn, Until};
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
