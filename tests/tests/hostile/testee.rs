//! A `testee` process, and the lines that it prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use serde_json::Value;
use suite::peer::{Peer, Server, response_to};

pub(crate) const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "blocking"];

/// A client under test. Dropped, it is killed.
pub(crate) struct Testee {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its lines, the last one included.
    pub(crate) events: Vec<Value>,
    pub(crate) status: Option<i32>,
}

impl Testee {
    pub(crate) fn connect(runtime: &str, url: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testee"))
            .args(["connect", runtime, url])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The client, and a server by hand, after a plain handshake.
    pub(crate) fn open(runtime: &str, arguments: &[&str]) -> (Self, Peer) {
        let server = Server::new();
        let mut testee = Self::connect(runtime, &server.url(), arguments);
        let mut peer = server.accept();
        let head = peer.read_head();
        peer.send(response_to(&head, ""));
        let open = testee.event().unwrap();
        assert_eq!(open["event"], "open", "{open}");
        (testee, peer)
    }

    /// The next line; `None` at the end.
    pub(crate) fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        check(&event);
        Some(event)
    }

    /// Everything to its end.
    pub(crate) fn outcome(mut self) -> Outcome {
        let events: Vec<Value> = std::iter::from_fn(|| self.event()).collect();
        let last = events.last().expect("a last line");
        assert_eq!(last["event"], "closed", "the last line, always");
        let closes = events.iter().filter(|event| event["event"] == "closed").count();
        assert_eq!(closes, 1, "{events:?}");
        let status = self.child.wait().unwrap().code();
        let expected = if last["clean"] == true { 0 } else { 1 };
        assert_eq!(status, Some(expected), "{last}");
        Outcome { events, status }
    }

    /// The most memory that it has held, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        suite::watch::proc_status(&self.child.id().to_string(), "VmHWM:")
    }
}

impl Drop for Testee {
    fn drop(&mut self) {
        // It has most probably ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// The line before the last: asserts that the run failed there, once, in that phase. Gives what it says.
    pub(crate) fn failure(&self, phase: &str) -> &str {
        let [before @ .., error, closed] = &self.events[..] else { panic!("{self:?}") };
        assert_eq!(error["event"], "error", "{self:?}");
        assert_eq!(error["phase"], phase, "{self:?}");
        assert!(before.iter().all(|event| event["event"] != "error"), "{self:?}");
        assert_eq!((&closed["clean"], self.status), (&Value::Bool(false), Some(1)), "{self:?}");
        error["message"].as_str().unwrap()
    }

    pub(crate) fn closed(&self) -> &Value {
        self.events.last().unwrap()
    }
}

/// Its name, and whether its value is what the description says.
type Field = (&'static str, fn(&Value) -> bool);

/// The fields of each line, their order and their types.
fn check(event: &Value) {
    let is_short_text = event["length"].as_u64() <= Some(1024) && event["type"] == "text";
    let fields: &[Field] = match event["event"].as_str().unwrap_or_default() {
        "open" => &[
            ("status", |value| value == 101),
            ("headers", |value| {
                let is_pair = |header: &Value| {
                    header.as_array().is_some_and(|pair| pair.len() == 2 && pair.iter().all(Value::is_string))
                };
                value.as_array().is_some_and(|headers| headers.iter().all(is_pair))
            }),
            ("subprotocol", |value| value.is_string() || value.is_null()),
        ],
        "message" if is_short_text => {
            &[("type", Value::is_string), ("length", Value::is_u64), ("text", Value::is_string)]
        }
        "message" => &[("type", |value| value == "text" || value == "binary"), ("length", Value::is_u64)],
        "ping" | "pong" => &[("length", |value| value.as_u64() <= Some(125))],
        "closing" => &[("code", Value::is_u64), ("reason", Value::is_string)],
        "error" => &[("phase", Value::is_string), ("message", Value::is_string)],
        "closed" => &[
            ("code", Value::is_u64),
            ("reason", Value::is_string),
            ("clean", Value::is_boolean),
            ("by", |value| value == "peer" || value == "us"),
        ],
        "connected" => &[("peer", Value::is_string), ("local", Value::is_string)],
        "reconnecting" => {
            &[("attempt", Value::is_u64), ("after", Value::is_f64), ("cause", Value::is_string)]
        }
        "gave_up" => &[("reason", Value::is_string)],
        other => panic!("no such event {other:?}: {event}"),
    };
    let names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    let expected: Vec<&str> = std::iter::once("event").chain(fields.iter().map(|(name, _)| *name)).collect();
    assert_eq!(names, expected, "{event}");
    for (name, is_right) in fields {
        assert!(is_right(&event[*name]), "{name} in {event}");
    }
}

/// Runs `scenario` for every runtime, at the same time.
pub(crate) fn for_every_runtime(scenario: impl Fn(&'static str) + Sync) {
    let scenario = &scenario;
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            // The name stands in what a failure prints.
            let thread = thread::Builder::new().name(runtime.into());
            thread.spawn_scoped(scope, move || scenario(runtime)).unwrap();
        }
    });
}
