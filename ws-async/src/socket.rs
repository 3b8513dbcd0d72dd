//! One connection, as the operations that any of its handles can poll.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ws_client::{Channel, Guard};
use ws_core::{
    CloseCode, CloseFrame, Closed, Connection, Data, Error, Event, Machine, Message, MessageRef, Reply,
    SendError, Visit,
};

use crate::driver::Driver;
use crate::runtime::{Io, Runtime};
use crate::seat::Progress;
use crate::signal::Signal;

/// So many bytes of a message are copied at most where it could be moved.
const SMALL: usize = 1024;

/// A connection and its transport.
pub struct Socket<R: Runtime, T> {
    pub(crate) io: T,
    pub(crate) driver: Driver<R, Channel<Connection>>,
    /// Reading stands still, because nobody takes what comes.
    paused: bool,
    /// The next message of the sink has room, whatever is queued before it.
    has_promised: bool,
    pub(crate) receiver: Receiver,
    /// The one that accepted this connection, and may tell it to stop.
    listener: Option<(Arc<Signal>, Guard)>,
}

/// Who takes what comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Whoever does anything else, too: not while it waits for something else.
    Same,
    /// Another half.
    Other,
    /// Nobody, ever.
    Nobody,
}

impl<R: Runtime, T> Progress for Socket<R, T> {
    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.driver.progress)
    }
}

impl<R: Runtime + Io<T>, T> Socket<R, T> {
    pub(crate) fn new(
        io: T,
        driver: Driver<R, Channel<Connection>>,
        listener: Option<(Arc<Signal>, Guard)>,
    ) -> Self {
        Self { io, driver, paused: false, has_promised: false, receiver: Receiver::Same, listener }
    }

    /// The connection, which may be within TLS: only the driver knows.
    #[inline]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.driver.machine.inner_mut()
    }

    pub(crate) fn signal(&self) -> Option<&Signal> {
        self.listener.as_ref().map(|(signal, _)| &**signal)
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.driver.machine.inner().closed()
    }

    /// The next event; `None` after the last.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        loop {
            if let Some(event) = self.connection().poll_event()? {
                if let Event::Closed(_) = event {
                    self.ended(cx);
                }
                return Poll::Ready(Ok(Some(event)));
            }
            if self.closed().is_some() {
                return Poll::Ready(Ok(None));
            }
            self.resume();
            ready!(self.poll_io(cx, true));
        }
    }

    /// The next message, whole or the next piece of it: [`Data::Ended`] at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Data, Error>> {
        loop {
            match self.connection().poll_data() {
                Ok(Data::Pending) => {
                    self.resume();
                    ready!(self.poll_io(cx, true));
                }
                Ok(data @ (Data::Message(_) | Data::Piece(_))) => return Poll::Ready(Ok(data)),
                ended => {
                    self.ended(cx);
                    return Poll::Ready(ended);
                }
            }
        }
    }

    /// The next whole message. What is left of one that was begun in pieces is passed over.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            match ready!(self.poll_data(cx))? {
                Data::Message(message) => return Poll::Ready(Ok(Some(message))),
                Data::Piece(_) => {}
                _ => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends.
    pub(crate) fn poll_visit(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> ControlFlow<()>,
    ) -> Poll<Result<(), Error>> {
        loop {
            match self.connection().visit(&mut *visitor) {
                Ok(Visit::Stopped) => return Poll::Ready(Ok(())),
                Ok(Visit::Closed(_)) => {
                    self.ended(cx);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => {
                    self.ended(cx);
                    return Poll::Ready(Err(error));
                }
                Ok(Visit::Full) => {
                    self.pause();
                    ready!(self.poll_io(cx, false));
                }
                _ if self.closed().is_some() => return Poll::Ready(Ok(())),
                _ => {
                    self.resume();
                    ready!(self.poll_io(cx, true));
                }
            }
        }
    }

    /// Waits until a message would be accepted.
    #[inline]
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if !self.connection().is_open() {
                return Poll::Ready(Err(SendError::Closed(None)));
            }
            if self.connection().has_room() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_io_ahead(cx));
        }
    }

    /// The same for a sink, and keeps the room for it.
    pub(crate) fn poll_promise(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if !self.has_promised || !self.connection().is_open() {
            ready!(self.poll_ready(cx))?;
            self.has_promised = true;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn start_send(&mut self, message: Message) -> Result<(), SendError> {
        match std::mem::take(&mut self.has_promised) {
            true => self.connection().send_promised(message),
            false => self.connection().send(message),
        }
    }

    /// Waits until there is room, and queues the message; does nothing if that is done.
    #[inline]
    pub(crate) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        // The straight path: what is small is copied in any case, and need not be moved through the layers before.
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
        while let Some(untried) = message.take() {
            match self.connection().send(untried) {
                Err(SendError::Full(refused)) => *message = Some(refused),
                result => return Poll::Ready(result),
            }
            ready!(self.poll_io_ahead(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the transport has taken everything.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if self.driver.write_through(&mut self.io, cx) || self.closed().is_some() {
                let lost = self.connection().outbound().has_lost();
                return Poll::Ready(if lost { Err(SendError::Closed(None)) } else { Ok(()) });
            }
            ready!(self.poll_io_ahead(cx));
        }
    }

    pub(crate) fn begin_close(&mut self, frame: CloseFrame) {
        let now = self.driver.now();
        self.connection().close(frame, now);
    }

    /// Waits for the end of the connection.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        loop {
            if let Some(closed) = self.closed() {
                let closed = closed.clone();
                self.ended(cx);
                return Poll::Ready(closed);
            }
            let look = match self.receiver {
                Receiver::Same => Connection::read_to_close,
                Receiver::Other | Receiver::Nobody => Connection::read_ahead,
            };
            ready!(self.poll_io_while(cx, look));
        }
    }

    /// Closes with 1000, unless it is closing already, and waits for the end.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.connection().is_open() {
            self.begin_close(CloseCode::NORMAL.into());
        }
        self.poll_closed(cx).map(|_| Ok(()))
    }

    /// Moves bytes while somebody waits for something else than receiving.
    fn poll_io_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_io_while(cx, Connection::read_ahead)
    }

    /// Moves bytes, and looks at what came, as far as `look` goes.
    fn poll_io_while(&mut self, cx: &mut Context<'_>, look: fn(&mut Connection) -> bool) -> Poll<()> {
        if self.receiver == Receiver::Nobody {
            while !matches!(self.connection().poll_event(), Ok(None)) {}
        }
        let reading = look(self.connection());
        if reading {
            self.resume();
        } else {
            self.pause();
        }
        if self.closed().is_some() {
            return Poll::Ready(());
        }
        self.poll_io(cx, reading)
    }

    fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            self.connection().pause();
        }
    }

    fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            let now = self.driver.now();
            self.connection().resume(now);
        }
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<()> {
        if let Some((signal, _)) = &self.listener
            && let Poll::Ready(stopping) = signal.poll(cx)
        {
            let now = self.driver.now();
            stopping.apply(self.connection(), now);
            return Poll::Ready(());
        }
        self.driver.poll_io(&mut self.io, cx, reading)
    }

    /// The last event is out: tells the transport, and the listener.
    fn ended(&mut self, cx: &mut Context<'_>) {
        let _ = self.driver.poll_io(&mut self.io, cx, false);
        self.listener = None;
    }
}
