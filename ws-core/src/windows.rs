//! Progress of the peer, in windows of time.
//!
//! A peer that sends or takes a byte now and then is alive, and yet holds the memory of a message for as long as it likes. So each window
//! has to bring [`Config::LEAST_PROGRESS`] bytes.
//!
//! | Window | It begins when | It ends when | Enough is |
//! | --- | --- | --- | --- |
//! | of a write | the transport refuses bytes | the transport has taken enough; [`Deadline::Write`] passes | the least progress, or all that waited |
//! | of a message | a read leaves a message incomplete; the window before has brought enough, or began before the message | [`Deadline::Message`] passes | the least progress of payload, or the end of the message |
//!
//! Neither costs a message that is whole in the buffer anything. The end of a message stops no deadline: when [`Deadline::Message`]
//! passes, the connection looks for an incomplete message, and most often finds none. A message that began within the window of another
//! has a window of its own then.
//!
//! The count of a message under assembly is with that message (`receive/partial.rs`). A binary frame that comes whole stays in the
//! read buffer ([`waits_in_place`](crate::receive::Receive::waits_in_place)), so a position in the stream is its goal.

use alloc::boxed::Box;
use core::num::NonZero;
use core::time::Duration;

use crate::config::Config;
use crate::deadlines::Deadline;
use crate::time::{Instant, Span};

/// The least progress of a window, in bytes of a stream.
pub(crate) const LEAST_PROGRESS: u64 = Config::LEAST_PROGRESS as u64;

/// The windows of a connection. Most connections have none at any time, and no settings that need a place here.
pub(crate) struct Windows(Option<Box<WindowState>>);

#[derive(Default)]
struct WindowState {
    /// Invariant: there is one while [`Deadline::Write`] runs.
    write: Option<WriteWindow>,
    message: Option<MessageWindow>,
    chunk_timeout: Option<Span>,
    rate: Option<Rate>,
    /// Waits here until compression is agreed.
    max_inflate_ratio: Option<NonZero<u32>>,
}

/// The window of a write.
struct WriteWindow {
    /// The position in the stream up to which the transport has to take bytes.
    goal: u64,
    /// The transport has refused bytes since it has last taken some.
    is_refused: bool,
    /// The transport has taken bytes since the window began.
    has_moved: bool,
}

/// The window of an incomplete message.
struct MessageWindow {
    /// The position in the stream up to which bytes have to come, if the message is one frame that waits in the buffer.
    goal: u64,
    /// While reading is paused: the time that is left of the window.
    left: Option<Span>,
    /// The time of the window has passed, and nobody has looked at the message since.
    is_over: bool,
}

impl Windows {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let chunk_timeout = Deadline::Message.lengths(config).in_chunks;
        let chunk_timeout = chunk_timeout.map(Span::from).filter(|timeout| *timeout != Span::FOREVER);
        let rate = config.max_message_rate.map(|max| Rate::new(max, now));
        let max_inflate_ratio = config.max_inflate_ratio;
        let settings = WindowState { chunk_timeout, rate, max_inflate_ratio, ..WindowState::default() };
        Self((!settings.is_empty()).then(|| Box::new(settings)))
    }

    /// Frees the memory of windows that are over. It is called now and then, because a window often follows another.
    pub(crate) fn tidy(&mut self) {
        self.0.take_if(|state| state.is_empty());
    }

    /// Whether there is a limit on the rate of messages.
    #[inline]
    pub(crate) fn has_rate(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.rate.is_some())
    }

    pub(crate) fn max_inflate_ratio(&self) -> Option<NonZero<u32>> {
        self.0.as_deref()?.max_inflate_ratio
    }
}

impl WindowState {
    fn is_empty(&self) -> bool {
        let Self { write, message, chunk_timeout, rate, max_inflate_ratio } = self;
        write.is_none()
            && message.is_none()
            && chunk_timeout.is_none()
            && rate.is_none()
            && max_inflate_ratio.is_none()
    }
}

/// Writing.
impl Windows {
    /// A window begins: the transport has to take bytes up to this position.
    pub(crate) fn begin_write(&mut self, goal: u64) {
        let window = WriteWindow { goal, is_refused: false, has_moved: false };
        self.0.get_or_insert_default().write = Some(window);
    }

    fn write(&mut self) -> Option<&mut WriteWindow> {
        self.0.as_deref_mut()?.write.as_mut()
    }

    /// The transport refuses bytes.
    pub(crate) fn refused(&mut self) {
        if let Some(window) = self.write() {
            window.is_refused = true;
        }
    }

    /// The transport has taken bytes. Says whether it had refused them: then the peer has made the room.
    pub(crate) fn moved(&mut self) -> bool {
        self.write().is_some_and(|window| {
            window.has_moved = true;
            core::mem::take(&mut window.is_refused)
        })
    }

    /// Whether the transport has taken bytes since the window began.
    pub(crate) fn has_moved(&self) -> bool {
        self.0.as_deref().and_then(|state| state.write.as_ref()).is_some_and(|window| window.has_moved)
    }

    /// The position up to which the transport has to take bytes.
    pub(crate) fn write_goal(&self) -> u64 {
        self.0.as_deref().and_then(|state| state.write.as_ref()).map_or(0, |window| window.goal)
    }

    pub(crate) fn end_write(&mut self) {
        if let Some(state) = self.0.as_deref_mut() {
            state.write = None;
        }
    }
}

