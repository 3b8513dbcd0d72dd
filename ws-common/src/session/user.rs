//! The wishes of a user of a session.

use std::sync::Arc;
use std::time::Duration;

use ws_core::{CloseFrame, Instant, Machine, Message, PingError, SendError};

use super::event::{ClientEvent, ClientStatus};
use super::gauge::Gauge;
use super::outbox::OutboxPolicy;
use super::proofs::{ConfirmError, Mark, Ticket};
use super::stats::ClientStats;
use super::{Session, SessionState, Wish};
use crate::reconnect::{Cause, GiveUp};

/// While more bytes than this wait in the connection, no ping is accepted.
const MAX_BEFORE_PING: usize = 128 * 1024;

/// Messages.
impl Session {
    /// Whether a message of any size would be accepted now.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Queues a message, also while there is no connection. Messages go out in order, right after [`ClientEvent::Open`] and the messages
    /// of [`on_open`](super::ClientBuilder::on_open), or after [`release`](Self::release) with [`hold`](super::ClientBuilder::hold).
    ///
    /// An error hands the message back: the outbox is full, or the client is over, or it is closing and will not reconnect.
    /// An accepted message is sent. If no connection follows, [`take_unsent`](Self::take_unsent) hands it back.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.queue(message.into(), None)
    }

    /// Queues a message, for the handle with this mark if there is one. After `expires`, it does not begin to leave: it is dropped,
    /// [`ClientStats::messages_expired`] counts it, and `flush` and `confirm` report it. A message that has begun to leave is finished.
    ///
    /// A message that may expire is handed to the connection only when all before it have left. After [`close`](Self::close),
    /// none expires.
    pub fn send_until(
        &mut self,
        message: Message,
        expires: Instant,
        mark: Option<&Mark>,
        now: Instant,
    ) -> Result<(), SendError> {
        self.now = now;
        self.outbox.expire(now);
        self.queue(message, Some(expires))?;
        if let Some(mark) = mark {
            mark.sent(self.outbox.newest());
        }
        Ok(())
    }

    fn queue(&mut self, message: Message, expires: Option<Instant>) -> Result<(), SendError> {
        if !self.is_accepting() {
            return Err(match self.is_stopping() {
                true => SendError::Closed(Some(message)),
                false => SendError::NotConnected(message),
            });
        }
        if self.outbox.push(message, expires)? {
            self.events.push(ClientEvent::BufferFull);
        }
        self.feed();
        Ok(())
    }

    /// Whether messages are still accepted, if there is room.
    pub fn is_accepting(&self) -> bool {
        match self.settings.when_lost {
            OutboxPolicy::Refuse => self.status() == ClientStatus::Open,
            _ => !self.is_stopping(),
        }
    }

    /// Whether no message is accepted any more.
    fn is_stopping(&self) -> bool {
        match &self.state {
            _ if self.is_ended() => true,
            SessionState::Open(open) if matches!(self.wish, Some(Wish::Stop(_))) => {
                !open.machine.inner().is_open()
            }
            _ => false,
        }
    }

    /// Whether everything that was queued has been taken by a transport, or (confirmed) is proven. `None` if that is yet to be
    /// seen; [`SendError::Closed`] if the client is over before.
    ///
    /// [`SendError::Undelivered`] if a message was given up, or skipped, that the handle with this mark has sent since its
    /// last `flush` that returned; without a mark, one that anybody has sent since the last such `flush` without a mark. Each is
    /// told once: the next call asks about later messages only.
    ///
    /// To be asked again when [`has_flushed`](Self::has_flushed) is `true` or [`proofs_version`](Self::proofs_version) has changed.
    pub fn flushed(&mut self, mark: Option<&Mark>) -> Option<Result<(), SendError>> {
        let all = Ticket { after: self.flushed_to, newest: self.outbox.newest() };
        let ticket = mark.map_or(all, Mark::unflushed);
        let (told, outcome) = match self.outbox.given_up(&ticket) {
            Some(told) => (told, Err(SendError::Undelivered)),
            None if self.outbox.has_flushed() => (ticket.newest, Ok(())),
            None => return self.is_ended().then_some(Err(SendError::Closed(None))),
        };
        match mark {
            Some(mark) => mark.settle_flush(told),
            None => self.flushed_to = self.flushed_to.max(told),
        }
        Some(outcome)
    }

    /// Whether the outbox is empty, or the client is over.
    pub fn has_flushed(&self) -> bool {
        self.outbox.has_flushed() || self.is_ended()
    }

    /// Whether no connection follows, unless the user wants one. The last end may not be reported yet.
    pub(super) fn is_ended(&self) -> bool {
        match self.state {
            SessionState::Over => true,
            SessionState::Deciding(_) => matches!(self.wish, Some(Wish::Stop(_))),
            _ => false,
        }
    }

    /// Queues a message as [`send`](Self::send) does, for the handle with this mark.
    pub fn send_marked(&mut self, message: Message, mark: &Mark) -> Result<(), SendError> {
        self.send(message)?;
        mark.sent(self.outbox.newest());
        Ok(())
    }

    /// Asks for a proof that the next WebSocket hop has parsed every message in the interval of this mark. The interval holds the messages
    /// that the handle has sent since its last `confirm` returned. Without a mark, it holds the messages of all handles since the last
    /// `confirm` without a mark returned. [`Delivery`](super::Delivery) tells the worth of a proof.
    ///
    /// [`ConfirmError::NothingSent`] if the handle has never sent anything. A ticket may be dropped.
    pub fn confirm(&mut self, mark: Option<&Mark>) -> Result<Ticket, ConfirmError> {
        let ticket = match mark {
            Some(mark) => mark.ticket().ok_or(ConfirmError::NothingSent)?,
            None => Ticket { after: self.confirmed_to, newest: self.outbox.newest() },
        };
        self.outbox.ask(&ticket);
        if self.outbox.awaits_proof() {
            self.answer_peer();
        }
        self.feed();
        Ok(ticket)
    }

    /// The outcome of [`confirm`](Self::confirm), `None` if it is not known yet. The mark is the one that the ticket was asked
    /// for with. An outcome moves it on, so that the next `confirm` asks about later messages only: after `Ok`, all later than
    /// the ticket; after [`ConfirmError::Lost`], all later than the loss; [`ConfirmError::Closed`] leaves it where it is, because
    /// the messages may still go out on a later connection.
    ///
    /// To be asked again when [`proofs_version`](Self::proofs_version) has changed. `Ok` is never wrong. An error may be:
    /// when very many separate losses have come, messages between the oldest of them count as lost, too.
    pub fn confirmed(&mut self, ticket: &Ticket, mark: Option<&Mark>) -> Option<Result<(), ConfirmError>> {
        let Some(outcome) = self.outbox.outcome(ticket) else {
            return self.is_ended().then_some(Err(ConfirmError::Closed));
        };
        let told = self.outbox.told(ticket);
        match mark {
            Some(mark) => mark.settle(told),
            None => self.confirmed_to = self.confirmed_to.max(told),
        }
        Some(outcome)
    }

    /// A number that changes when the outcome of a ticket may have become known: with each proof and each loss, and when the
    /// client is over.
    pub fn proofs_version(&self) -> u64 {
        self.outbox.proofs_version()
    }

    /// Takes back what was not sent, or (confirmed) not proven, oldest first: for when the client is over. Else what an open
    /// connection was given already stays there.
    pub fn take_unsent(&mut self) -> Vec<Message> {
        let unsent = self.outbox.take_queued();
        self.check_drained();
        unsent
    }

    /// Empties the outbox, and says how many messages are dropped. `flush` and `confirm` report the loss.
    ///
    /// Messages of an open connection stay. They have begun to leave, wait for a proof, or are in the last 64 KiB and one message before
    /// the transport. Without an open connection, all are dropped.
    pub fn clear(&mut self) -> usize {
        let dropped = self.outbox.clear();
        self.check_drained();
        dropped
    }

    /// Drops the message that [`ClientEvent::Stuck`] reported last, so that the messages behind it go on. Says whether there was
    /// one: it may have been proven since. If it is under way on an open connection, it is dropped when that ends without a
    /// proof. `flush` and `confirm` report the loss, unless the proof comes after all.
    pub fn skip_stuck(&mut self) -> bool {
        let was_stuck = self.outbox.skip_stuck();
        self.check_drained();
        self.feed();
        was_stuck
    }
}

