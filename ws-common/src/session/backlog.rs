//! Events that wait to be taken.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use ws_core::HandshakeError;

use super::event::{ClientError, ClientEvent};
use crate::error::{ConnectError, ConnectTimeout};
use crate::proxy::{ProxyError, ProxyRefusal};
use crate::reconnect::{Cause, GiveUp};
use crate::redirect::{RedirectRefusal, RedirectRefused};

/// Limit of each kind of event that waits, in bytes.
const LIMIT: usize = if cfg!(shuttle) { 3600 } else { 1 << 20 };

/// Events that were reported, and messages that were read ahead, oldest first.
///
/// Messages beyond the limit are not read, because TCP can tell the peer to wait. Nothing else waits for a consumer of events: a
/// caller that waits for a flush, a proof or room must not depend on one. So reports beyond the limit are merged instead.
#[derive(Default)]
pub(super) struct Backlog {
    events: VecDeque<ClientEvent>,
    /// Memory that events of each [`EventKind`] hold, in bytes.
    sizes: [usize; 3],
    /// Nobody takes events any more.
    is_discarding: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Received,
    GivenUp,
    Report,
}

impl Backlog {
    pub(super) fn push(&mut self, event: ClientEvent) {
        if self.is_discarding {
            return;
        }
        if self.sizes[EventKind::Report as usize] >= LIMIT {
            self.merge_reports();
        }
        if let ClientEvent::Stuck { .. } = event {
            // It keeps its message, which the outbox need not have any more.
            self.retain(|_, event| !matches!(event, ClientEvent::Stuck { .. }));
        }
        self.sizes[kind(&event) as usize] += size(&event);
        self.events.push_back(event);
    }

    /// Reports what the end of a connection means for messages. The oldest messages that were given up before are forgotten, if too
    /// much of them waits.
    pub(super) fn push_losses(&mut self, losses: Vec<ClientEvent>) {
        let mut surplus = self.sizes[EventKind::GivenUp as usize].saturating_sub(LIMIT - 1);
        if losses.iter().any(|event| kind(event) == EventKind::GivenUp) && surplus > 0 {
            self.retain(|_, event| {
                let is_kept = kind(event) != EventKind::GivenUp || surplus == 0;
                surplus = if is_kept { surplus } else { surplus.saturating_sub(size(event)) };
                is_kept
            });
        }
        losses.into_iter().for_each(|event| self.push(event));
    }

    pub(super) fn pop(&mut self) -> Option<ClientEvent> {
        let event = self.events.pop_front()?;
        self.sizes[kind(&event) as usize] -= size(&event);
        if self.events.capacity() > 64 && self.events.len() < self.events.capacity() / 4 {
            self.events.shrink_to(self.events.capacity() / 2);
        }
        Some(event)
    }

    /// Keeps of the reports that wait the first attempt's, the latest outlook, and all behind it.
    fn merge_reports(&mut self) {
        use ClientEvent::{BufferDrained, BufferFull, Message, Ping, Pong, Undelivered};
        let is_outlook = |event: &ClientEvent| matches!(event, ClientEvent::Reconnecting { .. });
        let first = self.events.iter().position(is_outlook).unwrap_or_default();
        let last = self.events.iter().rposition(is_outlook).unwrap_or_default();
        // These two alternate: an even number of them says nothing.
        let is_level = |event: &ClientEvent| matches!(event, BufferFull | BufferDrained);
        let levels = self.events.iter().filter(|event| is_level(event)).count();
        let level = self.events.iter().rposition(is_level).filter(|_| levels % 2 == 1);
        self.retain(|at, event| match event {
            Message(_) | Undelivered(_) => true,
            Ping(_) | Pong { .. } => false,
            BufferFull | BufferDrained => level == Some(at),
            _ => !(first..last).contains(&at),
        });
    }