/// Receiving.
impl Windows {
    /// A window begins. A message that waits in the buffer has to come up to this position. The window stands still at first if
    /// reading is paused, and then this time is left of it.
    pub(crate) fn begin_message(&mut self, goal: u64, left: Option<Span>) {
        let window = MessageWindow { goal, left, is_over: false };
        self.0.get_or_insert_default().message = Some(window);
    }

    fn message(&mut self) -> Option<&mut MessageWindow> {
        self.0.as_deref_mut()?.message.as_mut()
    }

    /// The position up to which a message that waits in the buffer has to come, if there is a window.
    pub(crate) fn message_goal(&mut self) -> Option<u64> {
        self.message().map(|window| window.goal)
    }

    /// The time of the window has passed.
    pub(crate) fn message_is_over(&mut self) {
        if let Some(window) = self.message() {
            window.is_over = true;
        }
    }

    /// Whether the time of the window has passed.
    pub(crate) fn is_message_over(&mut self) -> bool {
        self.message().is_some_and(|window| window.is_over)
    }

    /// Keeps the time that is left of the window while reading is paused.
    pub(crate) fn pause_message(&mut self, left: Span) {
        if let Some(window) = self.message() {
            window.left = Some(left);
        }
    }

    /// The time that is left of the window, if it was paused.
    pub(crate) fn resume_message(&mut self) -> Option<Span> {
        self.message()?.left.take()
    }

    pub(crate) fn end_message(&mut self) {
        if let Some(state) = self.0.as_deref_mut() {
            state.message = None;
        }
        self.tidy();
    }

    /// Length of the windows of messages that are received in chunks.
    pub(crate) fn chunk_timeout(&self) -> Span {
        self.0.as_deref().and_then(|state| state.chunk_timeout).unwrap_or(Span::FOREVER)
    }

    /// Nothing is received any more that could be too slow or too much.
    pub(crate) fn stop_receiving(&mut self) {
        if let Some(state) = self.0.as_deref_mut() {
            (state.message, state.chunk_timeout, state.rate) = (None, None, None);
            self.tidy();
        }
    }

    /// A read brings bytes. `frames` frames came before it. Says whether they were too many, and returns the limit then.
    pub(crate) fn check_rate(&mut self, frames: u64, now: Instant) -> Option<NonZero<u32>> {
        self.0.as_deref_mut()?.rate.as_mut()?.check(frames, now)
    }
}

/// The limit on frames each second, as a bucket of tokens that holds those of [`Rate::BURST`] or more.
///
/// The bucket is an instant: the time at which it is full again. Each frame puts that off by the time in which one token comes.
///
/// The peer cannot see the reads of the program. Frames that it has sent at the rate gather during a long time without a read. So a full
/// bucket grows by the tokens of such a time. Tokens that come to a full bucket in a shorter time make it smaller again.
struct Rate {
    max: NonZero<u32>,
    full_at: Instant,
    /// The time whose tokens the bucket holds.
    depth: Duration,
    /// Number of frames that were counted, and the time of the read that brought the last of them.
    counted: u64,
    read_at: Instant,
}

impl Rate {
    /// The least depth: messages of so long may come at once. A longer time without a read makes the bucket deeper.
    const BURST: Duration = Duration::from_secs(60);

    fn new(max: NonZero<u32>, now: Instant) -> Self {
        Self { max, full_at: now, depth: Self::BURST, counted: 0, read_at: now }
    }

    fn check(&mut self, frames: u64, now: Instant) -> Option<NonZero<u32>> {
        let new = frames.saturating_sub(self.counted);
        let nanoseconds = u128::from(new) * 1_000_000_000 / u128::from(self.max.get());
        let time = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.full_at = self.full_at.max(self.read_at) + time;
        let missing = self.full_at - self.read_at;
        let is_too_many = missing > self.depth;
        let gap = now - self.read_at;
        let excess = gap.saturating_sub(missing);
        self.depth = match gap > Self::BURST {
            true => self.depth.saturating_add(excess),
            false => self.depth.saturating_sub(excess).max(Self::BURST),
        };
        (self.counted, self.read_at) = (frames, now);
        is_too_many.then_some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_messages_may_come_at_once_and_then_as_many_as_the_rate_allows() {
        let at = |millis: u64| Instant::since_epoch(Duration::from_millis(millis));
        for max in [1, 3, 10, 1000].map(|max| NonZero::new(max).unwrap()) {
            let burst = 60 * u64::from(max.get());
            let mut rate = Rate::new(max, at(0));
            assert_eq!(rate.check(0, at(5000)), None);
            assert_eq!(rate.check(burst, at(15_000)), None, "a full bucket");
            assert_eq!(
                rate.check(burst + 10 * u64::from(max.get()), at(15_000)),
                None,
                "what has come in 10 s"
            );
            assert_eq!(rate.check(burst + 10 * u64::from(max.get()) + 1, at(15_000)), Some(max));
        }
    }

    #[test]
    fn a_rate_that_is_kept_never_fills_up_however_it_is_cut() {
        for max in [1, 3, 7, 1_000_000].map(|max| NonZero::new(max).unwrap()) {
            let mut rate = Rate::new(max, Instant::EPOCH);
            for step in 0..100_000 {
                let frames = step * u64::from(max.get()) / 1000;
                assert_eq!(rate.check(frames, Instant::since_epoch(Duration::from_millis(step))), None);
            }
        }
    }
}