/// The end, and coming back.
impl Session {
    /// Ends the client. An open connection is closed with the closing handshake, after the messages that wait in the outbox. Everything
    /// else is given up at once. The client does not reconnect, unless [`reconnect_after`](Self::reconnect_after) is called later.
    ///
    /// It ends within twice `close_timeout` after the transport has last taken bytes. The messages have `close_timeout` to leave, a time
    /// that starts anew whenever the transport takes bytes. Then the peer has as long to answer. If reading was paused, it goes on until
    /// the end, so that the peer's answer is seen. With confirmed delivery, a ping goes before the Close frame. If a peer answers the Close
    /// frame alone, the messages before it are not proven, and they are handed back.
    pub fn close(&mut self, frame: CloseFrame, now: Instant) {
        self.now = now;
        self.has_input = true;
        self.end_asking();
        if let SessionState::Open(open) = &mut self.state {
            self.wish = Some(Wish::Stop(GiveUp::Closed));
            if open.machine.inner().is_open() && !open.is_shut() {
                let random = &mut self.random;
                self.outbox.feed_all(open.connection(), now, || random.next_u64().to_ne_bytes());
            }
            open.connection().close(frame, now);
            open.is_closing = true;
            open.ends_pause = true;
            self.check_reading();
        } else {
            self.give_up(GiveUp::Closed);
        }
    }

