//! The progress that the peer has to make: [windows](crate::windows) of writes and of messages, and the rate of messages.

use core::time::Duration;

use crate::close::{CloseCode, CloseFrame};
use crate::deadlines::Deadline;
use crate::error::{Error, Timeout, ViolationKind};
use crate::send::CloseAfter;
use crate::time::{Instant, Span};
use crate::windows::LEAST_PROGRESS;

use super::Connection;

/// Writing.
impl Connection {
    /// The transport takes nothing at present.
    #[cold]
    pub(super) fn write_refused(&mut self, now: Instant) {
        if self.outbound.is_empty() {
            return;
        }
        if self.deadlines.get(Deadline::Write).is_none() {
            self.begin_write_window(now);
        }
        self.windows.refused();
    }

    fn begin_write_window(&mut self, now: Instant) {
        let least = self.outbound.written().saturating_add(LEAST_PROGRESS);
        self.windows.begin_write(least.min(self.outbound.end()));
        self.deadlines.start(Deadline::Write, now);
    }

    /// The transport has taken bytes within a window, `partial` of them without any worth yet.
    #[cold]
    pub(super) fn write_moved(&mut self, partial: u64) {
        if self.windows.moved() {
            // The peer has made the room for them.
            self.keepalive.heard(&mut self.deadlines);
        }
        let taken = self.outbound.written().saturating_add(partial);
        if taken >= self.windows.write_goal() || self.outbound.is_empty() {
            self.end_write_window();
        }
    }

    pub(super) fn end_write_window(&mut self) {
        self.deadlines.stop(Deadline::Write);
        self.windows.end_write();
    }

    /// The time of the window has passed.
    pub(super) fn write_overdue(&mut self, now: Instant) {
        let timeout = self.deadlines.after(Deadline::Write);
        // A transport that has taken something by now may have had room for much more while nobody wrote.
        if self.windows.has_moved() && self.is_late(Deadline::Write, timeout, now) {
            self.begin_write_window(now);
        } else {
            self.missed(Timeout::Write(timeout.duration()));
        }
    }
}

/// Receiving.
impl Connection {
    /// The length of the windows of the incomplete message. `FOREVER` if it has none.
    fn message_timeout(&self) -> Span {
        if self.receive.is_handed_out() {
            self.windows.chunk_timeout()
        } else {
            self.deadlines.after(Deadline::Message)
        }
    }

    /// All that came was looked at, and a message or a frame is incomplete. Says whether the peer has been too slow with it.
    ///
    /// A window that runs is asked for nothing more, also if it began with an earlier message. Its end finds that out.
    #[inline]
    pub(super) fn is_too_slow(&mut self) -> bool {
        self.deadlines.get(Deadline::Message).is_none() && self.judge_message()
    }

    #[inline(never)]
    fn judge_message(&mut self) -> bool {
        let timeout = self.message_timeout();
        if timeout == Span::FOREVER {
            return false;
        }
        let goal = self.windows.message_goal();
        let (has_window, is_enough) = match (goal, self.receive.wanted()) {
            (None, _) => (false, false),
            (Some(_), Some(wanted)) => (wanted.has_window(), wanted.is_enough()),
            // The window of an earlier message began before this one, so its goal is nearer.
            (Some(goal), None) => {
                (goal > self.receive.position() + LEAST_PROGRESS, goal <= self.bytes_received())
            }
        };
        let is_over = self.windows.is_message_over();
        if has_window && !(is_over && is_enough) {
            // Without a deadline, the window is over or stands still.
            return is_over;
        }
        self.begin_message_window(timeout, self.now);
        false
    }

    fn begin_message_window(&mut self, timeout: Span, now: Instant) {
        if let Some(wanted) = self.receive.wanted() {
            wanted.begin_window();
        }
        let left = self.keepalive.is_paused().then_some(timeout);
        self.windows.begin_message(self.bytes_received().saturating_add(LEAST_PROGRESS), left);
        match left {
            None => self.deadlines.set(Deadline::Message, now + timeout),
            Some(_) => self.deadlines.stop(Deadline::Message),
        }
    }

    /// Number of bytes that came, those in the buffer included.
    fn bytes_received(&self) -> u64 {
        self.receive.position() + self.inbound.len() as u64
    }

    /// The time of the window has passed. The bytes that came by now are judged when all of them were looked at.
    #[cold]
    pub(super) fn message_window_over(&mut self, now: Instant) {
        let timeout = self.message_timeout();
        let is_late = self.is_late(Deadline::Message, timeout, now);
        self.deadlines.stop(Deadline::Message);
        if !self.receive.is_incomplete(&self.inbound) || timeout == Span::FOREVER {
            self.windows.end_message();
        } else if is_late {
            self.begin_message_window(timeout, now);
        } else {
            self.windows.message_is_over();
        }
    }

    /// Whether the driver comes so late that it has not driven the connection all the time.
    fn is_late(&self, slot: Deadline, timeout: Span, now: Instant) -> bool {
        let longest = (timeout.duration() / 8).max(Duration::from_secs(1));
        self.deadlines.get(slot).is_some_and(|at| now - at > longest)
    }

    /// The peer has been too slow with a message. It is told so, as of a violation.
    #[cold]
    pub(super) fn message_overdue(&mut self) -> Error {
        let timeout = self.message_timeout().duration();
        let is_handed_out = self.receive.is_handed_out();
        let timeout = if is_handed_out { Timeout::Chunk(timeout) } else { Timeout::Message(timeout) };
        self.end_with(CloseFrame::cut(CloseCode::POLICY, &timeout.reason()));
        self.receive.give_up_message();
        Error::Timeout(timeout)
    }

    /// Nothing more is to come, or the deadline of the closing handshake bounds it.
    #[cold]
    #[inline(never)]
    pub(super) fn stop_receive_windows(&mut self) {
        self.deadlines.retire(Deadline::Message);
        self.windows.stop_receiving();
    }

    /// Reading is paused, because the user takes nothing. The deadlines of a pong and of an incomplete message stand still, since a sign
    /// of life would not be seen. Pings go on.
    pub fn pause(&mut self, now: Instant) {
        self.keepalive.pause(&mut self.deadlines, now);
        if self.deadlines.get(Deadline::Message).is_some() {
            let left = self.deadlines.pause(Deadline::Message, now);
            self.windows.pause_message(left);
        }
    }

    /// Reading goes on, and the deadlines with the time that was left of them. The driver reads before it looks at the clock, so that
    /// bytes which wait in the socket count.
    #[inline]
    pub fn resume(&mut self, now: Instant) {
        self.keepalive.resume(&mut self.deadlines, now);
        if let Some(left) = self.windows.resume_message() {
            self.deadlines.resume(Deadline::Message, left, now);
        }
    }

    /// A read brings bytes. The frames that came before it are counted now, so that a frame costs nothing more.
    #[inline]
    pub(super) fn check_rate(&mut self, now: Instant) {
        if self.windows.has_rate() {
            self.count_frames(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_frames(&mut self, now: Instant) {
        if let Some(max) = self.windows.check_rate(self.receive.frames(), now) {
            self.receive.violate(ViolationKind::MessageRate(max));
        }
    }

    /// Queues a Close frame that tells the peer its fault, and receives nothing more.
    pub(super) fn end_with(&mut self, frame: CloseFrame) {
        if !self.closing.has_sent() {
            // Messages that were accepted before go out first, as when we close for any other reason.
            self.queue_close(frame, CloseAfter::Queued, self.now);
        }
        self.closing.violated();
        self.receives_no_more();
    }
}
