//! A client, as the operations that any of its handles can do, in any thread.

mod errand;
mod opening;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ws_common::session::{ClientEvent, ClientStatus, ConfirmError, Gauge, Mark, Session};
use ws_common::sync::Mutex;
use ws_common::sync::atomic::{AtomicBool, Ordering};
use ws_core::{CloseFrame, Instant, Machine, PingError, SendError};

use super::socket::ClientSocket;
use super::supply::ConnectorHook;
use crate::background::{Remaining, WriteInBackground};
use crate::clock;
use crate::driver::{Driven, Driver, DriverState, NextTurn, Until};
use crate::elapsed::{Elapsed, Patience};
use errand::Errand;

/// A session and its socket, shared by the handles of the client.
pub(crate) struct SharedClient {
    driver: Driver<ClientSocket, Session>,
    me: Weak<Self>,
    errand: Mutex<Errand>,
    /// A thread was brought back from a read for events that were not asked for since. Changed under the lock of the driver.
    is_told: AtomicBool,
    pub(super) gauge: Arc<Gauge>,
    /// Opens the transports, if the user has set a connector.
    supplier: Option<Arc<ConnectorHook>>,
}

/// Maximum number of turns of a thread that does not wait.
const TURNS_AT_ONCE: u32 = 4;

impl Driven for Session {
    fn show(&self) {
        self.publish();
    }

    fn longest_read(&self) -> Duration {
        self.shortest_timeout()
    }
}

impl SharedClient {
    pub(super) fn new(session: Session) -> Arc<Self> {
        let gauge = session.gauge();
        let supplier = session.connector();
        let driver = Driver::new(ClientSocket::new(), session, clock::now(), Duration::MAX);
        Arc::new_cyclic(|me: &Weak<Self>| {
            let background: Weak<dyn WriteInBackground> = me.clone();
            let (me, errand) = (me.clone(), Mutex::default());
            Self {
                driver: driver.shared(background),
                me,
                errand,
                is_told: AtomicBool::new(false),
                gauge,
                supplier,
            }
        })
    }

    pub(super) fn next(&self, timeout: Option<Duration>) -> Result<Option<ClientEvent>, Elapsed> {
        let mut patience = timeout.map(Patience::new);
        let until = |_: &_| Until::all(|state: &mut DriverState<Session>| state.machine.has_events());
        self.drive(until, |state| {
            self.is_told.store(false, Ordering::Relaxed);
            let was_full = state.machine.is_full();
            let Ok(event) = state.machine.poll_event();
            if was_full && !state.machine.is_full() {
                state.let_waiters_read();
            }
            if event.is_some() || state.machine.is_over() {
                return Break(Ok(event));
            }
            let next = NextTurn { reads: state.machine.is_reading(), longest: Duration::MAX };
            match &mut patience {
                None => Continue(next),
                Some(patience) => patience.limit(next, state.writes_next()).map_break(Err),
            }
        })
    }

    /// Does the work that needs no waiting, if nobody does it: all of it while no connection is open, else a read each 250 ms.
    pub(super) fn drive_at_once(&self) {
        let mut turns = 0;
        self.drive(
            |_| Until::anything(),
            |state| {
                turns += 1;
                let is_due = self.gauge.status() != ClientStatus::Open || state.is_read_due();
                let is_done = turns > TURNS_AT_ONCE || !is_due || state.is_reading() || self.is_asking();
                if is_done {
                    return Break(());
                }
                Continue(NextTurn { reads: state.machine.read_ahead(), longest: Duration::ZERO })
            },
        );
    }

    /// Does the work until `is_over`.
    pub(super) fn drive_until(&self, is_over: impl Fn() -> bool + Clone + Send + 'static) {
        let until = |_: &_| {
            let is_over = is_over.clone();
            Until::all(move |_: &mut DriverState<Session>| is_over())
        };
        let _ = self.wait_for(until, |_| is_over().then_some(()));
    }

    pub(super) fn flush(&self, mark: Option<&Mark>) -> Result<(), SendError> {
        let until = |state: &DriverState<Session>| {
            // A message that was given up changes the proofs.
            let before = state.machine.proofs_version();
            Until::all(move |state: &mut DriverState<Session>| {
                state.machine.has_flushed() || state.machine.proofs_version() != before
            })
        };
        let flushed = self.wait_for(until, |session| session.flushed(mark));
        flushed.unwrap_or(Err(SendError::WithinHook(None)))
    }

    pub(super) fn confirm(&self, mark: Option<&Mark>) -> Result<(), ConfirmError> {
        let ticket = self.change(|session, _| session.confirm(mark))?;
        let until = |state: &DriverState<Session>| {
            let before = state.machine.proofs_version();
            Until::all(move |state: &mut DriverState<Session>| state.machine.proofs_version() != before)
        };
        let confirmed = self.wait_for(until, |session| session.confirmed(&ticket, mark));
        confirmed.unwrap_or(Err(ConfirmError::WithinHook))
    }