    /// Ends the client at once, without a Close frame. Bytes that were read and not yet looked at are dropped. It does not reconnect,
    /// unless [`reconnect_after`](Self::reconnect_after) is called later.
    pub fn abort(&mut self, now: Instant) {
        self.now = now;
        self.has_input = true;
        self.end_asking();
        if let SessionState::Open(open) = &mut self.state {
            self.wish = Some(Wish::Stop(GiveUp::Aborted));
            open.connection().abort();
            while self.advance_to_keep() {}
        } else {
            self.give_up(GiveUp::Aborted);
        }
    }

    /// Reconnects after `delay`, against the policy, its limits and [`close`](Self::close). The delay counts from the end of the attempt or
    /// the connection under way. If there is none, it counts from now. Fractions of a second count. A client that has given up goes on.
    pub fn reconnect_after(&mut self, delay: Duration, now: Instant) {
        self.now = now;
        match self.state {
            SessionState::Over | SessionState::Waiting { .. } => {
                self.events.drop_outlook();
                self.attempts.again(delay);
                self.wait(now, delay, Cause::Requested);
                self.check_drained();
            }
            SessionState::Deciding(_) => self.overrule(Wish::Again { after: delay, called: now }),
            _ => self.wish = Some(Wish::Again { after: delay, called: now }),
        }
    }

    /// Begins the next attempt at once, if the client waits for it. Else it has no effect.
    pub fn reconnect_now(&mut self, now: Instant) {
        self.now = now;
        if let SessionState::Waiting { until, .. } = &mut self.state {
            *until = now;
        }
    }

    /// Does not reconnect: neither now, if it is waiting for that or [prepares](super::ClientBuilder::prepare) it, nor after the attempt
    /// or the connection under way, which goes on. The very first attempt goes on, too.
    pub fn cancel_reconnect(&mut self) {
        match self.state {
            // The user has closed the client already.
            _ if matches!(self.wish, Some(Wish::Stop(_))) => {}
            SessionState::Waiting { .. } | SessionState::Deciding(_) => self.give_up(GiveUp::Cancelled),
            // No other attempt has come before the first one.
            SessionState::Preparing { .. } if self.stats.attempts > 1 => self.give_up(GiveUp::Cancelled),
            SessionState::Over => {}
            _ => self.wish = Some(Wish::Stop(GiveUp::Cancelled)),
        }
    }
}

/// Compression. [`Config::deflate`](ws_core::Config::deflate) sets the offer.
#[cfg(feature = "deflate")]
impl Session {
    /// Whether messages are compressed that are queued from now on, on whichever connection they go out. Default: yes, where it
    /// was negotiated.
    pub fn compress(&mut self, wanted: bool) {
        self.outbox.compressed.set(wanted);
    }

