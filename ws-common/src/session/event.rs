//! The reports of a client that stays connected.

mod show;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::bytes::Bytes;
use ws_core::redacted::PayloadExcerpt;
use ws_core::{CloseFrame, Closed, Message, Response};

pub use crate::error::ClientError;
use crate::reconnect::{Cause, GiveUp};

/// A report of a [`Session`](super::Session).
///
/// The order, for each attempt: `Connected`\* (again after a redirect), `Open`?, (`Message` | `Ping` | `Pong`)\*, `Closing`?,
/// `Error`?, `Closed`, `Undelivered`\*, `Stuck`?, then `Reconnecting` or `GaveUp`. Every failure gives one `Error`, and every attempt exactly
/// one `Closed`. There is no `Error` when Close frames were exchanged, and when the user gave up. `BufferFull` and `BufferDrained`
/// may come anywhere before `GaveUp`.
///
/// Events that nobody takes stop no attempt, no flush and no proof: only a received message waits for a consumer, by stopping the
/// reading. So a client that waits for something else for very long forgets reports. When 1 MiB of them waits, pings, pongs, pairs of
/// `BufferFull` and `BufferDrained`, and all that was reported between the first and the last `Reconnecting` are dropped; the
/// number of the attempt has a gap there. Received messages stay. At most one `Stuck` waits, the latest. Messages that are given up
/// stay, too; when 1 MiB of them waits, the oldest make room for further ones, and only a flush tells about them.
///
/// An event counts all that it holds, and its place in the queue twice. A message that waits keeps at most twice its size alive, and one of
/// any size may exceed the limit.
///
/// `GaveUp` is the last event of a client, by whichever side it was ended. No event follows, unless the user calls
/// [`reconnect_after`](super::Session::reconnect_after). A client that the user ends between two attempts reports `GaveUp` after
/// `Reconnecting`, or in its place.
///
/// `Display` is one line for a log. `Debug` and `Display` show at most eight characters of a message or a payload, and no values of header
/// fields.
#[non_exhaustive]
pub enum ClientEvent {
    /// The transport is up; the opening handshake begins.
    ///
    /// Over TCP that the library has opened, both addresses are there. Over a transport of a
    /// [connector](super::ClientBuilder::connector), they are there if the connector has told them, or has supplied a TCP stream of the
    /// runtime. For example, a Unix socket has none.
    Connected {
        /// The address of the server, or of a proxy or another host between.
        peer: Option<SocketAddr>,
        /// The local address.
        local: Option<SocketAddr>,
    },
    /// The WebSocket connection is open, and the hook of [`on_open`](super::ClientBuilder::on_open) has given its messages. The outbox
    /// follows them, unless it is [held](super::ClientBuilder::hold).
    Open(Response),
    /// A whole data message. It is not handed out while the client is [paused](super::Session::pause).
    Message(Message),
    /// A ping, which is being answered.
    Ping(Bytes),
    /// A pong.
    Pong {
        /// Its payload.
        payload: Bytes,
        /// The time since the ping that it answers had left; `None` if it answers no ping that waits.
        round_trip: Option<Duration>,
    },
    /// The peer's Close frame. It is being answered, unless we closed first.
    ///
    /// If an attempt follows, or may follow, messages of the outbox that have not begun to leave wait for the next connection,
    /// because a peer that closes may throw them away. Messages of [`on_open`](super::ClientBuilder::on_open) and
    /// [`send_now`](super::Session::send_now), which no other connection would send, leave before our Close frame, as far as they leave
    /// within `close_timeout`. If it is known that none follows, they all leave before our Close frame, and so
    /// do replies to the messages before it: it is answered when this event is taken, or `close_timeout` after the read that brought it,
    /// or at once if a proof is waited for, as with [`Delivery::Confirmed`](super::Delivery::Confirmed): none comes any more.
    /// None follows after [`cancel_reconnect`](super::Session::cancel_reconnect), and, unless there is a hook
    /// ([`decide`](crate::reconnect::Reconnect::decide)), after a code that the policy does not retry, and when a limit of the policy
    /// ([`max_attempts`](crate::reconnect::Reconnect::max_attempts), [`max_elapsed`](crate::reconnect::Reconnect::max_elapsed)) is reached. A limit of time
    /// that only the random part of the next delay would pass counts as not reached.
    Closing(CloseFrame),
    /// The failure. `Closed` follows.
    Error(ClientError),
    /// The connection, or the attempt at one, has ended: with 1006, not clean, if it was never open.
    ///
    /// `unsent` counts every message of the outbox: messages that no connection was given yet, messages that the transport has not
    /// taken whole, and, with [`Delivery::Confirmed`](super::Delivery::Confirmed), messages that are not proven. They are not lost: they
    /// go to the next connection, or are handed back by [`take_unsent`](super::Session::take_unsent). Messages that are given up with
    /// this end (`Undelivered`) are not among them.
    Closed(Closed),
    /// The next attempt follows. Another one takes its place if the user calls
    /// [`reconnect_after`](super::Session::reconnect_after).
    Reconnecting {
        /// Its number since the last connection that was stable, from 1.
        attempt: u32,
        /// When it is made, counted from the end of the one before, or from when the user wanted it.
        after: Duration,
        /// The end that it follows, in short. The error itself is in the event `Error` before.
        cause: Cause,
    },
    /// The outbox has reached its limit; sending waits, or fails, until there is room. Said once until `BufferDrained`.
    BufferFull,
    /// The outbox is empty again after it was full.
    BufferDrained,
    /// A message is given up: as often as allowed, it ended a connection, and there was evidence that it is at fault
    /// ([`Delivery::Confirmed`](super::Delivery::Confirmed) only).
    Undelivered(Message),
    /// A message does not get through, and there is no evidence that it is at fault: the server or the path may be. It stays in the
    /// outbox and is sent again; others wait behind it. Reported after each
    /// [`max_deliveries`](super::ClientBuilder::max_deliveries) ends of connections on which it was the only message that had begun to
    /// leave ([`Delivery::Confirmed`](super::Delivery::Confirmed) only). [`skip_stuck`](super::Session::skip_stuck) drops it.
    Stuck {
        /// The message.
        message: Message,
        /// Number of connections that ended without a proof after the message had begun to leave.
        failures: u32,
        /// The last of these ends.
        last_end: Cause,
    },
    /// The client does not reconnect: the last event. Messages that were not sent can be taken back
    /// ([`take_unsent`](super::Session::take_unsent)).
    GaveUp {
        /// The reason: the user's own wish, a limit, or an end that is not retried.
        reason: GiveUp,
    },
}

