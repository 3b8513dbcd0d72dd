//! The deadlines of a connection, in one table.
//!
//! A deadline is a slot of the table. [`Deadlines::start`] sets the slot to a time from now: its length
//! ([`Deadline::lengths`]). [`Deadlines::min`] is the earliest slot, and `poll_timeout` returns it.
//!
//! | Slot | It starts when | It stops when | When it passes |
//! | --- | --- | --- | --- |
//! | [`Close`](Deadline::Close) | a step of the closing handshake begins, or the transport fails | it passes; the connection has ended | our Close frame overtakes, or the connection ends |
//! | [`Pong`](Deadline::Pong) | a ping has left; reading goes on | the peer gives a sign of life; reading pauses; a Close frame is queued or received | the connection ends |
//! | [`Write`](Deadline::Write) | the transport refuses bytes | the transport has taken enough ([`windows`](crate::windows)); queued bytes are dropped | the connection ends |
//! | [`Message`](Deadline::Message) | a read leaves a message incomplete; a window with enough progress ends; reading goes on | reading pauses; our Close frame has left, or the peer's has come; a rule is broken; the stream ends | the connection looks at the progress, and closes with 1008 if it is not enough |
//! | [`Ping`](Deadline::Ping) | the connection opens, and with each ping | the closing handshake begins | a ping is queued |
//!
//! The picture in `connection/closing.rs` shows the steps of the closing handshake.
//!
//! # A thread that waits in a read
//!
//! The time-out of a blocking read is set before the read. Another thread may start a deadline during the read, and then the reader
//! must be back in time. [`Config::shortest_timeout`] gives the longest wait that meets every such deadline. It asks each slot for
//! all its lengths, so a new slot and a new setting need an answer before the crate compiles.

use core::time::Duration;

use crate::config::Config;
use crate::time::{Instant, Span};

/// A slot of the table. If several have passed, the first one in this order counts. `Ping` is last ([`Deadlines::min`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deadline {
    Close,
    Pong,
    Write,
    Message,
    Ping,
}

const _: () = {
    let mut i = 0;
    while i < Deadline::ALL.len() {
        assert!(Deadline::ALL[i] as usize == i);
        i += 1;
    }
    assert!(Deadline::Ping as usize + 1 == Deadline::ALL.len());
};

impl Deadline {
    /// Every slot, in the order of the enum.
    pub(crate) const ALL: [Self; 5] = [Self::Close, Self::Pong, Self::Write, Self::Message, Self::Ping];

    /// The lengths of the slot. A new setting needs an answer here before the crate compiles.
    pub(crate) const fn lengths(self, config: &Config) -> Lengths {
        let Config {
            ping_interval,
            pong_timeout,
            write_timeout,
            message_timeout,
            chunk_timeout,
            close_timeout,
            max_message_size: _,
            max_fragments: _,
            max_frame_size: _,
            max_send_buffer: _,
            max_read_ahead: _,
            max_message_rate: _,
            max_inflate_ratio: _,
            deflate: _,
        } = config;
        match self {
            Self::Close => Lengths::one(Some(*close_timeout)),
            Self::Pong => Lengths::one(*pong_timeout),
            Self::Write => Lengths::one(*write_timeout),
            Self::Message => Lengths { usual: *message_timeout, in_chunks: *chunk_timeout },
            Self::Ping => Lengths::one(*ping_interval),
        }
    }

    /// Whether the slot can become earlier while a thread waits for the earliest deadline.
    const fn can_become_earlier(self) -> bool {
        match self {
            // Another thread closes, takes the peer's Close frame, finds the transport broken, or writes.
            Self::Close | Self::Pong | Self::Write => true,
            // Another thread takes the messages before the incomplete one.
            Self::Message => true,
            // The first ping is scheduled with the connection, and each later one when the one before is due.
            Self::Ping => false,
        }
    }
}

/// Time from the start of a slot to its deadline. `None` is never.
pub(crate) struct Lengths {
    usual: Option<Duration>,
    /// While the incomplete message is handed out in chunks.
    pub(crate) in_chunks: Option<Duration>,
}

impl Lengths {
    const fn one(length: Option<Duration>) -> Self {
        Self { usual: length, in_chunks: length }
    }

    const fn all(self) -> [Option<Duration>; 2] {
        let Self { usual, in_chunks } = self;
        [usual, in_chunks]
    }
}

impl Config {
    /// Shortest time between an input and a deadline that the input starts.
    ///
    /// A thread that waits no longer than this at a time meets every deadline, also one that another thread starts while it waits.
    // Exception: [`Deadlines::resume`] starts a deadline with less time. The thread that resumes reading is the reader itself.
    pub fn shortest_timeout(&self) -> Duration {
        let slots = Deadline::ALL.into_iter().filter(|slot| slot.can_become_earlier());
        slots.flat_map(|slot| slot.lengths(self).all()).flatten().min().unwrap_or(Duration::MAX)
    }
}

