//! One connection as its handles use it, without I/O.
//!
//! An adapter asks for the next [`Step`] of an operation, moves bytes as the step says, and asks again. Every decision about a
//! connection that several handles share is made here: the receiver of events, the limit of the read-ahead, the pauses of reading, and
//! the condition of an operation that waits.

mod sending;

use std::ops::ControlFlow;

use ws_core::bytes::{Bytes, BytesMut};
use ws_core::{
    Closed, Config, Connection, DataPoll, Error, Event, ForEachEnd, Instant, Machine, Message, MessageRef,
    Outbound, Random, Responder, Role, TransportError,
};

use crate::Parts;
use crate::maybe_tls::MaybeTls;
use crate::sync::mutant;
use crate::tls::TlsFailure;

/// The next step of an operation on a [`Duplex`].
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// The operation is complete.
    Done(T),
    /// Write what waits, and read: the operation needs bytes or time.
    Read,
    /// Write what waits, but do not read: nobody takes what would come.
    Write,
}

/// The party that takes received events while an operation waits for something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consumer {
    /// The caller itself, after the operation that it waits for now.
    Caller,
    /// Another half of the connection, at any time.
    OtherHalf,
    /// Nobody: the receiving half was dropped. Received events are dropped too.
    Nobody,
}

/// A connection and the decisions about it. It is a [`Machine`], so that a driver moves its bytes in the usual way.
pub struct Duplex {
    machine: MaybeTls<Connection>,
    consumer: Consumer,
    /// Reading is paused because the read-ahead is full.
    is_paused: bool,
    /// The sink was told that there is room for its next message.
    is_reserved: bool,
    /// The receiver has made room in a read-ahead that was full, so that a waiting sender can read on.
    has_unblocked: bool,
}

impl Duplex {
    /// A connection that its caller alone uses.
    pub fn new(machine: MaybeTls<Connection>) -> Self {
        Self {
            machine,
            consumer: Consumer::Caller,
            is_paused: false,
            is_reserved: false,
            has_unblocked: false,
        }
    }

    /// A connection that does nothing, to lie where another was taken out for a while.
    pub fn stand_in() -> Self {
        let random = Random::from_seed([0; 32]);
        let config = Config::default().ping_interval(None);
        let connection =
            Connection::after_handshake(Role::Server, &config, random, BytesMut::new(), Instant::EPOCH);
        Self::new(MaybeTls::plain(connection))
    }

    /// The connection, below all layers.
    #[inline]
    pub fn connection(&mut self) -> &mut Connection {
        self.machine.inner_mut()
    }

    /// The connection, below all layers.
    #[inline]
    pub fn as_connection(&self) -> &Connection {
        self.machine.inner()
    }

    /// How the connection ended, once it has.
    #[inline]
    pub fn closed(&self) -> Option<&Closed> {
        self.machine.inner().closed()
    }

    /// The transport with the bytes that were read and not yet taken, and queued bytes that were not written. Before the queued bytes come
    /// those of `pending`, which the driver has taken out. There are no bytes over TLS: its session ends here, and bytes in clear must not go
    /// over the transport below it.
    pub fn into_parts<T>(self, transport: T, pending: impl IntoIterator<Item = Bytes>) -> Parts<T> {
        match self.machine.into_plain() {
            Some(connection) => Parts::plain(transport, connection, pending),
            None => Parts::bare(transport),
        }
    }

    /// Whether the transport is to be reset; see [`Connection::must_reset`].
    #[inline]
    pub fn must_reset(&self) -> bool {
        self.as_connection().must_reset()
    }

    /// Sets the party that takes received events from now on.
    pub fn set_consumer(&mut self, consumer: Consumer) {
        self.consumer = consumer;
    }

    /// Whether another half takes received events.
    pub fn is_shared(&self) -> bool {
        self.consumer == Consumer::OtherHalf
    }

    /// Whether the receiver has made room in a full read-ahead since the last call: a waiting sender can read on.
    #[inline]
    pub fn take_unblocked(&mut self) -> bool {
        std::mem::take(&mut self.has_unblocked)
    }
}

/// Receiving. Each of these resumes reading before it asks for bytes.
impl Duplex {
    /// The next event; `None` after the last.
    pub fn next_event(&mut self, now: impl FnOnce() -> Instant) -> Step<Result<Option<Event>, Error>> {
        self.connection().receive_chunks(false);
        match self.connection().poll_event() {
            Ok(None) => self.read_on(now, Ok(None)),
            result => {
                self.taken();
                Step::Done(result)
            }
        }
    }

    /// The next message, whole or the next chunk of it: [`DataPoll::Ended`] at the end.
    #[inline]
    pub fn data(&mut self, now: impl FnOnce() -> Instant) -> Step<Result<DataPoll, Error>> {
        match self.connection().poll_data() {
            Ok(DataPoll::Pending) => self.read_on(now, Ok(DataPoll::Ended)),
            data => {
                self.taken();
                Step::Done(data)
            }
        }
    }

    /// The next whole message; `None` at the end. The rest of a message that was begun in chunks is passed over.
    #[inline]
    pub fn message(&mut self, now: impl FnOnce() -> Instant) -> Step<Result<Option<Message>, Error>> {
        let mut received = None;
        match self.message_to(&mut received, now) {
            Step::Done(result) => Step::Done(result.map(|()| received)),
            Step::Read => Step::Read,
            Step::Write => Step::Write,
        }
    }

