//! Frames from messages.
//!
//! The decisions about a message on its way to the gate:
//!
//! ```text
//!  owned           owned, room       borrowed         fragment of a
//!  message         is reserved       message          streamed message
//!     │                │                │                   │
//! queue_message  queue_reserved   queue_borrowed       queue_fragment
//!     │                │                │                   │
//!     └── check_room ──┴── check_stream ┴──► Refusal        ├──► Refusal (also of invalid UTF-8)
//!                      │                                    │
//!        length < short? ─ yes ─► append_short ─────┐       │
//!                      │ no                         │       │
//!        compressed? ─ yes ─► queue_compressed ─┐   │   compressed, if the message is
//!                      │ no                     │   │       │
//!        a server's owned message, from LARGE   │   │       │
//!        to max_frame_size, and from SHARED     │   │       │
//!        on if as much waits? ─ yes ─► shared ──┤   │       │
//!                      │ no                     │   │       │
//!        longer than max_frame_size?            │   │       │
//!          yes ─► queue_fragments ◄─────────────┼───┼───────┘
//!          no  ─► one frame ──┐  │              │   │
//!                             ▼  ▼              ▼   │
//!                            queue_frame            │   (also for ping, pong and Close)
//!                                 └─► admit_frame ◄─┘   the gate
//!
//!                       length    on a client                   on a server
//! append_short          < short   copied and masked behind      copied behind the queued bytes
//!                                 the queued bytes
//! Payload::Borrowed     < LARGE   the same                      the same
//! Payload::Borrowed     >= LARGE  copied and masked into a      copied into a buffer of its own
//!                                 buffer of its own
//! Payload::Owned        >= LARGE  masked in place, and pushed   pushed as it is
//! Payload::Shared       >= LARGE  (never)                       pushed as it is
//! ```
//!
//! A message is `short` if it is one frame that is appended: below `MASKED_APART` on a client, below `LARGE` on a server, and never if
//! the connection compresses.

mod boundaries;
mod closing;
mod control;
mod gate;
mod message;
mod stream;

use alloc::boxed::Box;

use bytes::Bytes;

use crate::config::Config;
use crate::deflate::Compressor;
use crate::frame::{Opcode, Role};
use crate::outbound::Outbound;
use crate::random::Random;
use crate::trace::TraceScope;
use boundaries::{Boundaries, UnitKind};
pub(crate) use closing::CloseAfter;
use gate::Queued;
use stream::StreamedMessage;

/// Minimum length of a payload that is not appended to the small frames before it: a server queues it without copying it.
const LARGE: usize = 4096;

/// Number of waiting bytes from which on a server copies payloads that are shorter than this. A shared payload of a few KiB may keep a
/// read buffer of 128 KiB alive, so that only a few of them may wait for a peer that does not read.
const SHARED: usize = 64 * 1024;

/// Minimum length of a client's message that has a buffer of its own. To allocate one for a shorter message costs more than the bytes
/// that a growing tail moves.
const MASKED_APART: usize = 32 * 1024;

/// Number of bytes of `max_send_buffer` for each message or control frame that may wait. Shorter ones fill the buffer with their
/// boundaries.
const BYTES_PER_BOUNDARY: usize = 32;

/// Maximum number of waiting pongs. Beyond that, the newest pong replaces those that have come last.
const MAX_PONGS: u32 = 16;

/// The sending half of a connection.
pub(crate) struct Send {
    role: Role,
    max_frame_size: usize,
    max_send_buffer: usize,
    /// Number of boundaries from which on no more data is accepted, so that small messages take no more memory than large ones.
    max_boundaries: usize,
    /// Length from which on a message is not one frame that is appended as it is: 0 if messages may be compressed.
    short: usize,
    random: Random,
    /// The end of each message and control frame that the transport has not taken whole.
    /// Invariant: less than `MAX_PONGS` are pongs, or as many if a Close frame follows.
    boundaries: Boundaries,
    /// The answer to the newest ping, if the others fill the queue.
    newest_pong: Option<Box<Bytes>>,
    /// The message that is being sent as a stream.
    stream: Option<StreamedMessage>,
    /// If permessage-deflate was negotiated.
    compressor: Option<Box<Compressor>>,
    queued: Queued,
    scope: TraceScope,
    /// The position behind the last byte of the opening handshake.
    handshake_end: u64,
}