/// The table.
pub(crate) struct Deadlines {
    /// The deadline in each slot, if it runs. A slot that runs without a limit has [`Instant::NEVER`].
    at: [Option<Instant>; Deadline::ALL.len()],
    /// Time from the start of each slot to its deadline; [`Span::FOREVER`] without a limit.
    after: [Span; Deadline::ALL.len()],
}

impl Deadlines {
    pub(crate) fn new(config: &Config) -> Self {
        let after = |slot: Deadline| slot.lengths(config).usual.map_or(Span::FOREVER, Span::from);
        Self { at: [None; Deadline::ALL.len()], after: Deadline::ALL.map(after) }
    }

    #[inline]
    pub(crate) fn set(&mut self, slot: Deadline, at: Instant) {
        self.at[slot as usize] = Some(at);
    }

    #[inline]
    pub(crate) fn stop(&mut self, slot: Deadline) {
        self.at[slot as usize] = None;
    }

    /// Stops the slot, which from now on has no limit.
    pub(crate) fn retire(&mut self, slot: Deadline) {
        self.stop(slot);
        self.after[slot as usize] = Span::FOREVER;
    }

    /// Starts the slot, anew if it runs.
    pub(crate) fn start(&mut self, slot: Deadline, now: Instant) {
        self.set(slot, now + self.after(slot));
    }

    /// Starts the slot unless it runs.
    pub(crate) fn start_once(&mut self, slot: Deadline, now: Instant) {
        if self.get(slot).is_none() {
            self.start(slot, now);
        }
    }

    /// Starts the slot, unless it runs and its deadline is earlier.
    pub(crate) fn start_or_advance(&mut self, slot: Deadline, now: Instant) {
        let at = now + self.after(slot);
        self.set(slot, self.get(slot).map_or(at, |earlier| earlier.min(at)));
    }

    /// Stops the slot. Returns the time that it has left, which is [`Span::FOREVER`] if it does not run.
    pub(crate) fn pause(&mut self, slot: Deadline, now: Instant) -> Span {
        let left = self.get(slot).map_or(Span::FOREVER, |at| Span::from(at - now));
        self.stop(slot);
        left
    }

    /// Starts the slot with the time that [`pause`](Self::pause) has returned.
    pub(crate) fn resume(&mut self, slot: Deadline, left: Span, now: Instant) {
        self.at[slot as usize] = (left != Span::FOREVER).then(|| now + left);
    }

    /// Time from the start of the slot to its deadline.
    #[inline]
    pub(crate) fn after(&self, slot: Deadline) -> Span {
        self.after[slot as usize]
    }

    /// The deadline of the slot, if it runs.
    #[inline]
    pub(crate) fn get(&self, slot: Deadline) -> Option<Instant> {
        self.at[slot as usize]
    }

    /// The earliest deadline. A slot without a limit has none.
    #[inline]
    pub(crate) fn min(&self) -> Option<Instant> {
        let [others @ .., message, ping] = &self.at;
        // It is asked for with each message, when most often only the next ping is due (`send-each` and `small-reads` of `bench`).
        // The window of a message is over long after the message.
        let at = match (message, ping) {
            _ if others.iter().any(Option::is_some) => self.min_of_all(),
            (None, ping) => *ping,
            (Some(message), Some(ping)) => Some(*message.min(ping)),
            (Some(message), None) => Some(*message),
        };
        at.filter(|at| *at != Instant::NEVER)
    }

    fn min_of_all(&self) -> Option<Instant> {
        self.at.into_iter().flatten().min()
    }

    /// The first slot whose deadline has passed.
    pub(crate) fn passed(&self, now: Instant) -> Option<Deadline> {
        Deadline::ALL.into_iter().find(|slot| self.get(*slot).is_some_and(|at| at <= now))
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, BytesMut};

    use super::*;
    use crate::{CloseCode, Connection, Machine, Random, Role};

    const SHORT: Duration = Duration::from_secs(3);
    const LONG: Duration = Duration::from_secs(1000);

    fn at(seconds: u64) -> Instant {
        Instant::since_epoch(Duration::from_secs(seconds))
    }

    /// All times are long, except for one. The slot of messages has another one for chunks.
    fn config(short: Deadline, in_chunks: bool) -> Config {
        let config = Config::default().chunk_timeout(if in_chunks { SHORT } else { LONG });
        Deadline::ALL.into_iter().fold(config, |config, slot| {
            let time = if slot == short && !in_chunks { SHORT } else { LONG };
            match slot {
                Deadline::Close => config.close_timeout(time),
                Deadline::Pong => config.pong_timeout(time),
                Deadline::Write => config.write_timeout(time),
                Deadline::Message => config.message_timeout(time),
                Deadline::Ping => config.ping_interval(time),
            }
        })
    }

