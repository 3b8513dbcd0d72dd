//! The opening phase of a connection: the hook `on_open`, `send_now`, `hold` and `release`.

use ws_core::{Instant, Message, SendError};

use super::event::{ClientError, ClientEvent, ClientStatus};
use super::open::OpeningPhase;
use super::outbox::PresentSource;
use super::proofs::Mark;
use super::{Session, SessionState, Wish};
use crate::reconnect::GiveUp;

/// For drivers: the hook.
impl Session {
    /// The hook `on_open` has given these messages.
    pub(super) fn opened_with(&mut self, messages: Vec<Message>) {
        self.end_asking();
        let SessionState::Open(open) = &mut self.state else { return };
        if let Err(size) = self.outbox.give_opening(open.connection(), messages) {
            let limit = self.connect.config().max_send_buffer;
            open.failure = Some(ClientError::OpeningTooLarge { size, limit });
            open.connection().abort();
        }
        self.begin_opening();
    }

    pub(super) fn on_open_panicked(&mut self) {
        self.end_asking();
        let SessionState::Open(open) = &mut self.state else { return };
        let hook = "on_open";
        open.failure = Some(ClientError::HookPanicked { hook, end: None });
        open.connection().abort();
        self.wish.get_or_insert(Wish::Stop(GiveUp::HookPanicked(hook)));
    }

    /// The hook has answered, or the user goes on without it: then nothing of the outbox leaves on this connection.
    pub(super) fn end_asking(&mut self) {
        let SessionState::Open(open) = &mut self.state else { return };
        if !open.is_asking() {
            return;
        }
        if let OpeningPhase::Asking { response, .. } =
            std::mem::replace(&mut open.opening, OpeningPhase::Held)
        {
            self.events.push(ClientEvent::Open(*response));
        }
        self.question = None;
        self.has_input = true;
        self.check_reading();
    }

    /// The messages of `on_open` have their place. The outbox follows, unless the user holds it.
    pub(super) fn begin_opening(&mut self) {
        if let SessionState::Open(open) = &mut self.state {
            open.opening = if self.settings.hold { OpeningPhase::Held } else { OpeningPhase::Over };
        }
        if !self.settings.hold {
            self.start_heartbeat();
        }
        self.feed();
    }
}

/// For users.
impl Session {
    /// Sends a message on the present connection, before all messages that wait in the outbox. It is never sent on another connection.
    /// Up to 64 KiB and one message that the connection has already leave before it.
    ///
    /// If the peer closes, a message that waits still leaves before our Close frame, within `close_timeout`. If it is lost with the
    /// connection, `flush` and `confirm` report it.
    ///
    /// An error hands the message back at once: no connection is open ([`SendError::NotConnected`]), it is closing, or as many bytes
    /// of such messages wait as [`max_send_buffer`](super::ClientBuilder::max_send_buffer) allows. One message may go beyond that. They
    /// wait apart from the outbox, so that a login passes a full one. They are not compressed.
    pub fn send_now(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        match self.status() {
            ClientStatus::Closed => return Err(SendError::Closed(Some(message))),
            ClientStatus::Connecting | ClientStatus::Waiting => {
                return Err(SendError::NotConnected(message));
            }
            ClientStatus::Open | ClientStatus::Closing => {}
        }
        let SessionState::Open(open) = &mut self.state else { return Err(SendError::NotConnected(message)) };
        self.outbox.give_now(open.connection(), message, PresentSource::Now)?;
        self.feed();
        Ok(())
    }

    /// Sends a message as [`send_now`](Self::send_now) does, for the handle with this mark.
    pub fn send_now_marked(&mut self, message: Message, mark: &Mark) -> Result<(), SendError> {
        self.send_now(message)?;
        mark.sent_now(self.outbox.newest());
        Ok(())
    }

    /// Lets the messages of the outbox go, which [`hold`](super::ClientBuilder::hold) holds back, on the present connection. Says
    /// whether they go now.
    ///
    /// It has no effect before [`ClientEvent::Open`] of the present connection was taken: the caller cannot mean this connection.
    pub fn release(&mut self, now: Instant) -> bool {
        self.now = now;
        let is_known = !self.events.has_open();
        let SessionState::Open(open) = &mut self.state else { return false };
        if let OpeningPhase::Held = open.opening
            && is_known
        {
            open.opening = OpeningPhase::Over;
            self.start_heartbeat();
            self.feed();
        }
        matches!(&self.state, SessionState::Open(open) if !open.is_shut())
    }
}