    /// Gives back the memory for compressing, if a connection is open; see
    /// [`Connection::release_compressor`](ws_core::Connection::release_compressor).
    pub fn release_compressor(&mut self) {
        if let SessionState::Open(open) = &mut self.state {
            open.connection().release_compressor();
        }
    }
}

/// Everything else.
impl Session {
    /// Hands out no message from now on, on this connection and those to come, until [`resume`](Self::resume). Nothing is lost while
    /// the connection lives.
    ///
    /// Messages that were read wait, and so does each event behind them, the end of the connection included. A later
    /// [`close`](Self::close), and the end of the client, let all that is left be handed out. Pings are answered, pongs and proofs
    /// count, and deadlines run on, while less than 1 MiB of messages waits. Then nothing more is read, TCP tells the peer to wait,
    /// and the deadlines of a pong and of a proof stand still. If the connection then misses the deadline of a write, messages that
    /// were read and did not fit are lost with it.
    pub fn pause(&mut self, now: Instant) {
        self.now = now;
        self.is_paused = true;
        if let SessionState::Open(open) = &mut self.state {
            open.ends_pause = false;
        }
        self.check_reading();
    }

    /// Hands out messages again.
    pub fn resume(&mut self, now: Instant) {
        self.now = now;
        self.is_paused = false;
        self.check_reading();
    }

    /// Sends a ping with a payload of at most 125 bytes. [`ClientEvent::Pong`] reports its answer, with the round-trip time.
    ///
    /// [`PingError::Closed`] if no connection is open; [`PingError::ConnectionFull`] while more than 128 KiB wait in the connection, so
    /// that pings to a peer that takes nothing are bounded.
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        if !self.has_room_for_ping() {
            return Err(PingError::ConnectionFull(MAX_BEFORE_PING));
        }
        let SessionState::Open(open) = &mut self.state else { return Err(PingError::Closed) };
        self.outbox.ping(open.connection(), payload.as_ref())
    }

    /// Whether [`ping`](Self::ping) would not find the connection full.
    pub fn has_room_for_ping(&mut self) -> bool {
        let SessionState::Open(open) = &mut self.state else { return true };
        let connection = open.connection();
        !connection.is_open() || connection.outbound().len() <= MAX_BEFORE_PING
    }

    /// The status and the statistics for readers that hold no lock.
    pub fn gauge(&self) -> Arc<Gauge> {
        self.gauge.clone()
    }

    /// Publishes the status and the statistics to the [`gauge`](Self::gauge). A driver calls it before it unlocks the session.
    pub fn publish(&self) {
        self.gauge.publish(self.status(), &self.stats());
    }

    /// Where the client is.
    pub fn status(&self) -> ClientStatus {
        match &self.state {
            SessionState::Deciding(_) if self.is_ended() => ClientStatus::Closed,
            SessionState::Waiting { .. } | SessionState::Deciding(_) => ClientStatus::Waiting,
            SessionState::New
            | SessionState::Preparing { .. }
            | SessionState::Redirecting { .. }
            | SessionState::Connecting(_)
            | SessionState::Handshaking(..) => ClientStatus::Connecting,
            SessionState::Open(open) if open.is_asking() => ClientStatus::Connecting,
            SessionState::Open(open) if open.machine.inner().is_open() => ClientStatus::Open,
            SessionState::Open(_) => ClientStatus::Closing,
            SessionState::Over => ClientStatus::Closed,
        }
    }

    /// The totals over all connections, and the counts of the present one.
    pub fn stats(&self) -> ClientStats {
        let connection = match &self.state {
            SessionState::Open(open) => Some(open.machine.inner().stats()),
            _ => None,
        };
        ClientStats {
            connection,
            outbox_messages: self.outbox.len() as u64,
            outbox_bytes: self.outbox.size() as u64,
            messages_expired: self.outbox.expired(),
            ..self.stats
        }
    }

    /// Whether nothing will happen any more, unless the user wants it, and everything was reported.
    pub fn is_over(&self) -> bool {
        matches!(self.state, SessionState::Over) && self.events.is_empty()
    }
}
