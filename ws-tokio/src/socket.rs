//! One connection, as the operations that any of its handles can poll.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use ws_client::Guard;
use ws_core::{
    CloseCode, CloseFrame, Closed, Connection, Data, Error, Event, Machine, Message, MessageRef, Reply,
    SendError, Visit,
};

use crate::driver::Driver;
use crate::seat::Progress;
use crate::signal::Signal;

/// A connection and its transport.
pub struct Socket<T> {
    pub(crate) driver: Driver<T, Connection>,
    /// Reading stands still, because nobody takes what comes.
    paused: bool,
    pub(crate) receiver: Receiver,
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

impl<T> Progress for Socket<T> {
    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.driver.progress)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    pub(crate) fn new(driver: Driver<T, Connection>) -> Self {
        Self { driver, paused: false, receiver: Receiver::Same, listener: None }
    }

    /// The listener that accepted this connection may tell it to stop.
    pub(crate) fn listen_to(&mut self, signal: Arc<Signal>, guard: Guard) {
        self.listener = Some((signal, guard));
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.driver.machine
    }

    /// The next event; `None` after the last.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        loop {
            if let Some(event) = self.driver.machine.poll_event()? {
                if let Event::Closed(_) = event {
                    self.ended(cx);
                }
                return Poll::Ready(Ok(Some(event)));
            }
            if self.driver.machine.closed().is_some() {
                return Poll::Ready(Ok(None));
            }
            self.resume();
            ready!(self.poll_io(cx, true));
        }
    }

    /// The next message, whole or the next piece of it: [`Data::Ended`] at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Data, Error>> {
        loop {
            match self.driver.machine.poll_data() {
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
            match self.driver.machine.visit(&mut *visitor) {
                Ok(Visit::Stopped) => return Poll::Ready(Ok(())),
                Ok(Visit::Closed(_)) => {
                    self.ended(cx);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => {
                    self.ended(cx);
                    return Poll::Ready(Err(error));
                }
                Ok(Visit::Full) => ready!(self.poll_io(cx, false)),
                _ if self.driver.machine.closed().is_some() => return Poll::Ready(Ok(())),
                _ => {
                    self.resume();
                    ready!(self.poll_io(cx, true));
                }
            }
        }
    }

    /// Waits until a message would be accepted.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if !self.driver.machine.is_open() {
                return Poll::Ready(Err(SendError::Closed(None)));
            }
            if self.driver.machine.has_room() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_io_ahead(cx));
        }
    }

    /// Waits until the transport has taken everything.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            if self.driver.write_through(cx) || self.driver.machine.closed().is_some() {
                let lost = self.driver.machine.outbound().has_lost();
                return Poll::Ready(if lost { Err(SendError::Closed(None)) } else { Ok(()) });
            }
            ready!(self.poll_io_ahead(cx));
        }
    }

    pub(crate) fn begin_close(&mut self, frame: CloseFrame) {
        let now = self.driver.now();
        self.driver.machine.close(frame, now);
    }

    /// Waits for the end of the connection.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        loop {
            if let Some(closed) = self.driver.machine.closed() {
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
        if self.driver.machine.is_open() {
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
            while !matches!(self.driver.machine.poll_event(), Ok(None)) {}
        }
        let reading = look(&mut self.driver.machine);
        if reading {
            self.resume();
        } else if !self.paused {
            self.paused = true;
            self.driver.machine.pause();
        }
        if self.driver.machine.closed().is_some() {
            return Poll::Ready(());
        }
        self.poll_io(cx, reading)
    }

    fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            let now = self.driver.now();
            self.driver.machine.resume(now);
        }
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<()> {
        if let Some((signal, _)) = &self.listener
            && let Poll::Ready(stopping) = signal.poll(cx)
        {
            let now = self.driver.now();
            stopping.apply(&mut self.driver.machine, now);
            return Poll::Ready(());
        }
        self.driver.poll_io(cx, reading)
    }

    /// The last event is out: tells the transport, and the listener.
    fn ended(&mut self, cx: &mut Context<'_>) {
        let _ = self.driver.poll_io(cx, false);
        self.listener = None;
    }
}
