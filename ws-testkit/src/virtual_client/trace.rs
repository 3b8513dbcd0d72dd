//! Events as lines of a trace.

use ws_common::session::ClientEvent;
use ws_core::Initiator;

/// The line of an event in [`VirtualClient::trace`](crate::VirtualClient::trace), where a table has all lines.
pub fn trace_line(event: &ClientEvent) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
    match event {
        ClientEvent::Connected { .. } => "connected".into(),
        ClientEvent::Open(_) => "open".into(),
        ClientEvent::Message(message) => format!("message {}", text(message.as_bytes())),
        ClientEvent::Ping(payload) => format!("ping {}", text(payload)),
        ClientEvent::Pong { .. } => "pong".into(),
        ClientEvent::Closing(frame) => format!("closing {}", frame.status()),
        ClientEvent::Error(error) => format!("error {}", error.phase()),
        ClientEvent::Closed(closed) => {
            let by = if closed.initiator == Initiator::Local { "us" } else { "peer" };
            format!("closed {} {} {by}", closed.code, if closed.clean { "clean" } else { "broken" })
        }
        ClientEvent::Reconnecting { attempt, after, .. } => format!("reconnecting {attempt} in {after:?}"),
        ClientEvent::BufferFull => "full".into(),
        ClientEvent::BufferDrained => "drained".into(),
        ClientEvent::Stuck { message, failures, last_end } => {
            format!("stuck {} after {failures}: {last_end}", text(message.as_bytes()))
        }
        ClientEvent::Undelivered(message) => format!("undelivered {}", text(message.as_bytes())),
        ClientEvent::GaveUp { reason } => format!("gave up: {reason}"),
        other => format!("{other:?}"),
    }
}
