//! Moves bytes and time between a machine and a transport. It knows no protocol.

mod writing;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ws_common::system::buffer_pool;
use ws_core::bytes::Buf;
use ws_core::{Instant, Machine, TransportError};

use crate::clock::RuntimeClock;
use crate::runtime::{Io, Runtime};
use crate::transfer::{READ_SIZE, next_read_size};

/// After so many reads that did not have to wait, others are let run: a flood that yields no event must not starve them.
const READS_IN_A_ROW: u8 = 32;

/// A machine, and how far its transport is, which stands beside it.
pub(crate) struct Driver<R: Runtime, M> {
    pub(crate) machine: M,
    clock: RuntimeClock<R>,
    /// What the clock said last.
    seen: Instant,
    /// Wakes at or before the machine's deadline: a deadline that moves away does not touch it.
    timer: Option<(Instant, R::Sleep)>,
    /// Room for the next read, in KiB. Invariant: at least that of `READ_SIZE`, at most that of `MAX_READ_SIZE`.
    read_kib: u8,
    reads_in_a_row: u8,
    read_ended: bool,
    write_ended: bool,
    needs_flush: bool,
    /// A call of the transport has panicked, and the machine was not told yet. Then both ends count as ended.
    has_panicked: bool,
    /// Bytes have left since it was last reset.
    pub(crate) has_written: bool,
    /// What happened since it was last taken.
    pub(crate) progress: Progress,
}

/// What a driver has done, for those who wait for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) enum Progress {
    /// Nothing that brings events.
    #[default]
    Nothing,
    /// There may be events.
    Input,
    /// There may be events, and the transport wakes nobody before it is asked again: its readiness was used, or its timer has
    /// fired.
    Disarmed,
}

impl<R: Runtime, M: Machine> Driver<R, M> {
    /// A machine that is told the time by `clock`.
    pub(crate) fn new(machine: M, clock: RuntimeClock<R>) -> Self {
        Self {
            machine,
            clock,
            seen: Instant::EPOCH,
            timer: None,
            read_kib: (READ_SIZE / 1024) as u8,
            reads_in_a_row: 0,
            read_ended: false,
            write_ended: false,
            needs_flush: false,
            has_panicked: false,
            has_written: false,
            progress: Progress::Nothing,
        }
    }

    /// The machine of the next phase, over the same transport.
    pub(crate) fn change<N: Machine, E>(
        self,
        change: impl FnOnce(M, Instant) -> Result<N, E>,
    ) -> Result<Driver<R, N>, E> {
        let now = self.now();
        let mut machine = change(self.machine, now)?;
        // It may be long until the first read.
        buffer_pool::put_back(machine.inbound(), READ_SIZE);
        Ok(Driver {
            machine,
            clock: self.clock,
            seen: now,
            timer: None,
            read_kib: (READ_SIZE / 1024) as u8,
            reads_in_a_row: 0,
            read_ended: self.read_ended,
            write_ended: self.write_ended,
            needs_flush: self.needs_flush,
            has_panicked: false,
            has_written: false,
            progress: Progress::Nothing,
        })
    }

    /// From now on the transport is another one.
    pub(crate) fn renew(&mut self) {
        self.read_ended = false;
        self.write_ended = false;
        self.needs_flush = false;
        self.has_panicked = false;
    }