    /// Keeps the events of which this says so, by their place.
    fn retain(&mut self, mut is_kept: impl FnMut(usize, &ClientEvent) -> bool) {
        let (mut at, mut sizes) = (0, [0; 3]);
        self.events.retain(|event| {
            let is_kept = is_kept(at, event);
            at += 1;
            if is_kept {
                sizes[kind(event) as usize] += size(event);
            }
            is_kept
        });
        self.sizes = sizes;
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

    /// Whether a connection is reported of which nobody was told yet.
    pub(super) fn has_open(&self) -> bool {
        self.events.iter().any(|event| matches!(event, ClientEvent::Open(_)))
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether so many messages wait that no more are read.
    pub(super) fn is_full(&self) -> bool {
        self.sizes[EventKind::Received as usize] >= LIMIT
    }

    /// Forgets the newest event if it is one of an open connection, other than its end.
    pub(super) fn drop_data(&mut self) {
        use ClientEvent::{Message, Ping, Pong};
        self.drop_last_if(|event| matches!(event, Message(_) | Ping(_) | Pong { .. }));
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
        if self.events.back().is_some_and(is_dropped)
            && let Some(event) = self.events.pop_back()
        {
            self.sizes[kind(&event) as usize] -= size(&event);
        }
    }
}

fn kind(event: &ClientEvent) -> EventKind {
    match event {
        ClientEvent::Message(_) => EventKind::Received,
        ClientEvent::Undelivered(_) => EventKind::GivenUp,
        _ => EventKind::Report,
    }
}

/// The bytes for which an event counts: all that it holds, and two places in the queue. A full queue doubles its memory.
fn size(event: &ClientEvent) -> usize {
    let held = match event {
        ClientEvent::Message(message) | ClientEvent::Undelivered(message) => message.len(),
        ClientEvent::Ping(payload) | ClientEvent::Pong { payload, .. } => payload.len(),
        ClientEvent::Open(response) => 2 * response.head().len(),
        ClientEvent::Closing(frame) => frame.reason().len(),
        ClientEvent::Error(error) => held_by(error),
        ClientEvent::Closed(closed) => closed.reason.len(),
        ClientEvent::Reconnecting { cause, .. } => cause.held(),
        // Its message is that of the outbox, and at most one such event waits.
        ClientEvent::Stuck { last_end, .. } => last_end.held(),
        ClientEvent::GaveUp { reason: GiveUp::NotRetried(cause) | GiveUp::Stopped(cause) } => cause.held(),
        _ => 0,
    };
    held + 2 * size_of::<ClientEvent>()
}

/// Memory that an error holds apart from itself, in bytes.
fn held_by(error: &ClientError) -> usize {
    match error {
        ClientError::Connect(error) => held_by_attempt(error),
        ClientError::HookPanicked { end: Some(end), .. } => size_of::<ClientError>() + held_by(end),
        _ => 0,
    }
}

fn held_by_attempt(error: &ConnectError) -> usize {
    let failures =
        |failures: &Vec<(SocketAddr, io::Error)>| failures.capacity() * size_of::<(SocketAddr, io::Error)>();
    let timeout = |timeout: &ConnectTimeout| {
        timeout.pending.capacity() * size_of::<SocketAddr>() + failures(&timeout.failures)
    };
    match error {
        ConnectError::Resolve { host, .. } => host.len(),
        ConnectError::Connect(failed) => failures(failed),
        ConnectError::ConnectTimeout(passed) => timeout(passed),
        ConnectError::Redirect(refused) => {
            let text = if let RedirectRefusal::Hook(text) = &refused.reason { text.len() } else { 0 };
            let targets = [&refused.from, &refused.to].map(|target| target.path_and_query().len());
            size_of::<RedirectRefused>() + text + targets.iter().sum::<usize>()
        }
        ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } => {
            2 * rejected.response.head().len() + rejected.body.len()
        }
        ConnectError::Proxy { source, .. } => match source {
            ProxyError::Connect(failed) => failures(failed),
            ProxyError::ConnectTimeout(passed) => timeout(passed),
            ProxyError::AuthenticationRequired { refusal, .. } | ProxyError::Refused(refusal) => {
                size_of::<ProxyRefusal>() + 2 * refusal.response.head().len() + refusal.body.len()
            }
            ProxyError::NotHttp(start) => start.len(),
            ProxyError::Name(name) | ProxyError::Malformed(name) => name.len(),
            _ => 0,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ws_core::{Closed, Initiator};

    use super::*;
    use crate::reconnect::DisconnectReason;

    /// A failed attempt at a name with many addresses, as a system reports it.
    fn attempt(backlog: &mut Backlog, number: u32, is_late: bool) -> usize {
        let failures: Vec<_> = (0..100)
            .map(|n| (([192, 0, 2, n], 80).into(), io::Error::from(io::ErrorKind::ConnectionRefused)))
            .collect();
        let entries = failures.capacity() * size_of::<(SocketAddr, io::Error)>();
        let error = match is_late {
            true => ConnectError::ConnectTimeout(ConnectTimeout {
                open_timeout: Duration::ZERO,
                pending: Vec::new(),
                failures,
            }),
            false => ConnectError::Connect(failures),
        };
        let cause = Cause::from(&DisconnectReason::Failed(&error));
        let held = entries + error.to_string().len() + 3 * size_of::<ClientEvent>();
        backlog.push(ClientEvent::Error(ClientError::Connect(error)));
        backlog.push(ClientEvent::Closed(Closed::abrupt(1006, Initiator::Local)));
        backlog.push(ClientEvent::Reconnecting { attempt: number, after: Duration::ZERO, cause });
        held
    }

    #[test]
    fn reports_of_attempts_that_nobody_takes_stay_within_the_limit() {
        for is_late in [true, false] {
            let mut backlog = Backlog::default();
            let one = attempt(&mut backlog, 1, is_late);
            for number in 2..3000 {
                attempt(&mut backlog, number, is_late);
                let held = backlog.events.len() / 3 * one;
                assert!(held <= LIMIT + 2 * one, "{held} bytes after {number} attempts");
            }
            assert!(!backlog.is_full());
        }
    }

    #[test]
    fn messages_that_were_given_up_stay_within_the_limit_and_one_more() {
        let mut backlog = Backlog::default();
        for n in 0..100_u8 {
            backlog.push_losses(vec![ClientEvent::Undelivered(vec![n; LIMIT / 4].into())]);
            assert!(backlog.events.len() <= 5);
        }
        backlog.push_losses(vec![ClientEvent::Undelivered(vec![100; 20 * LIMIT].into())]);
        attempt(&mut backlog, 1, false);
        let large =
            |event: &ClientEvent| matches!(event, ClientEvent::Undelivered(message) if message.len() > LIMIT);
        assert!(backlog.events.iter().any(large), "it waits for whoever looks next");
        backlog.push_losses(vec![ClientEvent::Undelivered(vec![101; 1].into())]);
        assert!(!backlog.events.iter().any(large));
        while backlog.pop().is_some() {}
        assert_eq!(backlog.sizes, [0; 3]);
    }

    #[test]
    fn one_stuck_message_waits() {
        let mut backlog = Backlog::default();
        for failures in 1..10 {
            let last_end = Cause::Requested;
            backlog.push(ClientEvent::Stuck { message: vec![0; LIMIT].into(), failures, last_end });
        }
        assert!(matches!(backlog.pop(), Some(ClientEvent::Stuck { failures: 9, .. })));
        assert!(backlog.pop().is_none());
    }

    #[test]
    fn a_flood_of_full_and_drained_outboxes_is_bounded_and_leaves_the_latest() {
        for is_full in [true, false] {
            let mut backlog = Backlog::default();
            for _ in 0..100_000 {
                backlog.push(ClientEvent::BufferFull);
                backlog.push(ClientEvent::BufferDrained);
            }
            if is_full {
                backlog.push(ClientEvent::BufferFull);
            }
            assert!(backlog.events.len() * size_of::<ClientEvent>() <= LIMIT + 200);
            let mut expected = true;
            while let Some(event) = backlog.pop() {
                assert_eq!(matches!(event, ClientEvent::BufferFull), expected);
                expected = !expected;
            }
            assert_eq!(expected, !is_full);
        }
    }
}
