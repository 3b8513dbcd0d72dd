//! Events that are read while nobody asks for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::error::Error;
use crate::message::Event;

use super::Connection;

/// What was received while the user waited for something else.
pub(super) struct ReadAhead {
    limit: usize,
    waiting: Option<Box<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    /// Invariant: not empty.
    events: VecDeque<Result<Event, Error>>,
    /// What the events hold, in bytes.
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

    pub(super) fn pop(&mut self) -> Result<Option<Event>, Error> {
        let Some(waiting) = &mut self.waiting else { return Ok(None) };
        let event = waiting.events.pop_front().transpose();
        if let Ok(Some(event)) = &event {
            waiting.size -= size(event);
        }
        if waiting.events.is_empty() {
            self.waiting = None;
        }
        event
    }

    fn push(&mut self, event: Result<Event, Error>) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.size += event.as_ref().map_or(0, size);
        waiting.events.push_back(event);
    }
}

/// An event counts itself, so that a flood of empty ones is bounded too.
fn size(event: &Event) -> usize {
    let payload = match event {
        Event::Message(message) => message.len(),
        Event::Piece(piece) => piece.bytes.len(),
        Event::Ping(payload) | Event::Pong { payload, .. } => payload.len(),
        Event::Closing(_) | Event::Closed(_) => 0,
    };
    payload + size_of::<Event>()
}

impl Connection {
    /// Looks at what was read, for a driver that waits for something else than receiving, so that pings are answered,
    /// pongs counted and a Close frame seen meanwhile. The events wait for [`poll_event`](crate::Machine::poll_event).
    ///
    /// Says whether to read on. Once `max_read_ahead` bytes wait it is `false`: then the driver stops reading, says so
    /// with [`pause`](Self::pause), and the peer feels it.
    pub fn read_ahead(&mut self) -> bool {
        self.look_ahead(false)
    }

    /// As [`read_ahead`](Self::read_ahead), for a driver that waits for the end, with nobody there to receive meanwhile: once we
    /// have begun to close, messages beyond the limit are dropped, so that they do not hide the peer's Close frame.
    pub fn read_to_close(&mut self) -> bool {
        self.look_ahead(self.closing.has_sent())
    }

    fn look_ahead(&mut self, drops: bool) -> bool {
        loop {
            let is_full = self.ahead.is_full();
            if is_full && !drops {
                return false;
            }
            match self.step() {
                Ok(Some(Event::Message(_) | Event::Piece(_) | Event::Ping(_) | Event::Pong { .. }))
                    if is_full => {}
                Ok(Some(event)) => self.ahead.push(Ok(event)),
                Ok(None) => return self.closed().is_none(),
                Err(error) => self.ahead.push(Err(error)),
            }
        }
    }
}
