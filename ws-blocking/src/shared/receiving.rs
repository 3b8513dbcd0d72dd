//! The operations of a connection that receive, in any thread.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use ws_common::duplex::{Duplex, Step};
use ws_common::sync::mutant;
use ws_core::{DataPoll, Error, Event, Message, MessageRef, Responder};

use super::SharedConnection;
use crate::driver::{DriverState, NextTurn, Until};
use crate::elapsed::{Elapsed, Patience};
use crate::transport::Transport;

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

#[inline]
fn flow<R>(step: Step<R>) -> ControlFlow<R, NextTurn> {
    match step {
        Step::Done(result) => Break(result),
        Step::Read => Continue(NextTurn::READ),
        Step::Write => Continue(NextTurn::WRITE),
    }
}
