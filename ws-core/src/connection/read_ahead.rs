//! Events that are read while nobody asks for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::error::Error;
use crate::message::{Event, MessageKind};
use crate::receive::{Excess, Receive};

use super::close::Answering;
use super::{Connection, Fate};

/// What was received while the user waited for something else.
pub(super) struct ReadAhead {
    /// 4 GiB stand for more: a connection is 8 bytes smaller.
    limit: u32,
    /// A chunk of a message was handed out, and was not its last.
    pub(super) is_within_chunks: bool,
    /// A chunk was dropped while we wait for the end.
    is_cut: bool,
    /// The answer to the peer's Close frame, which may wait here.
    pub(super) answering: Answering,
    waiting: Option<Box<WaitingEvents>>,
}

#[derive(Default)]
struct WaitingEvents {
    /// Invariant: not empty.
    items: VecDeque<Item>,
    /// The sum of the [sizes](Item::size) of the items.
    size: usize,
}

impl ReadAhead {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            is_within_chunks: false,
            is_cut: false,
            answering: Answering::default(),
            waiting: None,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    fn is_full(&self) -> bool {
        self.waiting.as_ref().map_or(0, |waiting| waiting.size) >= self.limit as usize
    }

    fn pop(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.pop_item() {
                Some(Item::Event(event)) => return Ok(Some(event)),
                Some(Item::Failure(error)) => return Err(error),
                // Chunks have no limit.
                Some(Item::Excess(_)) => {}
                None => return Ok(None),
            }
        }
    }

    fn pop_item(&mut self) -> Option<Item> {
        let waiting = self.waiting.as_mut()?;
        let item = waiting.items.pop_front()?;
        waiting.size -= item.size();
        if waiting.items.is_empty() {
            self.waiting = None;
        } else if waiting.items.len() < waiting.items.capacity() / 4 {
            waiting.items.shrink_to(waiting.items.capacity() / 2);
        }
        Some(item)
    }

    fn push(&mut self, item: Item) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.size += item.size();
        waiting.items.push_back(item);
    }

    fn push_front(&mut self, item: Item) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.size += item.size();
        waiting.items.push_front(item);
    }

    pub(super) fn push_excess(&mut self, excess: Excess) {
        self.push(Item::Excess(Box::new(excess)));
    }

    fn begins_with_chunk(&self) -> bool {
        let first = self.waiting.as_ref().and_then(|waiting| waiting.items.front());
        matches!(first, Some(Item::Event(Event::Chunk(_)) | Item::Excess(_)))
    }

    /// Takes the chunks out of the message that the first one belongs to.
    fn take_chunks(&mut self) -> JoinedChunks {
        let mut chunks = JoinedChunks::default();
        while chunks.end.is_none()
            && let Some(item) = self.pop_item()
        {
            match item {
                Item::Event(Event::Chunk(chunk)) => {
                    if chunks.excess.is_none() {
                        chunks.bytes.extend_from_slice(&chunk.bytes);
                    }
                    chunks.end = chunk.last.then_some(chunk.kind);
                }
                Item::Excess(excess) => chunks.excess = Some((excess, chunks.between.len())),
                other => chunks.between.push(other),
            }
        }
        chunks
    }
}

/// Something that waits.
enum Item {
    Event(Event),
    Failure(Error),
    /// The next chunk is beyond the limit for messages that are received whole.
    Excess(Box<Excess>),
}

/// The chunks of a message, put together.
#[derive(Default)]
struct JoinedChunks {
    /// Those within the limit on the size of a message.
    bytes: Vec<u8>,
    /// Other items that came between them.
    between: Vec<Item>,
    /// The excess over that limit, and the number of items that came before it.
    excess: Option<(Box<Excess>, usize)>,
    /// The type of the message, if its last chunk is there.
    end: Option<MessageKind>,
}

