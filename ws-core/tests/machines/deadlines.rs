//! The deadlines of a connection, as a driver sees them: [`Config::shortest_timeout`] under every short order of inputs.

use ws_core::{Config, Machine, Role};

use crate::closing_run::Input::{self, *};
use crate::closing_run::Run;
use crate::support::*;

const INPUTS: [Input; 21] = [
    Close,
    PeerClose,
    Eof,
    WriteError,
    WriteSome,
    WriteAll,
    Deadline,
    Violation,
    Take,
    ReadError,
    Message,
    ReadAhead,
    ReadToClose,
    Send,
    Ping,
    PeerPing,
    IllegalClose,
    Blocked,
    Progress,
    Withhold,
    Answer,
];

/// One time is short, and the others are long or not set.
fn configs() -> [Config; 4] {
    let none = Config::default().ping_interval(None).pong_timeout(None).write_timeout(None);
    let long =
        Config::default().ping_interval(seconds(400)).pong_timeout(seconds(500)).write_timeout(seconds(600));
    [
        none.close_timeout(seconds(30)),
        long.clone().close_timeout(seconds(30)),
        long.clone().close_timeout(seconds(700)).pong_timeout(seconds(30)),
        long.close_timeout(seconds(700)).write_timeout(seconds(30)),
    ]
}

/// A thread waits until the earliest deadline, but no longer than the shortest timeout. Another thread gives the input. The first
/// thread is back before any deadline that comes of it.
#[test]
fn no_input_brings_about_a_deadline_before_the_shortest_timeout_has_passed() {
    for config in configs() {
        let mut advanced = 0;
        for order in orders(3) {
            let mut run = Run::new(Role::Client, &config);
            let mut read_at = run.now;
            for input in &order {
                let before = run.connection.poll_timeout();
                run.input(*input);
                let since = match input {
                    // The time counts from the read, with which the wait of the reader has begun.
                    Take | ReadAhead | ReadToClose | Answer => read_at,
                    _ => run.now,
                };
                if let PeerClose | Message | PeerPing | Violation | IllegalClose = input {
                    read_at = run.now;
                }
                let Some(after) = run.connection.poll_timeout() else { continue };
                if before.is_none_or(|before| after < before) {
                    assert!(
                        after >= since + config.shortest_timeout(),
                        "{order:?}: {after:?} with {config:?}"
                    );
                    advanced += 1;
                }
            }
        }
        assert!(advanced > 100, "{advanced} with {config:?}");
    }
}

fn orders(depth: u32) -> impl Iterator<Item = Vec<Input>> {
    let digits = move |n: usize| {
        (0..depth).map(move |place| INPUTS[n / INPUTS.len().pow(place) % INPUTS.len()]).collect()
    };
    (0..INPUTS.len().pow(depth)).map(digits)
}
