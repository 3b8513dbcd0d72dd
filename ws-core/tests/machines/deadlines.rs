//! The deadlines of a connection, as a driver sees them: [`Config::shortest_timeout`] under every short order of inputs.

use ws_core::{Config, Machine, Role};

use crate::closing_run::Input::{self, *};
use crate::closing_run::Run;
use crate::support::*;

const INPUTS: [Input; 22] = [
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
    IncompleteMessage,
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

/// One time is short, and the others are long or not set. The last one is of a connection that receives messages in chunks.
fn configs() -> [(Config, bool); 6] {
    let none = Config::default()
        .ping_interval(None)
        .pong_timeout(None)
        .write_timeout(None)
        .message_timeout(None)
        .chunk_timeout(None);
    let long = Config::default()
        .close_timeout(seconds(700))
        .ping_interval(seconds(400))
        .pong_timeout(seconds(500))
        .write_timeout(seconds(600))
        .message_timeout(seconds(800))
        .chunk_timeout(seconds(900));
    [
        (none.close_timeout(seconds(30)), false),
        (long.clone().close_timeout(seconds(30)), false),
        (long.clone().pong_timeout(seconds(30)), false),
        (long.clone().write_timeout(seconds(30)), false),
        (long.clone().message_timeout(seconds(30)), false),
        (long.chunk_timeout(seconds(30)), true),
    ]
}

/// A thread waits until the earliest deadline, but no longer than the shortest timeout. Another thread gives the input. The first
/// thread is back before any deadline that comes of it.
#[test]
fn no_input_brings_about_a_deadline_before_the_shortest_timeout_has_passed() {
    for (config, in_chunks) in configs() {
        let mut advanced = 0;
        for order in orders(3) {
            let mut run = Run::new(Role::Client, &config);
            run.connection.receive_chunks(in_chunks);
            let mut read_at = run.now;
            for input in &order {
                let before = run.connection.poll_timeout();
                run.input(*input);
                let since = match input {
                    // The time counts from the read, with which the wait of the reader has begun.
                    Take | ReadAhead | ReadToClose | Answer => read_at,
                    _ => run.now,
                };
                if let PeerClose | Message | IncompleteMessage | PeerPing | Violation | IllegalClose = input {
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