    /// The same, for an adapter with layers through which a message would be moved: that costs more than to receive it.
    #[inline(always)]
    pub fn message_to(
        &mut self,
        received: &mut Option<Message>,
        now: impl FnOnce() -> Instant,
    ) -> Step<Result<(), Error>> {
        self.connection().receive_chunks(false);
        loop {
            let result = match self.connection().poll_data() {
                Ok(DataPoll::Pending) => return self.read_on(now, Ok(())),
                Ok(DataPoll::Message(message)) => {
                    *received = Some(message);
                    Ok(())
                }
                Ok(DataPoll::Chunk(_)) => {
                    self.taken();
                    continue;
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            self.taken();
            return Step::Done(result);
        }
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends, for a caller who alone uses the connection. Each
    /// message is shown only when there is room for one answer. Until then nothing is read: the end of the stream, or a Close
    /// frame, must not keep the messages before it from being answered.
    pub fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
        now: impl FnOnce() -> Instant,
    ) -> Step<Result<(), Error>> {
        let connection = self.connection();
        connection.receive_chunks(false);
        let end = connection.for_each_borrowed(visitor);
        // Nearly every call ends here, so this case is compared first (`bench`, small-reads).
        if matches!(end, Ok(ForEachEnd::Drained)) {
            return self.read_on(now, Ok(()));
        }
        match end {
            Err(error) => Step::Done(Err(error)),
            Ok(ForEachEnd::Stopped | ForEachEnd::Closed(_)) => Step::Done(Ok(())),
            Ok(ForEachEnd::Full) => {
                self.pause(now);
                Step::Write
            }
            Ok(_) => self.read_on(now, Ok(())),
        }
    }

    /// There is no event: the end, or bytes are needed.
    // Inlined, as the result of a step is moved through memory otherwise (`bench`, small-reads).
    #[inline(always)]
    fn read_on<T>(&mut self, now: impl FnOnce() -> Instant, end: T) -> Step<T> {
        if self.closed().is_some() {
            return Step::Done(end);
        }
        self.resume(now);
        Step::Read
    }

    /// Something was received. (An adapter that takes it from the connection itself says so.)
    #[inline(always)]
    pub fn taken(&mut self) {
        if self.is_paused
            && !self.machine.inner().is_read_ahead_full()
            && !mutant("room in the read-ahead is not seen")
        {
            self.has_unblocked = true;
        }
    }
}

/// Waiting for something else than receiving.
impl Duplex {
    /// Asks `done`. If it is not, looks at the bytes that were received meanwhile, and asks again, because `done` may wait for a Close
    /// frame.
    #[inline]
    pub fn wait_for<T>(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Option<T>,
        now: impl FnOnce() -> Instant,
    ) -> Step<T> {
        if let Some(result) = done(self) {
            return Step::Done(result);
        }
        let step = self.look_ahead(now);
        done(self).map_or(step, Step::Done)
    }

    /// Looks at received bytes within `max_read_ahead`, so that pings are answered and a Close frame is seen. The step says whether to
    /// read on. It never completes.
    pub fn look_ahead<T>(&mut self, now: impl FnOnce() -> Instant) -> Step<T> {
        self.look(Connection::read_ahead, now)
    }

    /// As [`look_ahead`](Self::look_ahead), for a caller who waits for the end. If nobody else receives, messages beyond
    /// `max_read_ahead` are dropped, so that they do not hide the peer's Close frame.
    pub fn look_for_end<T>(&mut self, now: impl FnOnce() -> Instant) -> Step<T> {
        match self.consumer {
            Consumer::Caller => self.look(Connection::read_to_close, now),
            Consumer::OtherHalf | Consumer::Nobody => self.look_ahead(now),
        }
    }

    fn look<T>(&mut self, look: fn(&mut Connection) -> bool, now: impl FnOnce() -> Instant) -> Step<T> {
        if self.consumer == Consumer::Nobody && !mutant("what nobody receives is kept") {
            while !matches!(self.connection().poll_event(), Ok(None)) {}
        }
        if look(self.connection()) {
            self.resume(now);
            Step::Read
        } else {
            self.pause(now);
            Step::Write
        }
    }

    fn pause(&mut self, now: impl FnOnce() -> Instant) {
        if !self.is_paused {
            self.is_paused = true;
            self.connection().pause(now());
        }
    }

    /// Reading goes on.
    #[inline]
    pub fn resume(&mut self, now: impl FnOnce() -> Instant) {
        if self.is_paused {
            self.is_paused = false;
            self.connection().resume(now());
        }
    }
}

impl Machine for Duplex {
    type Event = Event;
    type Error = TlsFailure<Error>;

    #[inline(always)]
    fn inbound(&mut self) -> &mut BytesMut {
        self.machine.inbound()
    }

    #[inline(always)]
    fn handle_read(&mut self, n: usize, now: Instant) {
        self.machine.handle_read(n, now);
    }

    #[inline(always)]
    fn outbound(&mut self) -> &mut Outbound {
        self.machine.outbound()
    }

    #[inline(always)]
    fn handle_write(&mut self, n: usize, now: Instant) {
        self.machine.handle_write(n, now);
    }

    fn handle_progress(&mut self, taken: usize, now: Instant) {
        self.machine.handle_progress(taken, now);
    }

    fn handle_sign_of_life(&mut self, now: Instant) {
        self.machine.handle_sign_of_life(now);
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.machine.handle_error(error, now);
    }

    fn poll_event(&mut self) -> Result<Option<Event>, TlsFailure<Error>> {
        self.machine.poll_event()
    }

    #[inline(always)]
    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }
}