    pub(crate) fn clock(&self) -> RuntimeClock<R> {
        self.clock
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The machine's next event.
    pub(crate) fn poll_event<I, T>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<M::Event, M::Error>>
    where
        I: Io<T>,
    {
        loop {
            if let Some(event) = self.machine.poll_event()? {
                return Poll::Ready(Ok(event));
            }
            ready!(self.poll_io::<I, T>(io, cx, true));
        }
    }

    /// Writes what waits, reads if `reading`, and keeps time; no events. Ready when the machine may have some.
    // With the write, the read and the timer in one function, a live feed costs 4 % less (`bench`, small-reads).
    #[inline(always)]
    pub(crate) fn poll_io<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>, reading: bool) -> Poll<()>
    where
        I: Io<T>,
    {
        if reading {
            ready!(self.poll_turn(cx));
        }
        let wrote = self.poll_write::<I, T>(io, cx);
        if reading && !self.read_ended && self.poll_read::<I, T>(io, cx).is_ready() {
            if self.reads_in_a_row == READS_IN_A_ROW {
                self.keep_time(cx);
            }
            return Poll::Ready(());
        }
        // Only now the clock: what waited in the socket is a sign of life.
        if wrote.has_emptied || self.poll_timer(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Asks the transport and the timer once more to wake, after their readiness was used. Says whether they will: there is
    /// nothing to look at before.
    pub(crate) fn rearm<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>, reading: bool) -> bool
    where
        I: Io<T>,
    {
        let is_quiet = !reading || self.read_ended || self.poll_read::<I, T>(io, cx).is_pending();
        is_quiet && self.poll_timer(cx).is_pending()
    }

    /// Keeps time before it is the turn of others: a peer that sends without end does not put a deadline off.
    #[cold]
    fn keep_time(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_timer(cx);
    }

    /// Pends when it is the turn of others. Not even the clock is looked at then, as it must not be before a read.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.reads_in_a_row < READS_IN_A_ROW {
            return Poll::Ready(());
        }
        self.reads_in_a_row = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_read<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>) -> Poll<()>
    where
        I: Io<T>,
    {
        self.reads_in_a_row += 1;
        let size = usize::from(self.read_kib) * 1024;
        let calling = Calling(self);
        let inbound = calling.0.machine.inbound();
        buffer_pool::take_into(inbound, size);
        let room = inbound.capacity() - inbound.len();
        let read = I::poll_read(io, cx, inbound);
        std::mem::forget(calling);
        match read {
            Poll::Ready(Ok(n)) => {
                self.read_ended = n == 0;
                self.read_kib = (next_read_size(size, n, room) / 1024) as u8;
                let now = self.now();
                self.machine.handle_read(n, now);
                buffer_pool::take_into_outbound(self.machine.outbound());
            }
            Poll::Ready(Err(error)) => {
                self.read_ended = true;
                let now = self.now();
                self.machine.handle_error(TransportError::read(error), now);
            }
            Poll::Pending => {
                self.reads_in_a_row = 0;
                // A connection that waits holds no large buffers.
                buffer_pool::put_back(self.machine.inbound(), READ_SIZE);
                buffer_pool::put_back_outbound(self.machine.outbound());
                return Poll::Pending;
            }
        }
        self.progress = Progress::Disarmed;
        Poll::Ready(())
    }

    #[inline(always)]
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.machine.poll_timeout() else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
            self.set_timer(deadline);
        }
        while let Some((_, sleep)) = &mut self.timer {
            ready!(Pin::new(sleep).poll(cx));
            let now = self.now();
            if deadline <= now {
                self.machine.handle_timeout(now);
                // A timer that has fired must not be polled again.
                self.timer = None;
                self.progress = Progress::Disarmed;
                return Poll::Ready(());
            }
            // The deadline has moved away since the timer was set.
            self.set_timer(deadline);
        }
        Poll::Pending
    }

    /// A deadline beyond what the clock can show never comes.
    fn set_timer(&mut self, deadline: Instant) {
        let sleep = self.timer.take().map(|(_, sleep)| sleep);
        self.timer = self.clock.at(deadline).map(|at| match sleep {
            Some(mut sleep) => {
                R::reset_sleep(&mut sleep, at);
                (deadline, sleep)
            }
            None => (deadline, R::sleep_until(at)),
        });
    }

    /// Writes what waits, shuts down, and reads to the end what `discard` drops, so that what was written reaches the peer: a socket that is
    /// closed with bytes unread resets the connection.
    pub(crate) fn poll_finish<I, T>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        discard: impl Fn(&mut M),
    ) -> Poll<()>
    where
        I: Io<T>,
    {
        loop {
            ready!(self.poll_turn(cx));
            self.poll_write::<I, T>(io, cx);
            let is_over = self.read_ended || (self.write_ended && self.machine.outbound().has_lost());
            if is_over && !self.machine.outbound().has_remaining() {
                return Poll::Ready(());
            }
            if self.read_ended {
                return Poll::Pending;
            }
            ready!(self.poll_read::<I, T>(io, cx));
            discard(&mut self.machine);
        }
    }
}

/// A call of the transport under way. If it panics, the transport is called no more, and the machine is told with the next poll.
struct Calling<'a, R: Runtime, M>(&'a mut Driver<R, M>);

impl<R: Runtime, M> Drop for Calling<'_, R, M> {
    #[cold]
    fn drop(&mut self) {
        self.0.has_panicked = true;
        self.0.read_ended = true;
        self.0.write_ended = true;
    }
}
