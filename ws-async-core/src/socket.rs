//! One connection over a transport, as the operations that any of its handles can poll. Every decision is made by [`Duplex`]; this
//! moves bytes as its steps say.

mod receiving;
mod sending;

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ws_common::sync::mutant;
use ws_common::{
    MaybeTls, Parts,
    duplex::{Duplex, Step},
    system::shutdown::{Guard, Stopping},
};
use ws_core::{CloseCode, CloseFrame, Closed, Connection, Machine, SendError, Stats};

use crate::driver::{Driver, Progress};
use crate::runtime::{Io, Runtime};
use crate::signal::Signal;
use crate::slots::{News, Wants};
use crate::wakers::Waited;

/// A connection and its transport.
pub struct Socket<R: Runtime, T> {
    /// None once it was reset.
    pub(crate) io: Option<T>,
    pub(crate) driver: Driver<R, Duplex>,
    /// The conditions that the last poll waits for.
    wants: Wants,
    /// One who waits was told that something is to be written, and it has not left since.
    is_told: bool,
    /// There is something else to do for one who waits: a deadline was set.
    needs_driver: bool,
    /// The last poll reads.
    is_reading: bool,
    /// The one that accepted this connection, and may tell it to stop.
    listener: Option<(Arc<Signal>, Guard)>,
}

impl<R: Runtime + Io<T>, T> Socket<R, T> {
    pub(crate) fn new(
        io: T,
        driver: Driver<R, MaybeTls<Connection>>,
        listener: Option<(Arc<Signal>, Guard)>,
    ) -> Self {
        let Ok(driver) = driver.change(|channel, _| Ok::<_, std::convert::Infallible>(Duplex::new(channel)));
        Self {
            io: Some(io),
            driver,
            wants: Wants::NOTHING,
            is_told: false,
            needs_driver: false,
            is_reading: false,
            listener,
        }
    }

    /// The connection, which may be within TLS: only the driver knows.
    #[inline]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.driver.machine.connection()
    }

    pub(crate) fn duplex(&mut self) -> &mut Duplex {
        &mut self.driver.machine
    }

    pub(crate) fn signal(&self) -> Option<&Signal> {
        self.listener.as_ref().map(|(signal, _)| &**signal)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.driver.machine.as_connection().stats()
    }

    /// The transport, unless it was reset, and the bytes that the connection holds.
    pub(crate) fn into_parts(mut self) -> Option<Parts<T>> {
        if self.signal().and_then(Signal::wish) == Some(Stopping::Abort) {
            self.connection().abort();
        }
        self.reset_if_dead();
        let transport = self.io?;
        Some(self.driver.machine.into_parts(transport, []))
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.driver.machine.closed()
    }
}

/// Closing.
impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// Begins the closing handshake, and lets the transport take what it takes at once.
    pub(crate) fn start_close(&mut self, frame: CloseFrame, cx: &mut Context<'_>) {
        let now = self.driver.now();
        self.duplex().start_close(frame, now);
        if !mutant("a Close frame waits for a driver") {
            self.write_at_once(cx);
        }
        self.needs_driver = !mutant("closing wakes nobody");
    }

    /// Waits for the end of the connection.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let clock = self.driver.clock();
        let closed = ready!(self.poll_steps(cx, Wants::END, |socket| match socket.duplex().ended() {
            Some(closed) => Step::Done(closed),
            None => {
                let step = socket.duplex().look_for_end(|| clock.now());
                let ended = socket.duplex().ended().filter(|_| !mutant("a close does not see the end"));
                ended.map_or(step, Step::Done)
            }
        }));
        self.ended(cx);
        Poll::Ready(closed)
    }

    /// Closes with 1000, unless it is closing already, and waits for the end.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.connection().is_open() {
            self.start_close(CloseCode::NORMAL.into(), cx);
        }
        self.poll_closed(cx).map(|_| Ok(()))
    }
}