impl fmt::Debug for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, local } => {
                f.debug_struct("Connected").field("peer", peer).field("local", local).finish()
            }
            Self::Open(response) => f.debug_tuple("Open").field(response).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Ping(payload) => f.debug_tuple("Ping").field(&PayloadExcerpt(payload)).finish(),
            Self::Pong { payload, round_trip } => f
                .debug_struct("Pong")
                .field("payload", &PayloadExcerpt(payload))
                .field("round_trip", round_trip)
                .finish(),
            Self::Closing(frame) => f.debug_tuple("Closing").field(frame).finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Closed(closed) => f.debug_tuple("Closed").field(closed).finish(),
            Self::Reconnecting { attempt, after, cause } => f
                .debug_struct("Reconnecting")
                .field("attempt", attempt)
                .field("after", after)
                .field("cause", cause)
                .finish(),
            Self::BufferFull => f.write_str("BufferFull"),
            Self::BufferDrained => f.write_str("BufferDrained"),
            Self::Undelivered(message) => f.debug_tuple("Undelivered").field(message).finish(),
            Self::Stuck { message, failures, last_end } => f
                .debug_struct("Stuck")
                .field("message", message)
                .field("failures", failures)
                .field("last_end", last_end)
                .finish(),
            Self::GaveUp { reason } => f.debug_struct("GaveUp").field("reason", reason).finish(),
        }
    }
}

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ClientStatus {
    /// Asking the hook of `prepare` or `on_open`, resolving, connecting or shaking hands; or about to, for the first time.
    Connecting,
    /// Open.
    Open,
    /// In the closing handshake.
    Closing,
    /// Waiting for the next attempt, or for the decision of a hook whether one follows.
    Waiting,
    /// Over, unless `reconnect_after` is called.
    Closed,
}
