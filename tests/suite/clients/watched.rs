//! What a client reports, as words that a test can spell out.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use ws_common::{
    reconnect::{GiveUp, Reconnect},
    session::{ClientBuilder, ClientEvent},
};

use super::ClientAdapter;
use crate::ends::{FAR, quiet};

/// So long an event is waited for that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The delay before reconnecting, where it does not matter.
pub const SOON: Duration = Duration::from_millis(1);

/// A client whose events are compared with what is expected.
///
/// Events are `connected`, `open`, `message TEXT`, `ping`, `closing CODE`, `error PHASE`, `closed CODE`, `reconnecting N`,
/// `full`, `drained`, `undelivered TEXT`, `stuck TEXT`, and at last `over`, before which the client must have said why. Pongs are passed
/// over.
pub struct Watched<C> {
    client: C,
    /// What the last errors said.
    errors: Vec<String>,
    /// The reason for which the client has given up.
    pub gave_up: Option<GiveUp>,
}

/// A client that reconnects at once, whatever happens, and has no deadline that a busy machine could miss.
pub fn persistent<C: ClientAdapter>(url: &str) -> ClientBuilder<C> {
    ClientBuilder::new(url).config(quiet()).open_timeout(FAR).reconnect(Reconnect::after(SOON))
}

/// The client that a builder makes.
pub fn watched<C: ClientAdapter>(builder: ClientBuilder<C>) -> Watched<C> {
    watching(builder.build().unwrap())
}

/// A client that exists already.
pub fn watching<C: ClientAdapter>(client: C) -> Watched<C> {
    Watched { client, errors: Vec::new(), gave_up: None }
}

impl<C: ClientAdapter> Watched<C> {
    /// The next event.
    pub fn event(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event =
                self.client.next(left).unwrap_or_else(|| panic!("no event; errors: {:?}", self.errors));
            if let Some(word) = self.word(event) {
                return word;
            }
        }
    }

    /// Asserts that these are the next events.
    pub fn expect(&mut self, expected: &[&str]) {
        let mut seen: Vec<String> = Vec::new();
        for word in expected {
            seen.push(self.event());
            assert_eq!(
                seen.last().unwrap(),
                word,
                "of {expected:?}, {seen:?} came; errors: {:?}",
                self.errors
            );
        }
    }

    /// The events up to this one.
    pub fn until(&mut self, last: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|event| event != last) {
            assert!(seen.last().is_none_or(|event| event != "over"), "{last:?} does not come: {seen:?}");
            seen.push(self.event());
        }
        seen
    }

    /// What is reported within this time.
    pub fn within(&mut self, time: Duration) -> Vec<String> {
        let deadline = Instant::now() + time;
        let mut seen = Vec::new();
        while let Some(event) = self.client.next(deadline.saturating_duration_since(Instant::now())) {
            let is_over = event.is_none();
            seen.extend(self.word(event));
            if is_over {
                break;
            }
        }
        seen
    }

    /// What the last error said.
    pub fn error(&self) -> &str {
        self.errors.last().unwrap()
    }

    fn word(&mut self, event: Option<ClientEvent>) -> Option<String> {
        match event {
            None => assert!(self.gave_up.is_some(), "never silently over"),
            Some(ClientEvent::GaveUp { reason }) => {
                self.gave_up = Some(reason);
                return None;
            }
            Some(ClientEvent::Reconnecting { .. }) => self.gave_up = None,
            Some(_) => assert_eq!(self.gave_up, None, "nothing comes after it: {event:?}"),
        }
        Some(match event {
            None => "over".into(),
            Some(ClientEvent::Connected { .. }) => "connected".into(),
            Some(ClientEvent::Open(_)) => "open".into(),
            Some(ClientEvent::Message(message)) => format!("message {}", message.as_text().unwrap()),
            Some(ClientEvent::Ping(_)) => "ping".into(),
            Some(ClientEvent::Pong { .. }) => return None,
            Some(ClientEvent::Closing(frame)) => format!("closing {}", frame.status()),
            Some(ClientEvent::Error(error)) => {
                self.errors.push(error.to_string());
                format!("error {}", error.phase())
            }
            Some(ClientEvent::Closed(closed)) => format!("closed {}", closed.code),
            Some(ClientEvent::Reconnecting { attempt, .. }) => format!("reconnecting {attempt}"),
            Some(ClientEvent::BufferFull) => "full".into(),
            Some(ClientEvent::BufferDrained) => "drained".into(),
            Some(ClientEvent::Undelivered(message)) => {
                format!("undelivered {}", message.as_text().unwrap())
            }
            Some(ClientEvent::Stuck { message, .. }) => format!("stuck {}", message.as_text().unwrap()),
            Some(other) => format!("{other:?}"),
        })
    }
}

impl<C> Deref for Watched<C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.client
    }
}

impl<C> DerefMut for Watched<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.client
    }
}
