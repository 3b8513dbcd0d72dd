//! Who traces: each span that begins or ends and each event is a line.

use std::fmt::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Where there is but one who traces, the thread that comes first to an event decides whether it is ever told, and those of the peers
/// in these tests have nobody. Of two, both are asked.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Recorder::default()));

/// What this thread traces while it does `f`, as lines, with what `f` gives.
pub(crate) fn lines_of<R>(f: impl FnOnce() -> R) -> (Vec<String>, R) {
    LazyLock::force(&ANOTHER);
    let recorder = Recorder::default();
    let result = tracing::subscriber::with_default(recorder.clone(), f);
    let lines = std::mem::take(&mut recorder.0.lock().unwrap().lines);
    (lines, result)
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The span of the number n is at n - 1.
    spans: Vec<Span>,
    /// Those that were entered, the innermost last.
    entered: Vec<Id>,
    lines: Vec<String>,
}

struct Span {
    name: &'static str,
    fields: String,
    handles: usize,
}

impl State {
    fn span(&mut self, id: &Id) -> &mut Span {
        &mut self.spans[id.into_u64() as usize - 1]
    }

    fn title(&mut self, id: &Id) -> String {
        // A thread of the library, which has nobody who traces, may have begun the span.
        let Some(span) = self.spans.get(id.into_u64() as usize - 1) else {
            return "a span of another thread".into();
        };
        if span.fields.is_empty() { span.name.into() } else { format!("{}{{{}}}", span.name, span.fields) }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ws_")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.0.lock().unwrap();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        state.spans.push(Span { name: attributes.metadata().name(), fields: fields.text, handles: 1 });
        let id = Id::from_u64(state.spans.len() as u64);
        let title = state.title(&id);
        state.lines.push(format!("{title} begins"));
        id
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut state = self.0.lock().unwrap();
        let mut fields = Fields { text: std::mem::take(&mut state.span(id).fields) };
        values.record(&mut fields);
        state.span(id).fields = fields.text;
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut state = self.0.lock().unwrap();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level().as_str().to_lowercase();
        let span = event.parent().or(state.entered.last()).cloned().map(|id| state.title(&id));
        let span = span.map_or_else(String::new, |title| format!("{title}: "));
        state.lines.push(format!("{span}{level}: {}", fields.text));
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.clone());
    }

    fn exit(&self, id: &Id) {
        assert_eq!(
            self.0.lock().unwrap().entered.pop().as_ref(),
            Some(id),
            "spans are left as they were entered"
        );
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.lock().unwrap().span(id).handles += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut state = self.0.lock().unwrap();
        state.span(&id).handles -= 1;
        let ends = state.span(&id).handles == 0;
        if ends {
            let title = state.title(&id);
            state.lines.push(format!("{title} ends"));
        }
        ends
    }
}

/// The message, and then each field as `name=value`.
#[derive(Default)]
struct Fields {
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if field.name() != "message" {
            write!(self.text, "{}=", field.name()).unwrap();
        }
        // They are different in each run.
        match field.name() {
            "number" => self.text.push('N'),
            "duration" => self.text.push('T'),
            _ => write!(self.text, "{value:?}").unwrap(),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
