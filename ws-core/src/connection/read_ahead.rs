//! Events that are read while nobody asks for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::error::Error;
use crate::message::{Event, MessageKind};

use super::close::Answering;
use super::{Connection, Fate};

/// What was received while the user waited for something else.
pub(super) struct ReadAhead {
    limit: usize,
    waiting: Option<Box<WaitingEvents>>,
}

#[derive(Default)]
struct WaitingEvents {
    /// Invariant: not empty.
    events: VecDeque<Result<Event, Error>>,
    /// What the events [count for](size), in bytes.
    size: usize,
}

impl ReadAhead {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, waiting: None }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    fn is_full(&self) -> bool {
        self.waiting.as_ref().map_or(0, |waiting| waiting.size) >= self.limit
    }

    fn pop(&mut self) -> Result<Option<Event>, Error> {
        let Some(waiting) = &mut self.waiting else { return Ok(None) };
        let event = waiting.events.pop_front().transpose();
        if let Ok(Some(event)) = &event {
            waiting.size -= size(event);
        }
        if waiting.events.is_empty() {
            self.waiting = None;
        } else if waiting.events.len() < waiting.events.capacity() / 4 {
            waiting.events.shrink_to(waiting.events.capacity() / 2);
        }
        event
    }

    fn push(&mut self, event: Result<Event, Error>) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.size += event.as_ref().map_or(0, size);
        waiting.events.push_back(event);
    }

    fn push_front(&mut self, event: Result<Event, Error>) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.size += event.as_ref().map_or(0, size);
        waiting.events.push_front(event);
    }

    fn begins_with_chunk(&self) -> bool {
        let first = self.waiting.as_ref().and_then(|waiting| waiting.events.front());
        matches!(first, Some(Ok(Event::Chunk(_))))
    }

    /// Takes the chunks out of the message that the first one belongs to.
    fn take_chunks(&mut self) -> JoinedChunks {
        let mut chunks = JoinedChunks::default();
        while chunks.end.is_none() && !self.is_empty() {
            match self.pop() {
                Ok(Some(Event::Chunk(chunk))) => {
                    chunks.bytes.extend_from_slice(&chunk.bytes);
                    chunks.end = chunk.last.then_some(chunk.kind);
                }
                other => chunks.between.extend(other.transpose()),
            }
        }
        chunks
    }
}

/// The chunks of a message, put together.
#[derive(Default)]
struct JoinedChunks {
    bytes: Vec<u8>,
    /// What came between them.
    between: Vec<Result<Event, Error>>,
    /// The type of the message, if its last chunk is there.
    end: Option<MessageKind>,
}

/// What an event counts for: its payload and its places in the queue, which doubles its memory when it is full. It keeps at most twice
/// that alive.
fn size(event: &Event) -> usize {
    let payload = match event {
        Event::Message(message) => message.len(),
        Event::Chunk(chunk) => chunk.bytes.len(),
        Event::Ping(payload) | Event::Pong { payload, .. } => payload.len(),
        Event::Closing(_) | Event::Closed(_) => 0,
    };
    payload + 2 * size_of::<Result<Event, Error>>()
}

impl Connection {
    /// The next event, of those that were read ahead first.
    pub(super) fn poll_ahead(&mut self) -> Result<Option<Event>, Error> {
        if self.ahead.begins_with_chunk() && !self.is_within_chunks && !self.receive.is_in_chunks() {
            self.reassemble()?;
        }
        let event = if self.ahead.is_empty() { self.step_uncut() } else { self.ahead.pop() };
        match &event {
            Ok(Some(Event::Chunk(chunk))) => self.is_within_chunks = !chunk.last,
            Ok(Some(Event::Closing(_))) if matches!(self.answering, Answering::WhenTaken) => {
                self.answer_close();
            }
            Ok(None) if self.closing.take_end(self.answering.withholds()) => return self.step_uncut(),
            _ => {}
        }
        event
    }

