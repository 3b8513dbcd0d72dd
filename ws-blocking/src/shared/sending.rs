//! The operations of a connection that send, in any thread.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use ws_common::duplex::Duplex;
use ws_core::{Machine, Message, MessageKind, PingError, SendError, StreamError};

use super::{SharedConnection, unlimited};
use crate::driver::{DriverState, NextTurn, Until};
use crate::elapsed::{Elapsed, Patience};
use crate::transport::Transport;

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
