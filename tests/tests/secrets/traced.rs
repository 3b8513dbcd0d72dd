//! Spans and events of every level.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::exhibition::Exhibition;
use crate::planted::found;

/// Keeps all that is told as one text.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0.lock().unwrap(), "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Text {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        write!(self.0.lock().unwrap(), "\n{} ", event.metadata().level()).unwrap();
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn no_span_and_no_event_shows_a_secret() {
    let text = Text::default();
    // The subscriber of the first thread that reaches an event decides for all threads whether it is told.
    tracing::subscriber::set_global_default(text.clone()).unwrap();
    let mut exhibition = Exhibition::default();
    crate::core::exhibit(&mut exhibition);
    crate::common::exhibit(&mut exhibition);
    crate::failures::exhibit(&mut exhibition);
    crate::sessions::exhibit(&mut exhibition);
    crate::adapters::exhibit(&mut exhibition);
    let told = text.0.lock().unwrap().clone();
    for expected in ["TRACE", "DEBUG", "rejected", "gave up", "TLS is up", "failed"] {
        assert!(told.contains(expected), "{expected}");
    }
    let leaks: Vec<&str> = told.lines().filter(|line| !found(line).is_empty()).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