/// Moving bytes.
impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// Takes steps until one completes, and moves bytes between them. Whatever moved, the condition is checked again.
    #[inline]
    fn poll_steps<O>(
        &mut self,
        cx: &mut Context<'_>,
        wants: Wants,
        mut step: impl FnMut(&mut Self) -> Step<O>,
    ) -> Poll<O> {
        // Whether the last poll was to read. It moved a part of what waits, and pends.
        let mut pending = None;
        loop {
            // In one place, so that it is compiled into this loop: a message that is shown costs 4 % less (`bench`, small-reads).
            let reading = match step(self) {
                Step::Done(output) => return Poll::Ready(output),
                Step::Read => true,
                Step::Write => false,
            };
            if pending.take().is_some_and(|was_reading| was_reading || !reading) {
                return Poll::Pending;
            }
            self.driver.has_written = false;
            if self.poll_io(cx, wants, reading).is_ready() {
                continue;
            }
            if !self.driver.has_written || mutant("room after a partial write is not looked at") {
                return Poll::Pending;
            }
            // The transport has taken a part, which may be what the operation waits for.
            pending = Some(reading);
        }
    }

    /// Waits for something else than receiving.
    #[inline]
    fn poll_wait<O>(
        &mut self,
        cx: &mut Context<'_>,
        wants: Wants,
        mut done: impl FnMut(&mut Duplex) -> Option<O>,
    ) -> Poll<O> {
        let clock = self.driver.clock();
        self.poll_steps(cx, wants, |socket| socket.duplex().wait_for(&mut done, || clock.now()))
    }

    /// Writes what waits, if the transport takes it all at once.
    #[inline(always)]
    fn write_at_once(&mut self, cx: &mut Context<'_>) -> bool {
        self.io.as_mut().is_none_or(|io| self.driver.write_through::<R, T>(io, cx))
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, wants: Wants, reading: bool) -> Poll<()> {
        if self.is_told_to_stop(cx) {
            self.reset_if_dead();
            return Poll::Ready(());
        }
        self.is_reading = reading;
        let Some(io) = &mut self.io else { return Poll::Ready(()) };
        let result = self.driver.poll_io::<R, T>(io, cx, reading);
        match result {
            Poll::Pending => self.wants = wants,
            Poll::Ready(()) => self.reset_if_dead(),
        }
        result
    }

    /// Resets the transport if that is what is left to do with it. At once, though the user may hold the connection for long: what the
    /// system still holds must not reach the peer.
    #[inline]
    fn reset_if_dead(&mut self) {
        if self.driver.machine.must_reset()
            && let Some(io) = self.io.take()
        {
            R::reset(io);
        }
    }

    /// Does what the listener wants, if that is something new. From then on, its next wish wakes.
    #[inline]
    fn is_told_to_stop(&mut self, cx: &Context<'_>) -> bool {
        let mut is_told = false;
        while let Some((signal, _)) = &self.listener
            && let Poll::Ready(stopping) = signal.poll(cx)
        {
            is_told = true;
            match stopping {
                Stopping::Close => {
                    let now = self.driver.now();
                    self.connection().close(CloseCode::GOING_AWAY, now);
                }
                Stopping::Abort => self.connection().abort(),
            }
        }
        is_told
    }

    /// The last event is out: tells the transport, and the listener.
    fn ended(&mut self, cx: &mut Context<'_>) {
        self.reset_if_dead();
        if let Some(io) = &mut self.io {
            let _ = self.driver.poll_io::<R, T>(io, cx, false);
        }
        self.listener = None;
    }
}

impl<R: Runtime + Io<T>, T> Waited for Socket<R, T> {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn news(&mut self) -> News {
        let has_input = std::mem::take(&mut self.driver.progress) != Progress::Nothing;
        let has_unblocked = self.duplex().take_unblocked();
        let needs_driver = std::mem::take(&mut self.needs_driver);
        let has_ended = self.closed().is_some();
        let has_room = self.duplex().ready().is_some();
        let is_flushed = self.connection().outbound().is_empty();
        let met = Wants::EVENTS.only_if(has_input || has_ended)
            | Wants::ROOM.only_if(has_room)
            | Wants::FLUSHED.only_if((is_flushed && !mutant("a flush wakes nobody")) || has_ended)
            | Wants::END.only_if(has_ended);
        let was_told = std::mem::replace(&mut self.is_told, !is_flushed);
        let has_unblocked = has_unblocked && !mutant("room in the read-ahead wakes nobody");
        let has_fed = self.is_told && !was_told && !mutant("feeding wakes nobody");
        News { met, needs_driver: has_unblocked || needs_driver || has_fed }
    }

    fn forget_news(&mut self) {
        self.driver.progress = Progress::Nothing;
        self.duplex().take_unblocked();
        self.is_told = false;
        self.needs_driver = false;
    }

    fn is_disarmed(&self) -> bool {
        self.driver.progress == Progress::Disarmed
    }

    fn rearm(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(io) = &mut self.io else { return false };
        let will_wake = self.driver.rearm::<R, T>(io, cx, self.is_reading);
        if !will_wake {
            self.reset_if_dead();
        }
        will_wake
    }
}
