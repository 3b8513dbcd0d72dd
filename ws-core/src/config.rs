//! What a user can set on a connection.

use core::num::NonZero;
use core::time::Duration;

#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::deflate::DeflateChoice;
use crate::error::Timeout;
use crate::frame::Role;

/// Memory for two read buffers, control frames and the connection itself, in bytes.
const BUFFERS: usize = 512 << 10;

/// Memory of the read buffers that the first waiting replies of a server share, in bytes. Seventeen of them may be short: until 64 KiB
/// wait, those from 4 KiB on are shared.
const SHARED_BUFFERS: usize = 2560 << 10;

/// Memory of both contexts of permessage-deflate, in bytes.
const CONTEXTS: usize = 512 << 10;

/// The settings of one connection. Each has a default that is safe on the open internet.
///
/// ```
/// use std::time::Duration;
/// use ws_core::Config;
///
/// let config = Config::default().ping_interval(Duration::from_secs(55)).max_message_size(1 << 20);
/// ```
///
/// # Memory
///
/// The settings bound the heap of a connection for all input. [`max_memory`](Self::max_memory) computes the bound:
///
/// | part | bytes | with defaults |
/// |---|---|---|
/// | the message that arrives, while its buffer grows | 3/2 `max_message_size` | 24 MiB |
/// | messages that were read ahead | 2 `max_read_ahead` | 2 MiB |
/// | messages that wait to be sent | 5/2 `max_send_buffer` | 2.5 MiB |
/// | the last of these, which may exceed the mark | `max_message_size` | 16 MiB |
/// | read buffers, pings and pongs | 1/2 MiB | 0.5 MiB |
/// | on a server: read buffers that replies share | 5/2 MiB | 2.5 MiB |
/// | with compression: both contexts, and the compressed copy of a message | 1/2 MiB + 3/2 `max_message_size` | 24.5 MiB |
///
/// In all, the bound is 45 MiB for a client and 47.5 MiB for a server, and with compression 69.5 and 72 MiB. A connection needs as
/// much only if the peer sends the largest messages, the program sends messages of that size back, and the peer does not read.
///
/// The bound does not count messages that the program holds ([`Message`](crate::Message) tells their size). It counts a driver that reads
/// at most 128 KiB at once. It applies while the program sends no message longer than `max_message_size`.
///
/// A driver adds memory of its own. The drivers of this library keep up to two read buffers and two write buffers of at most 128 KiB
/// for all connections of a thread. TLS adds at most 64 KiB of ciphertext in each direction, and the state of rustls. A client that
/// reconnects adds an outbox of at most 4 `max_send_buffer`, 128 KiB and one message, and events of at most 2 MiB that wait for the program.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) max_message_size: usize,
    pub(crate) max_fragments: u32,
    pub(crate) max_frame_size: usize,
    /// High-water mark of the send buffer, in bytes. The [method](Self::max_send_buffer) of this name sets it.
    pub max_send_buffer: usize,
    pub(crate) max_read_ahead: usize,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) pong_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) message_timeout: Option<Duration>,
    pub(crate) chunk_timeout: Option<Duration>,
    pub(crate) max_message_rate: Option<NonZero<u32>>,
    pub(crate) max_inflate_ratio: Option<NonZero<u32>>,
    /// Time limit of each step of the closing handshake. The [method](Self::close_timeout) of this name sets it.
    pub close_timeout: Duration,
    pub(crate) deflate: DeflateChoice,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            max_fragments: 131_072,
            max_frame_size: usize::MAX,
            max_send_buffer: 1 << 20,
            max_read_ahead: 1 << 20,
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Some(Duration::from_secs(20)),
            write_timeout: Some(Duration::from_secs(60)),
            message_timeout: Some(Duration::from_secs(60)),
            chunk_timeout: None,
            max_message_rate: None,
            max_inflate_ratio: None,
            close_timeout: Duration::from_secs(5),
            deflate: DeflateChoice::default(),
        }
    }
}

impl Config {
    /// The largest message that is received whole, in payload bytes, inflated if it is compressed. Default: 16 MiB. A
    /// larger one is answered with Close 1009 as soon as a header announces it, or as soon as it inflates to more. Messages received in chunks are exempt.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// The largest number of fragments in a message that is received whole, at least 1. Default: 131 072. More are
    /// answered with Close 1008.
    #[must_use]
    pub fn max_fragments(mut self, fragments: u32) -> Self {
        self.max_fragments = fragments.max(1);
        self
    }