impl Item {
    /// The bytes for which it counts: its payload and two places in the queue, because a full queue doubles its memory. It keeps at most
    /// twice as much alive.
    fn size(&self) -> usize {
        let payload = match self {
            Self::Event(Event::Message(message)) => message.len(),
            Self::Event(Event::Chunk(chunk)) => chunk.bytes.len(),
            Self::Event(Event::Ping(payload) | Event::Pong { payload, .. }) => payload.len(),
            Self::Event(Event::Closing(_) | Event::Closed(_)) | Self::Failure(_) => 0,
            Self::Excess(_) => size_of::<Excess>(),
        };
        payload + 2 * size_of::<Self>()
    }
}

impl Connection {
    /// The next event, of those that were read ahead first.
    pub(super) fn poll_ahead(&mut self, fate: Fate) -> Result<Option<Event>, Error> {
        let event = if self.ahead.is_empty() { self.step_uncut(fate) } else { self.poll_waiting(fate) };
        match &event {
            Ok(Some(Event::Chunk(chunk))) => self.ahead.is_within_chunks = !chunk.last,
            Ok(Some(Event::Closing(_))) if matches!(self.ahead.answering, Answering::WhenTaken) => {
                self.answer_close();
            }
            Ok(None) if self.closing.take_end(self.ahead.answering.withholds()) => {
                return self.step_uncut(fate);
            }
            _ => {}
        }
        event
    }

    /// The next event, where some may have been read ahead.
    #[inline(never)]
    fn poll_waiting(&mut self, fate: Fate) -> Result<Option<Event>, Error> {
        if self.ahead.begins_with_chunk() && !self.ahead.is_within_chunks && !self.receive.is_in_chunks() {
            self.reassemble();
        }
        match self.ahead.pop() {
            Ok(None) => self.step_uncut(fate),
            event => event,
        }
    }

    /// The next event, of those that were not yet read ahead: no chunk behind one that was dropped.
    fn step_uncut(&mut self, fate: Fate) -> Result<Option<Event>, Error> {
        loop {
            match self.step(fate) {
                Ok(Some(Event::Chunk(_))) if self.ahead.is_cut => {}
                event => return event,
            }
        }
    }

    /// The message that comes next was read ahead in chunks, of which none was handed out, and is now wanted whole.
    fn reassemble(&mut self) {
        let JoinedChunks { bytes, mut between, excess, end } = self.ahead.take_chunks();
        match (excess, end) {
            (Some((excess, before)), _) if self.closing.is_receiving() => {
                between.truncate(before);
                self.ahead.waiting = None;
                let violation = self.receive.exceeded(*excess);
                let failure = self.violated(violation);
                self.ahead.push_front(Item::Failure(failure));
            }
            // Too large, and there is nobody any more who could be told.
            (Some(_), _) => {}
            (None, Some(kind)) => {
                self.ahead.push_front(Item::Event(Event::Message(Receive::joined(kind, bytes))));
            }
            // The rest of it does not come.
            (None, None) if self.ahead.is_cut => {}
            (None, None) => self.receive.take_back(bytes),
        }
        between.into_iter().rev().for_each(|item| self.ahead.push_front(item));
    }

    /// The same as [`poll_event`](crate::Machine::poll_event), for a caller that keeps events in a queue. The payload of a message keeps
    /// at most twice its size alive.
    #[doc(hidden)]
    pub fn poll_event_to_keep(&mut self) -> Result<Option<Event>, Error> {
        match self.closing.take_failure() {
            None => self.poll_ahead(Fate::Kept),
            Some(failure) => Err(failure),
        }
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
        if self.closing.take_end(self.ahead.answering.withholds()) { self.look_ahead(true) } else { reads_on }
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
                Ok(Some(Event::Chunk(_))) if is_full || self.ahead.is_cut => self.ahead.is_cut = true,
                Ok(Some(Event::Message(_) | Event::Ping(_) | Event::Pong { .. })) if is_full => {}
                Ok(Some(Event::Chunk(chunk))) => self.ahead.push(Item::Event(Event::Chunk(chunk.detached()))),
                Ok(Some(event)) => self.ahead.push(Item::Event(event)),
                Ok(None) => return self.closed().is_none(),
                Err(error) => self.ahead.push(Item::Failure(error)),
            }
        }
    }
}
