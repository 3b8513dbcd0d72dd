//! Events that wait to be taken.

use std::collections::VecDeque;

use ws_core::HandshakeError;

use super::event::{ClientError, ClientEvent};
use crate::error::ConnectError;
use crate::reconnect::{Cause, GiveUp};

/// While events of so many bytes wait, no more are brought about.
const LIMIT: usize = if cfg!(shuttle) { 1 << 11 } else { 1 << 20 };

/// What was reported, and what was read ahead, oldest first.
#[derive(Default)]
pub(super) struct Backlog {
    events: VecDeque<ClientEvent>,
    /// What the events hold, in bytes.
    size: usize,
    /// Nobody takes events any more.
    is_discarding: bool,
}

impl Backlog {
    pub(super) fn push(&mut self, event: ClientEvent) {
        if self.is_discarding {
            return;
        }
        self.size += size(&event);
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<ClientEvent> {
        let event = self.events.pop_front()?;
        self.size -= size(&event);
        if self.events.is_empty() && self.events.capacity() > 64 {
            self.events = VecDeque::new();
        }
        Some(event)
    }

    /// Drops the events that are there, and all to come.
    pub(super) fn discard(&mut self) {
        *self = Self { is_discarding: true, ..Self::default() };
    }

    pub(super) fn is_discarding(&self) -> bool {
        self.is_discarding
    }

    /// Whether the oldest event is a message.
    pub(super) fn begins_with_message(&self) -> bool {
        matches!(self.events.front(), Some(ClientEvent::Message(_)))
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.size >= LIMIT
    }

    /// Forgets the newest event if it is one of an open connection, other than its end.
    pub(super) fn drop_data(&mut self) {
        use ClientEvent::{Message, Ping, Pong};
        if let Some(Message(_) | Ping(_) | Pong { .. }) = self.events.back() {
            let event = self.events.pop_back();
            self.size -= event.as_ref().map_or(0, size);
        }
    }

    /// Forgets whether an attempt was to follow, if nobody was told yet: another one takes its place.
    pub(super) fn drop_outlook(&mut self) {
        self.drop_last_if(|event| matches!(event, ClientEvent::GaveUp { .. }));
        self.drop_last_if(|event| matches!(event, ClientEvent::Reconnecting { .. }));
    }

    /// Forgets that an attempt was to follow, if nobody was told yet. One that the user asked for is told: the user may know that
    /// the client was over before.
    pub(super) fn drop_reconnecting(&mut self) {
        self.drop_last_if(
            |event| matches!(event, ClientEvent::Reconnecting { cause, .. } if *cause != Cause::Requested),
        );
    }

    fn drop_last_if(&mut self, is_dropped: impl FnOnce(&ClientEvent) -> bool) {
        if self.events.back().is_some_and(is_dropped) {
            let event = self.events.pop_back();
            self.size -= event.as_ref().map_or(0, size);
        }
    }
}

/// An event counts itself, so that a flood of empty ones is bounded too.
fn size(event: &ClientEvent) -> usize {
    let held = match event {
        ClientEvent::Message(message)
        | ClientEvent::Undelivered(message)
        | ClientEvent::Stuck { message, .. } => message.len(),
        ClientEvent::Ping(payload) | ClientEvent::Pong { payload, .. } => payload.len(),
        ClientEvent::Open(response) => 2 * response.head().len(),
        ClientEvent::Error(ClientError::Connect(ConnectError::Handshake {
            source: HandshakeError::Rejected(rejected),
            ..
        })) => 2 * rejected.response.head().len() + rejected.body.len(),
        ClientEvent::Reconnecting { cause, .. } => cause.held(),
        ClientEvent::GaveUp { reason: GiveUp::NotRetried(cause) | GiveUp::Stopped(cause) } => cause.held(),
        _ => 0,
    };
    held + size_of::<ClientEvent>()
}