/// The fields of a header that depend on the message.
#[derive(Clone, Copy)]
struct Lead {
    /// Of the next frame.
    opcode: Opcode,
    /// Whether the message is compressed, which its first frame says.
    compressed: bool,
}

impl Lead {
    fn next(self) -> Self {
        Self { opcode: Opcode::Continuation, ..self }
    }
}

/// The reason to refuse data.
pub(crate) enum Refusal {
    /// The value of `max_send_buffer`.
    Full(usize),
    Streaming,
    NotStreaming,
    InvalidUtf8,
}

impl Send {
    pub(crate) fn new(role: Role, config: &Config, random: Random, outbound: &Outbound) -> Self {
        let mut send = Self {
            role,
            max_frame_size: config.max_frame_size,
            max_send_buffer: config.max_send_buffer,
            max_boundaries: (config.max_send_buffer / BYTES_PER_BOUNDARY).max(boundaries::KEPT),
            short: config.max_frame_size.saturating_add(1).min(match role {
                Role::Client => MASKED_APART,
                Role::Server => LARGE,
            }),
            random,
            boundaries: Boundaries::new(outbound.end()),
            newest_pong: None,
            stream: None,
            compressor: None,
            queued: Queued::default(),
            scope: TraceScope::default(),
            handshake_end: outbound.end(),
        };
        // The end of the opening handshake may still wait. It counts as begun: it is neither cut nor dropped.
        if !outbound.is_empty() {
            send.boundaries.push(0, UnitKind::Other);
        }
        send
    }

    /// The setting of this name, in bytes.
    pub(crate) fn max_send_buffer(&self) -> usize {
        self.max_send_buffer
    }

    /// From now on, frames are told in this scope.
    #[cfg(feature = "tracing")]
    pub(crate) fn set_scope(&mut self, scope: TraceScope) {
        self.scope = scope;
    }

    pub(crate) fn scope(&self) -> &TraceScope {
        &self.scope
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// From now on, messages are compressed.
    pub(crate) fn set_compressor(&mut self, compressor: Compressor) {
        self.compressor = Some(Box::new(compressor));
        self.short = 0;
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compressor(&self) -> Option<&Compressor> {
        self.compressor.as_deref()
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compressor_mut(&mut self) -> Option<&mut Compressor> {
        self.compressor.as_deref_mut()
    }

    /// Whether there is room for a message, of any size.
    #[inline]
    pub(crate) fn has_room(&self, outbound: &Outbound) -> bool {
        let waiting = outbound.len();
        waiting < self.max_send_buffer && self.boundaries.len() < self.max_boundaries || waiting == 0
    }

    /// Number of accepted messages of which the transport has not taken all bytes.
    pub(crate) fn unsent(&self) -> usize {
        let streamed = self.stream.as_ref().is_some_and(StreamedMessage::has_begun);
        self.boundaries.counts().messages + usize::from(streamed)
    }

    /// The transport has taken bytes. Returns the number of pings that have left with them.
    #[inline]
    pub(crate) fn wrote(&mut self, outbound: &mut Outbound) -> usize {
        // In most cases it takes all that waits: then no boundary has to be looked at. Bytes that were dropped were not taken.
        let pings = if outbound.is_empty() && !outbound.has_lost() {
            self.boundaries.all_written(outbound.written())
        } else {
            self.boundaries.written(outbound.written())
        };
        if self.newest_pong.is_some() {
            self.send_newest_pong(outbound);
        }
        pings as usize
    }
}
