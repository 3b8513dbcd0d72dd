//! One line for each event, for a log. At most eight characters of a message are shown.

use std::fmt;

use ws_core::redacted::Length;

use super::ClientEvent;

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, local } => {
                f.write_str("connected")?;
                peer.map_or(Ok(()), |peer| write!(f, " to {peer}"))?;
                local.map_or(Ok(()), |local| write!(f, " from {local}"))
            }
            Self::Open(response) => write!(f, "open with status {}", response.status()),
            Self::Message(message) => write!(f, "message {message}"),
            Self::Ping(payload) => write!(f, "ping of {}", Length(payload.len())),
            Self::Pong { payload, round_trip } => {
                write!(f, "pong of {}", Length(payload.len()))?;
                round_trip.map_or(Ok(()), |time| write!(f, " after {time:?}"))
            }
            Self::Closing(frame) => write!(f, "the peer closes with {frame}"),
            Self::Error(error) => write!(f, "error: {error}"),
            Self::Closed(closed) => closed.fmt(f),
            Self::Reconnecting { attempt, after, cause } => {
                write!(f, "attempt {attempt} to reconnect in {after:?}: {cause}")
            }
            Self::BufferFull => f.write_str("the outbox is full"),
            Self::BufferDrained => f.write_str("the outbox is empty again"),
            Self::Undelivered(message) => write!(f, "message {message} is given up"),
            Self::Stuck { message, failures, last_end } => {
                write!(f, "message {message} is stuck after {failures} connections: {last_end}")
            }
            Self::GaveUp { reason } => write!(f, "gave up: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use ws_core::{Closed, Initiator};

    use super::*;
    use crate::error::ClientError;
    use crate::reconnect::{Cause, GiveUp};

    #[test]
    fn an_event_is_one_short_line() {
        let address = SocketAddr::from(([192, 0, 2, 1], 80));
        let after = Duration::from_millis(500);
        for (event, line) in [
            (
                ClientEvent::Connected { peer: Some(address), local: Some(address) },
                "connected to 192.0.2.1:80 from 192.0.2.1:80",
            ),
            (ClientEvent::Connected { peer: None, local: None }, "connected"),
            (ClientEvent::Message("a secret password".into()), "message \"a secret\"… of 17 bytes"),
            (ClientEvent::Ping("secret".into()), "ping of 6 bytes"),
            (
                ClientEvent::Pong { payload: "secret".into(), round_trip: Some(after) },
                "pong of 6 bytes after 500ms",
            ),
            (ClientEvent::Closing((1001, "bye").into()), "the peer closes with code 1001 (\"bye\")"),
            (
                ClientEvent::Error(ClientError::Connection(ws_core::Error::UnexpectedEof)),
                "error: the peer ended the stream without a Close frame",
            ),
            (
                ClientEvent::Closed(Closed::abrupt(1006, Initiator::Remote)),
                "broken off by the peer with code 1006",
            ),
            (
                ClientEvent::Reconnecting { attempt: 2, after, cause: Cause::Requested },
                "attempt 2 to reconnect in 500ms: the program called reconnect_after",
            ),
            (ClientEvent::BufferFull, "the outbox is full"),
            (ClientEvent::BufferDrained, "the outbox is empty again"),
            (ClientEvent::Undelivered("hello".into()), "message \"hello\" is given up"),
            (
                ClientEvent::Stuck { message: "hello".into(), failures: 5, last_end: Cause::Requested },
                "message \"hello\" is stuck after 5 connections: the program called reconnect_after",
            ),
            (ClientEvent::GaveUp { reason: GiveUp::Closed }, "gave up: the program closed the client"),
        ] {
            assert_eq!(event.to_string(), line);
        }
    }
}
