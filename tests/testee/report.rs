//! What happens, as one JSON object a line.

use std::io::Write as _;

use serde_json::{Value, json};
use ws_common::{ConnectError, reconnect::GiveUp, session::ClientEvent};
use ws_core::{
    Accept, Closed, Error, Event, Initiator, Message, NegotiatedDeflate, Reject, Request, Response,
};

/// The longest text that is printed, in bytes.
const MAX_TEXT: usize = 1024;

/// Follows one connection.
#[derive(Default)]
pub(crate) struct Report {
    is_printing: bool,
    is_clean: bool,
    /// Whether the end of the latest attempt was reported, and no other follows.
    is_closed: bool,
    last_text: Option<String>,
    last_error: Option<String>,
}

impl Report {
    pub(crate) fn printing() -> Self {
        Self { is_printing: true, ..Self::default() }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.is_clean
    }

    /// The last text that was received.
    pub(crate) fn last_text(&self) -> Option<&str> {
        self.last_text.as_deref()
    }

    /// What went wrong.
    pub(crate) fn last_error(&self) -> &str {
        self.last_error.as_deref().unwrap_or("nothing went wrong")
    }

    /// Compression is told where the connection has it.
    pub(crate) fn open(&mut self, response: &Response, deflate: Option<NegotiatedDeflate>) {
        let headers: Vec<_> = response.headers().iter().collect();
        let mut event = json!({
            "event": "open",
            "status": response.status(),
            "headers": headers,
            "subprotocol": response.subprotocol(),
        });
        if let Some(deflate) = deflate {
            event["deflate"] = deflate.to_string().into();
        }
        self.print(&event);
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Message(message) => self.message(message),
            Event::Ping(payload) => self.print(&json!({"event": "ping", "length": payload.len()})),
            Event::Pong { payload, .. } => self.print(&json!({"event": "pong", "length": payload.len()})),
            Event::Closing(frame) => {
                self.print(&json!({"event": "closing", "code": frame.status(), "reason": frame.reason()}));
            }
            Event::Closed(closed) => self.closed(closed),
            _ => {}
        }
    }

    /// The client that stays connected is over. `closed` comes before the last line in any case, also when the client waited for its
    /// next attempt.
    fn gave_up(&mut self, was_closed: bool, reason: &GiveUp) {
        if !was_closed {
            self.print(&json!({"event": "closed", "code": 1006, "reason": "", "clean": false, "by": "us"}));
        }
        self.print(&json!({"event": "gave_up", "reason": reason.to_string()}));
    }

    pub(crate) fn client_event(&mut self, event: &ClientEvent) {
        let was_closed = self.is_closed;
        // The end of an attempt was reported, and no other attempt after it.
        self.is_closed = match event {
            ClientEvent::Closed(_) => true,
            ClientEvent::Connected { .. } | ClientEvent::Reconnecting { .. } => false,
            _ => was_closed,
        };
        match event {
            ClientEvent::Connected { peer, local } => self.print(&json!({
                "event": "connected",
                "peer": peer.map(|peer| peer.to_string()),
                "local": local.map(|local| local.to_string()),
            })),
            ClientEvent::Open(response) => self.open(response, None),
            ClientEvent::Message(message) => self.message(message),
            ClientEvent::Ping(payload) => self.print(&json!({"event": "ping", "length": payload.len()})),
            ClientEvent::Pong { payload, .. } => {
                self.print(&json!({"event": "pong", "length": payload.len()}));
            }
            ClientEvent::Closing(frame) => {
                self.print(&json!({"event": "closing", "code": frame.status(), "reason": frame.reason()}));
            }
            ClientEvent::Error(error) => self.failed(&error.phase().to_string(), error.to_string()),
            ClientEvent::Closed(closed) => self.closed(closed),
            ClientEvent::Reconnecting { attempt, after, cause } => self.print(&json!({
                "event": "reconnecting",
                "attempt": attempt,
                "after": after.as_secs_f64(),
                "cause": cause.to_string(),
            })),
            ClientEvent::GaveUp { reason } => self.gave_up(was_closed, reason),
            ClientEvent::BufferFull => self.print(&json!({"event": "buffer_full"})),
            ClientEvent::BufferDrained => self.print(&json!({"event": "buffer_drained"})),
            ClientEvent::Undelivered(message) => {
                self.print(&json!({"event": "undelivered", "length": message.len()}));
            }
            ClientEvent::Stuck { message, failures, last_end } => self.print(&json!({
                "event": "stuck",
                "length": message.len(),
                "failures": failures,
                "last_end": last_end.to_string(),
            })),
            _ => {}
        }
    }

    pub(crate) fn error(&mut self, error: &Error) {
        let phase = match error {
            Error::Violation(_) => "protocol",
            Error::Timeout(_) => "timeout",
            _ => "transport",
        };
        self.failed(phase, error.to_string());
    }

    /// There never was a connection.
    pub(crate) fn not_connected(&mut self, error: &ConnectError) {
        self.failed(&error.phase().to_string(), error.to_string());
        self.closed(&Closed::abrupt(1006, error.side()));
    }

    fn failed(&mut self, phase: &str, message: String) {
        self.print(&json!({"event": "error", "phase": phase, "message": message}));
        self.last_error = Some(message);
    }

    fn message(&mut self, message: &Message) {
        let length = message.len();
        match message.as_text() {
            Some(text) if length <= MAX_TEXT => {
                self.last_text = Some(text.into());
                self.print(&json!({"event": "message", "type": "text", "length": length, "text": text}));
            }
            Some(_) => self.print(&json!({"event": "message", "type": "text", "length": length})),
            None => self.print(&json!({"event": "message", "type": "binary", "length": length})),
        }
    }

    fn closed(&mut self, closed: &Closed) {
        self.is_clean = closed.clean;
        let by = match closed.initiator {
            Initiator::Local => "us",
            Initiator::Remote => "peer",
        };
        self.print(&json!({
            "event": "closed",
            "code": closed.code,
            "reason": &*closed.reason,
            "clean": closed.clean,
            "by": by,
        }));
    }

    fn print(&self, object: &Value) {
        if self.is_printing {
            // Whoever reads may have gone; the connection is followed to its end all the same.
            let _ = writeln!(std::io::stdout().lock(), "{object}");
        }
    }
}

/// Tells a client its address, in the response.
pub(crate) fn greet(request: &Request) -> Result<Accept, Reject> {
    let client = request.client_addr().map_or_else(|| "unknown".into(), |address| address.to_string());
    // An address has no illegal character.
    Ok(Accept::new().header("X-Client", &client).expect("a legal value"))
}
