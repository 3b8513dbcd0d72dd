//! One connection over a transport, as the operations that any of its handles can poll. Every decision is made by [`Duplex`]; this
//! moves bytes as its steps say.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ws_common::sync::mutant;
use ws_common::{
    MaybeTls, Parts,
    duplex::{Consumer, Duplex, Step},
    system::shutdown::{Guard, Stopping},
};
use ws_core::{
    CloseCode, CloseFrame, Closed, Connection, DataPoll, Error, Event, Machine, Message, MessageRef,
    PingError, Responder, SendError, Stats, StreamError,
};

use crate::driver::{Driver, Progress};
use crate::runtime::{Io, Runtime};
use crate::signal::Signal;
use crate::slots::{News, Wants};
use crate::wakers::Waited;

/// A shorter message is copied from where it lies, so that it need not be moved through the layers before.
const SMALL: usize = 1024;

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
        self.reset_if_dead();
        let transport = self.io?;
        Some(Parts::new(transport, self.driver.machine.into_buffers()))
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.driver.machine.closed()
    }
}

/// Receiving.
impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// The next event; `None` after the last.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        let clock = self.driver.clock();
        let step = |socket: &mut Self| socket.driver.machine.next_event(|| clock.now());
        let event = ready!(self.poll_steps(cx, Wants::EVENTS, step));
        if let Ok(Some(Event::Closed(_))) = event {
            self.ended(cx);
        }
        Poll::Ready(event)
    }

    /// The next message, whole or the next chunk of it: [`DataPoll::Ended`] at the end.
    // As `Duplex::data`, but a message is not moved through a `Step`: that costs a fifth of a small message (`bench`, receive).
    #[inline]
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<DataPoll, Error>> {
        loop {
            match self.connection().poll_data() {
                Ok(DataPoll::Pending) => ready!(self.poll_for_data(cx)),
                Ok(data @ (DataPoll::Message(_) | DataPoll::Chunk(_))) => {
                    self.duplex().taken();
                    return Poll::Ready(Ok(data));
                }
                ended => {
                    self.ended(cx);
                    return Poll::Ready(ended);
                }
            }
        }
    }

    fn poll_for_data(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.driver.clock();
        self.duplex().resume(|| clock.now());
        self.poll_io(cx, Wants::EVENTS, true)
    }

    /// The next whole message. What is left of one that was begun in chunks is passed over.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.connection().receive_chunks(false);
        loop {
            match ready!(self.poll_data(cx))? {
                DataPoll::Message(message) => return Poll::Ready(Ok(Some(message))),
                DataPoll::Chunk(_) => {}
                _ => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends.
    pub(crate) fn poll_for_each(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Poll<Result<(), Error>> {
        let clock = self.driver.clock();
        let step = |socket: &mut Self| socket.driver.machine.for_each_borrowed(&mut *visitor, || clock.now());
        let result = ready!(self.poll_steps(cx, Wants::EVENTS, step));
        if result.is_err() || self.closed().is_some() {
            self.ended(cx);
        }
        Poll::Ready(result)
    }
}

/// Sending.
impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// Waits until a message would be accepted.
    #[inline]
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, Duplex::ready)
    }

    /// The same for a sink, and keeps the room for it.
    pub(crate) fn poll_reserve(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, Duplex::reserve)
    }

    pub(crate) fn start_send(&mut self, message: Message) -> Result<(), SendError> {
        self.duplex().start_send(message)
    }

    /// Queues a message if there is room, and lets the transport take what it takes at once.
    pub(crate) fn try_send(&mut self, message: Message, cx: &mut Context<'_>) -> Result<(), SendError> {
        let mut result = self.connection().send(message);
        if !mutant("what is tried waits for a driver") {
            self.write_at_once(cx);
        }
        if let Err(SendError::Full { message, .. }) = result {
            // What the transport has just taken may have made room.
            result = self.connection().send(message);
            self.write_at_once(cx);
        }
        result
    }

    /// Queues the answer of a visitor. The task that receives writes it at its next wait.
    pub(crate) fn answer(&mut self, answer: MessageRef<'_>) -> Result<(), StreamError> {
        self.connection().send_ref(answer)
    }

    /// Nobody receives any more.
    pub(crate) fn discard(&mut self) {
        self.duplex().set_consumer(Consumer::Nobody);
        self.needs_driver = true;
    }

    /// Waits until there is room, and queues the message; does nothing if that is done.
    #[inline]
    pub(crate) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        let small = message.as_ref().filter(|message| message.len() <= SMALL);
        if small.is_some_and(|message| self.connection().send_ref(message.as_ref()).is_ok()) {
            *message = None;
            return Poll::Ready(Ok(()));
        }
        self.poll_feed_owned(cx, message)
    }

    #[inline(never)]
    fn poll_feed_owned(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.feed(message))
    }

    /// Waits for room, and queues a ping.
    pub(crate) fn poll_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Poll<Result<(), PingError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.ping(payload))
    }

    /// Waits for room, and queues a fragment of a streamed message.
    pub(crate) fn poll_fragment(
        &mut self,
        cx: &mut Context<'_>,
        fragment: &[u8],
        is_last: bool,
    ) -> Poll<Result<(), StreamError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.fragment(fragment, is_last))
    }

    /// Waits until the transport has taken everything.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.write_at_once(cx) || self.closed().is_some() {
            return Poll::Ready(self.duplex().flushed());
        }
        self.poll_rest_flushed(cx)
    }

    #[inline(never)]
    fn poll_rest_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let clock = self.driver.clock();
        loop {
            let step = self.duplex().look_ahead::<()>(|| clock.now());
            // What was just seen may be the end.
            if self.closed().is_none() {
                ready!(self.poll_io(cx, Wants::FLUSHED, step == Step::Read));
            }
            if self.write_at_once(cx) || self.closed().is_some() {
                return Poll::Ready(self.duplex().flushed());
            }
        }
    }

    /// Begins the closing handshake, and lets the transport take what it takes at once.
    pub(crate) fn start_close(&mut self, frame: CloseFrame, cx: &mut Context<'_>) {
        let now = self.driver.now();
        self.duplex().start_close(frame, now);
        if !mutant("a Close frame waits for a driver") {
            self.write_at_once(cx);
        }
        self.needs_driver = !mutant("closing wakes nobody");
    }

    /// Gives up a streamed message that was begun and not finished.
    pub(crate) fn abort_message(&mut self, cx: &mut Context<'_>) {
        let now = self.driver.now();
        self.connection().abort_message(now);
        self.write_at_once(cx);
        self.needs_driver = !mutant("a message that is given up wakes nobody");
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