    fn write(connection: &mut Connection, now: Instant) {
        let n = connection.outbound().remaining();
        connection.handle_write(n, now);
    }

    /// Starts a slot at a moment that the returned instant tells.
    fn start(slot: Deadline, connection: &mut Connection) -> Instant {
        let now = at(10);
        match slot {
            Deadline::Close => connection.close(CloseCode::NORMAL, now),
            Deadline::Pong => {
                assert!(connection.ping("").is_ok());
                write(connection, now);
            }
            Deadline::Write => {
                assert!(connection.send("").is_ok());
                connection.handle_write(0, now);
            }
            Deadline::Message => {
                connection.inbound().extend_from_slice(&[0x82, 5, 0]);
                connection.handle_read(3, now);
                while let Ok(Some(_)) = connection.poll_event() {}
            }
            Deadline::Ping => {
                let due = connection.poll_timeout().expect("the first ping is scheduled");
                connection.handle_timeout(due);
                return due;
            }
        }
        now
    }

    #[test]
    fn a_thread_that_waits_the_shortest_time_meets_the_deadline_of_each_slot() {
        let slots = Deadline::ALL.map(|slot| (slot, false));
        for (slot, in_chunks) in slots.into_iter().chain([(Deadline::Message, true)]) {
            let config = config(slot, in_chunks);
            let random = Random::from_seed([1; 32]);
            let mut connection =
                Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), at(0));
            connection.receive_chunks(in_chunks);
            let before = connection.poll_timeout();
            let now = start(slot, &mut connection);
            let deadline = connection.poll_timeout();
            assert_eq!(deadline, Some(now + SHORT), "{slot:?}: the slot is the earliest");
            // The thread began to wait just before the slot was started.
            let is_back = now + config.shortest_timeout() <= now + SHORT;
            let was_due = before.is_some_and(|before| before <= now);
            assert!(is_back || was_due, "{slot:?}: waits {:?}", config.shortest_timeout());
        }
    }

    #[test]
    fn no_combination_of_slots_without_a_limit_has_a_deadline() {
        for running in 0..1 << Deadline::ALL.len() {
            let mut deadlines = Deadlines::new(&Config::default());
            let slots = Deadline::ALL.into_iter().filter(|slot| running & (1 << *slot as usize) != 0);
            slots.clone().for_each(|slot| deadlines.set(slot, Instant::NEVER));
            assert_eq!(deadlines.min(), None, "{running:#b}");
            for slot in slots {
                deadlines.set(slot, at(1));
                assert_eq!(deadlines.min(), Some(at(1)), "{running:#b} {slot:?}");
                deadlines.set(slot, Instant::NEVER);
            }
        }
        let config = Config::default().ping_interval(Duration::MAX);
        let random = Random::from_seed([1; 32]);
        let connection = Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), at(0));
        assert_eq!(connection.poll_timeout(), None);
    }

    #[test]
    fn a_slot_runs_until_it_is_stopped_and_never_passes_without_a_limit() {
        let mut deadlines = Deadlines::new(&config(Deadline::Write, false).pong_timeout(None));
        assert_eq!(deadlines.min(), None);
        deadlines.start_once(Deadline::Pong, at(0));
        assert_eq!((deadlines.min(), deadlines.passed(at(1 << 32))), (None, None));
        deadlines.start(Deadline::Write, at(1));
        deadlines.start_once(Deadline::Write, at(2));
        assert_eq!((deadlines.min(), deadlines.passed(at(3))), (Some(at(4)), None));
        deadlines.set(Deadline::Ping, at(4));
        assert_eq!(deadlines.passed(at(4)), Some(Deadline::Write), "the graver one");
        deadlines.start(Deadline::Write, at(2));
        assert_eq!((deadlines.min(), deadlines.passed(at(4))), (Some(at(4)), Some(Deadline::Ping)));
        deadlines.start_or_advance(Deadline::Write, at(3));
        deadlines.start_or_advance(Deadline::Close, at(3));
        assert_eq!(deadlines.get(Deadline::Write), Some(at(5)), "it is not put off");
        assert_eq!(deadlines.get(Deadline::Close), Some(at(1003)));
        let left = deadlines.pause(Deadline::Write, at(4));
        deadlines.resume(Deadline::Write, left, at(10));
        assert_eq!(deadlines.get(Deadline::Write), Some(at(11)));
        deadlines.stop(Deadline::Write);
        let left = deadlines.pause(Deadline::Write, at(4));
        deadlines.resume(Deadline::Write, left, at(10));
        assert_eq!(deadlines.get(Deadline::Write), None);
        deadlines.retire(Deadline::Write);
        deadlines.start(Deadline::Write, at(0));
        assert_eq!(deadlines.min(), Some(at(4)));
    }
}