    pub(super) fn ping(&self, payload: &[u8]) -> Result<(), PingError> {
        let queue = |session: &mut Session| match session.ping(payload) {
            Err(PingError::ConnectionFull(_)) => None,
            result => Some(result),
        };
        if let Some(result) = self.change(|session, _| queue(session)) {
            return result;
        }
        let queued = self.wait_for(|_| Until::anything(), queue);
        self.change(|_, _| ());
        queued.unwrap_or(Err(PingError::WithinHook))
    }

    pub(super) fn start_close(&self, frame: CloseFrame) {
        self.change(|session, now| session.close(frame, now));
    }

    pub(super) fn close(&self, frame: CloseFrame) {
        self.start_close(frame);
        let until = |_: &_| Until::all(|state: &mut DriverState<Session>| is_closed(&state.machine));
        // Within a hook, it goes on when the hook has returned.
        let _ = self.wait_for(until, |session| is_closed(session).then_some(()));
    }
}

fn is_closed(session: &Session) -> bool {
    session.status() == ClientStatus::Closed
}

/// The reason for the end of a wait without a result.
pub(super) enum Unmet {
    /// This thread runs a hook of the client, and must not wait for it.
    WithinHook,
    Elapsed,
}

/// Changing and waiting.
impl SharedClient {
    /// Other threads use it, too, from now on.
    pub(super) fn share(&self) {
        self.driver.transport.share();
    }

    pub(super) fn now(&self) -> Instant {
        self.driver.now()
    }

    /// Does something that others may wait for, and writes as much as the transport takes at once.
    pub(crate) fn change<R>(&self, f: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let now = self.driver.now();
        let mut state = self.driver.lock();
        let result = f(&mut state.machine, now);
        state.changed();
        state.let_waiters_read();
        self.act(&mut state);
        state = self.driver.write_urgent(state);
        self.act_for_others(&mut state);
        self.driver.leave(state);
        // A thread that waits for a socket decides anew.
        self.driver.transport.wake();
        self.end_streams();
        result
    }

    /// Waits for something else than events.
    pub(super) fn wait_for<R>(
        &self,
        until: impl Fn(&DriverState<Session>) -> Until<Session>,
        done: impl FnMut(&mut Session) -> Option<R>,
    ) -> Result<R, Unmet> {
        self.wait_within(None, until, done)
    }

    pub(super) fn wait_within<R>(
        &self,
        mut patience: Option<Patience>,
        until: impl Fn(&DriverState<Session>) -> Until<Session>,
        mut done: impl FnMut(&mut Session) -> Option<R>,
    ) -> Result<R, Unmet> {
        let mut limit = |state: &mut DriverState<Session>, next| match &mut patience {
            None => Continue(next),
            Some(patience) => {
                patience.limit(next, state.writes_next()).map_break(|Elapsed| Err(Unmet::Elapsed))
            }
        };
        self.drive(until, |state| {
            if let Some(result) = done(&mut state.machine) {
                return Break(Ok(result));
            }
            if self.is_asking() {
                return Break(Err(Unmet::WithinHook));
            }
            if state.is_reading() {
                // The thread that reads looks at the bytes that come, and may be about to take them.
                return limit(state, NextTurn::READ);
            }
            let next = if state.machine.read_ahead() { NextTurn::READ } else { NextTurn::WRITE };
            // The bytes that came may complete the operation.
            match done(&mut state.machine) {
                Some(result) => Break(Ok(result)),
                None => limit(state, next),
            }
        })
    }

    fn drive<R>(
        &self,
        until: impl Fn(&DriverState<Session>) -> Until<Session>,
        mut want: impl FnMut(&mut DriverState<Session>) -> ControlFlow<R, NextTurn>,
    ) -> R {
        loop {
            let result = self.driver.drive(&until, |state| {
                if self.act(state) && !self.is_asking() {
                    return Break(None);
                }
                if !self.driver.transport.is_connected() {
                    // There is nothing that could be read before the clock is looked at.
                    state.has_no_source(self.driver.now());
                }
                let flow = want(state);
                let has_question = self.act(state);
                self.tell(state);
                match flow {
                    Continue(_) if has_question && !self.is_asking() => Break(None),
                    flow => flow.map_break(Some),
                }
            });
            match result {
                Some(result) => {
                    self.end_streams();
                    return result;
                }
                None => self.ask(),
            }
        }
    }

    /// Brings back the thread in a read, if there are events, or if a deadline is nearer than the end of the read: some come of
    /// calls and writes, not of bytes from the peer. Once for events, until they were asked for.
    fn tell(&self, state: &mut DriverState<Session>) {
        if !state.is_reading() || !self.driver.transport.is_connected() {
            return;
        }
        let mut is_wanted = state.reads_past_deadline(self.driver.longest_read(state), || self.driver.now());
        if !self.is_told.load(Ordering::Relaxed) {
            // The bytes of earlier reads were looked at before this read began. Other events are the reason to look now.
            state.machine.read_ahead();
            if state.machine.has_events() {
                self.is_told.store(true, Ordering::Relaxed);
                is_wanted = true;
            }
        }
        if is_wanted {
            self.driver.transport.end_read();
        }
    }
}

impl WriteInBackground for SharedClient {
    fn write_in_background(&self) -> Remaining {
        let remaining = self.driver.write_in_background(|state| self.act_for_others(state));
        self.end_streams();
        remaining
    }
}