    /// The next event, of those that were not yet read ahead: no chunk behind one that was dropped.
    fn step_uncut(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.step(Fate::HandedOut) {
                Ok(Some(Event::Chunk(_))) if self.is_cut => {}
                event => return event,
            }
        }
    }

    /// The message that comes next was read ahead in chunks, of which none was handed out, and is now wanted whole.
    fn reassemble(&mut self) -> Result<(), Error> {
        let JoinedChunks { bytes, between, end } = self.ahead.take_chunks();
        let message = match end {
            Some(kind) => self.receive.joined(kind, bytes).map(Some),
            // The rest of it does not come.
            None if self.is_cut => Ok(None),
            None => self.receive.take_back(bytes).map(|()| None),
        };
        match message {
            Ok(Some(message)) => self.ahead.push_front(Ok(Event::Message(message))),
            Ok(None) => {}
            Err(violation) if self.closing.is_receiving() => {
                self.ahead.waiting = None;
                return Err(self.violated(violation));
            }
            // Too large, and there is nobody any more who could be told.
            Err(_) => {}
        }
        between.into_iter().rev().for_each(|event| self.ahead.push_front(event));
        Ok(())
    }

    /// Looks at what was read, for a driver that waits for something else than receiving, so that pings are answered,
    /// pongs counted and a Close frame seen meanwhile. The events wait for [`poll_event`](crate::Machine::poll_event).
    ///
    /// The peer's Close frame and the end of the stream are not taken by this: the user may still reply to the messages before, for
    /// `close_timeout`.
    ///
    /// Says whether to read on. Once `max_read_ahead` bytes wait it is `false`: then the driver stops reading, says so
    /// with [`pause`](Self::pause), and the peer feels it.
    pub fn read_ahead(&mut self) -> bool {
        self.look_ahead(false)
    }

    /// Whether `max_read_ahead` bytes of events wait, so that nothing more is read ahead.
    pub fn is_read_ahead_full(&self) -> bool {
        self.ahead.is_full()
    }

    /// As [`read_ahead`](Self::read_ahead), for a driver that waits for the end, with nobody there to receive meanwhile: once we
    /// have begun to close, messages beyond the limit are dropped, so that they do not hide the peer's Close frame. A message of which
    /// a chunk was dropped does not go on, nor does another in chunks follow it.
    ///
    /// Nobody is there to reply either: the peer's Close frame is answered at once.
    pub fn read_to_close(&mut self) -> bool {
        let reads_on = self.look_ahead(self.closing.has_sent());
        self.answer_close();
        if self.closing.take_end(self.answering.withholds()) { self.look_ahead(true) } else { reads_on }
    }

    fn look_ahead(&mut self, drops: bool) -> bool {
        let is_in_chunks = self.receive.is_in_chunks();
        let reads_on = self.look_ahead_in_mode(drops);
        self.receive.set_chunks(is_in_chunks);
        reads_on
    }

    fn look_ahead_in_mode(&mut self, drops: bool) -> bool {
        loop {
            let is_full = self.ahead.is_full();
            // After a missed deadline nothing is read any more: behind what was, there is the end, which must be seen.
            if is_full && !drops && !self.closing.has_missed() {
                return false;
            }
            if is_full {
                // A message that is dropped need not be assembled.
                self.receive.set_chunks(true);
            }
            match self.step(Fate::Kept) {
                Ok(Some(Event::Chunk(_))) if is_full || self.is_cut => self.is_cut = true,
                Ok(Some(Event::Message(_) | Event::Ping(_) | Event::Pong { .. })) if is_full => {}
                Ok(Some(Event::Chunk(chunk))) => self.ahead.push(Ok(Event::Chunk(chunk.detached()))),
                Ok(Some(event)) => self.ahead.push(Ok(event)),
                Ok(None) => return self.closed().is_none(),
                Err(error) => self.ahead.push(Err(error)),
            }
        }
    }
}