    /// The largest payload of a frame that is sent, in bytes, at least 1; larger messages are fragmented.
    /// Default: no limit, a message is one frame.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes.max(1);
        self
    }

    /// Compression by permessage-deflate (RFC 7692): a client offers it so, a server accepts offers that fit. Default:
    /// `None`, no compression; the clients of the adapters offer it unless `None` was set here.
    ///
    /// What is secret should not be compressed together with what an attacker chooses: the length tells whether
    /// they are alike. [`Connection::compress`](crate::Connection::compress) excepts messages.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.deflate.set(deflate.into());
        self
    }

    /// The same as a default of an adapter: the choice of the user wins.
    #[cfg(feature = "deflate")]
    #[doc(hidden)]
    #[must_use]
    pub fn deflate_unless_set(mut self, deflate: Deflate) -> Self {
        self.deflate.set_default(deflate);
        self
    }

    /// The mark over which no more data is accepted for sending, in bytes on the wire. Default: 1 MiB. One message larger
    /// than this is taken when nothing waits. Of messages and pings shorter than 32 bytes, at most one for each 32 bytes of the mark
    /// waits, and at least 256.
    #[must_use]
    pub fn max_send_buffer(mut self, bytes: usize) -> Self {
        self.max_send_buffer = bytes;
        self
    }

    /// The mark in bytes over which nothing more is received ahead while the user waits for something else than receiving, such as
    /// sending. Default: 1 MiB. Beyond it, reading stands still, and the peer feels it.
    ///
    /// Each message or control frame counts its payload and about 160 bytes more. A message that waits keeps at most twice its size alive.
    /// One message of any size may exceed the mark.
    #[must_use]
    pub fn max_read_ahead(mut self, bytes: usize) -> Self {
        self.max_read_ahead = bytes;
        self
    }

    /// Upper bound of the heap of one connection with these settings, in bytes, by the [formula](Self#memory) above.
    ///
    /// ```
    /// use ws_core::{Config, Role};
    ///
    /// assert_eq!(Config::default().max_memory(Role::Client), 45 << 20);
    /// assert_eq!(Config::default().max_memory(Role::Server), 95 << 19);
    /// let small = Config::default().max_message_size(64 << 10).max_read_ahead(64 << 10).max_send_buffer(64 << 10);
    /// assert!(small.max_memory(Role::Client) < 1 << 20);
    /// ```
    #[must_use]
    pub fn max_memory(&self, role: Role) -> usize {
        let message = self.max_message_size;
        let half = message.div_ceil(2);
        let receiving = message.saturating_add(half).saturating_add(self.max_read_ahead.saturating_mul(2));
        let waiting = self.max_send_buffer.saturating_mul(2).saturating_add(self.max_send_buffer.div_ceil(2));
        let shared = match role {
            Role::Client => 0,
            Role::Server => SHARED_BUFFERS,
        };
        let compression = match self.deflate.get() {
            Some(_) => CONTEXTS.saturating_add(message).saturating_add(half),
            None => 0,
        };
        let parts = [receiving, waiting, message, BUFFERS, shared, compression];
        parts.into_iter().fold(0, usize::saturating_add)
    }

    /// How often a ping is sent, whatever the traffic. Default: 20 s. `None` and zero send none. The first ping is sent after a random time
    /// between half of it and all of it, so that connections which were opened at once do not ping at once.
    #[must_use]
    pub fn ping_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        // A shorter interval would never let the machine come to rest.
        let shortest = Duration::from_millis(1);
        self.ping_interval =
            interval.into().filter(|interval| !interval.is_zero()).map(|interval| interval.max(shortest));
        self
    }

    /// How long a ping may stay unanswered after its last byte has left. Default: 20 s. `None` waits for ever.
    ///
    /// Any byte that comes from the peer answers it, whether a pong or not. Bytes that the transport takes do not: the system takes
    /// them for a peer that is gone, too. Only if the transport has refused bytes and takes some later, that is a sign of life,
    /// because the peer has made the room. While reading is paused, the time stands still.
    ///
    /// The ping may wait behind bytes that the system has taken. With the adapters, a live peer is not declared dead while
    /// (`notsent_lowat` + 64 KiB + bytes in flight) ÷ rate is less than this time.
    ///
    /// A peer that dies is noticed within `ping_interval` and `pong_timeout` together. The exception is a transport that takes nothing
    /// any more: then [`write_timeout`](Self::write_timeout) counts.
    #[must_use]
    pub fn pong_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.pong_timeout = timeout.into();
        self
    }

    /// Length of the windows in which a transport that refuses bytes has to take [60 KiB](Self::LEAST_PROGRESS), or all that
    /// waited when the window began. Default: 60 s. `None` waits for ever. Zero counts as 1 ms.
    ///
    /// A window begins when the transport refuses bytes, and ends as soon as the transport has taken enough. If its time passes
    /// before, the connection has failed with [`Timeout::Write`](crate::Timeout::Write), and the transport is reset: the peer is
    /// gone, or takes less than 1 KiB each second on average. Over TLS, the bytes of the ciphertext count.
    ///
    /// A link that carries 10 KB/s passes, and may also stand still for 53 s at a time.
    #[must_use]
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = window(timeout.into());
        self
    }

    /// Length of the windows in which the peer has to send [60 KiB](Self::LEAST_PROGRESS) of the payload of an incomplete message, or
    /// the end of the message. Default: 60 s. `None` waits for ever. Zero counts as 1 ms.
    ///
    /// The first window begins with the read that brings the beginning of the message, and each later one where the one before
    /// ends. If a window of an earlier message has not ended by then, it ends first. So a message without progress ends within twice this
    /// time. A peer that sends less gets a Close frame with code 1008, and the connection fails with
    /// [`Timeout::Message`](crate::Timeout::Message). The memory of the message is released then.
    ///
    /// - All fragments of a message count, and the control frames between them do not.
    /// - The bytes of a compressed payload count as they come, not inflated.
    /// - A window stands still while reading [is paused](crate::Connection::pause), for example because the read-ahead is full.
    /// - A window begins anew if the driver comes to its end late by more than a second and an eighth of its length, because nobody has
    ///   driven the connection then.
    /// - Messages that are received [in chunks](crate::Connection::receive_chunks) have [`chunk_timeout`](Self::chunk_timeout)
    ///   instead.
    ///
    /// A link that carries 10 KB/s passes, and may also stand still for 53 s at a time.
    #[must_use]
    pub fn message_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.message_timeout = window(timeout.into());
        self
    }

    /// The same as [`message_timeout`](Self::message_timeout) for messages that are received [in
    /// chunks](crate::Connection::receive_chunks). Default: `None`, because such a message may be a feed that never ends and has
    /// nothing to send for hours. The error is [`Timeout::Chunk`](crate::Timeout::Chunk).
    #[must_use]
    pub fn chunk_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.chunk_timeout = window(timeout.into());
        self
    }

    /// Minimum number of bytes for each window of [`write_timeout`](Self::write_timeout), [`message_timeout`](Self::message_timeout)
    /// and [`chunk_timeout`](Self::chunk_timeout): 60 KiB, which is 1 KiB each second with the default of 60 s. It is less than the
    /// buffers of most transports hold, so that a driver that comes late still finds enough.
    pub const LEAST_PROGRESS: usize = Timeout::LEAST_PROGRESS;

    /// Maximum number of messages that the peer may send each second. Default: `None`, no limit. Zero counts as 1.
    ///
    /// Each fragment of a message counts as a message, and so does each ping, pong and Close frame, because each of them costs the
    /// processor time. The peer may send the messages of a minute at once. A peer that sends more gets a Close frame with code 1008, and
    /// the connection fails with [`ViolationKind::MessageRate`](crate::ViolationKind::MessageRate).
    ///
    /// If no bytes are read for more than a minute, the messages of that time are allowed in addition: they may have gathered while the
    /// program did not read. The addition ends when the peer has sent less than the limit for as long.
    ///
    /// The frames of one read are counted with the next read. So the messages of up to one read (16 KiB to 128 KiB with the
    /// drivers of the adapters) may be handed out beyond the limit.
    #[must_use]
    pub fn max_message_rate(mut self, messages: impl Into<Option<u32>>) -> Self {
        self.max_message_rate =
            messages.into().map(|messages| NonZero::new(messages).unwrap_or(NonZero::<u32>::MIN));
        self
    }

    /// Maximum ratio of the size of a message to its size on the wire, if it is compressed. Default: `None`, no limit: DEFLATE makes up
    /// to 1032 bytes of one, and a message of zeros is legal. Zero counts as 1.
    ///
    /// The first 64 KiB of each message are free. A message beyond both is answered with Close 1008, and the connection fails with
    /// [`ViolationKind::InflateRatio`](crate::ViolationKind::InflateRatio). RFC 6455 §7.4.1 gives 1009 for messages that are too big,
    /// which this one need not be, and 1008 for a policy. The size on the wire is counted in whole KiB.
    ///
    /// Messages that are received in chunks have the same limit. Without compression, this has no effect.
    #[must_use]
    pub fn max_inflate_ratio(mut self, ratio: impl Into<Option<u32>>) -> Self {
        self.max_inflate_ratio = ratio.into().map(|ratio| NonZero::new(ratio).unwrap_or(NonZero::<u32>::MIN));
        self
    }

    /// The time limit for each step of the closing handshake. Default: 5 s.
    ///
    /// - If we begin, our Close frame has so long to leave, behind messages that wait. The time starts anew whenever the transport
    ///   takes bytes. Then the peer has as long to answer and to end the stream.
    /// - If the peer begins, replies are accepted for so long, from the read that brought its Close frame
    ///   ([`Connection::is_open`](crate::Connection::is_open)). After that, our Close frame overtakes the messages that have not begun
    ///   to leave, and the first case applies.
    /// - If the peer ends the stream without a Close frame, messages that wait have so long to leave.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }
}

/// A window of no length would never let the machine come to rest.
fn window(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|timeout| timeout.max(Duration::from_millis(1)))
}
