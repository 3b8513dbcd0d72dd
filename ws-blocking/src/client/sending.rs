//! The operations of a client that send messages, in any thread.

use std::time::Duration;

use ws_common::session::{Mark, Session};
use ws_core::{Instant, Message, SendError};

use super::shared::{SharedClient, Unmet};
use crate::driver::Until;
use crate::elapsed::Patience;

impl SharedClient {
    /// Queues a message for the handle with this mark, or for the client, and writes as much as the transport takes at once. The
    /// message may have a time to live.
    pub(super) fn try_send(
        &self,
        message: Message,
        ttl: Option<Duration>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        self.try_send_until(message, self.expires(ttl), mark)
    }

    /// The same, and waits for room, no longer than `timeout`. Then it does the work that nobody may be waiting to do.
    pub(super) fn send(
        &self,
        message: Message,
        ttl: Option<Duration>,
        timeout: Option<Duration>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        let (expires, patience) = (self.expires(ttl), timeout.map(Patience::new));
        let mut waiting = match self.try_send_until(message, expires, mark) {
            Err(SendError::Full { message, .. }) => Some(message),
            result => {
                self.drive_at_once();
                return result;
            }
        };
        let until = |_: &_| Until::each(|state| has_room(&state.machine));
        let sent = self.wait_within(patience, until, |session| {
            // A session that waits knows the time.
            match send(session, waiting.take()?, expires, mark, self.now()) {
                Err(SendError::Full { message, .. }) => {
                    waiting = Some(message);
                    None
                }
                result => Some(result),
            }
        });
        self.change(|_, _| ());
        match (sent, waiting) {
            (Ok(result), _) => result,
            // The refusal names the limit.
            (Err(Unmet::Elapsed), Some(message)) => self.try_send_until(message, expires, mark),
            (Err(_), waiting) => Err(SendError::WithinHook(waiting)),
        }
    }

    /// Sends a message on the present connection.
    pub(super) fn send_now(&self, message: Message, mark: Option<&Mark>) -> Result<(), SendError> {
        self.change(|session, _| match mark {
            Some(mark) => session.send_now_marked(message, mark),
            None => session.send_now(message),
        })
    }

    fn try_send_until(
        &self,
        message: Message,
        expires: Option<Instant>,
        mark: Option<&Mark>,
    ) -> Result<(), SendError> {
        match self.change(|session, now| send(session, message, expires, mark, now)) {
            // The write may have made room.
            Err(SendError::Full { message, .. }) => {
                self.change(|session, now| send(session, message, expires, mark, now))
            }
            result => result,
        }
    }

    fn expires(&self, ttl: Option<Duration>) -> Option<Instant> {
        ttl.map(|ttl| self.now() + ttl)
    }
}

fn send(
    session: &mut Session,
    message: Message,
    expires: Option<Instant>,
    mark: Option<&Mark>,
    now: Instant,
) -> Result<(), SendError> {
    match (expires, mark) {
        (Some(expires), mark) => session.send_until(message, expires, mark, now),
        (None, Some(mark)) => session.send_marked(message, mark),
        (None, None) => session.send(message),
    }
}

/// Whether a message would be accepted, or none ever.
fn has_room(session: &Session) -> bool {
    session.has_room() || !session.is_accepting()
}
