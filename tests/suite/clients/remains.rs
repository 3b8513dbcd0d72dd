//! What a hundred reconnects leave behind.

use std::time::Duration;

use ws_core::{CloseCode, Config};

use super::ClientAdapter;
use super::watched::{persistent, watched};
use crate::watch::{alone, eventually, proc_status};
use crate::witness::{Manner, Witness};
use ws_testkit::Fault::{Cut, HalfOpen, None, Reset, ResetAfter, Stall, Trickle};
use ws_testkit::FaultRelay;
use ws_testkit::Way::{Down, Up};

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> u64 {
    proc_status("self", "Threads:")
}

pub fn a_hundred_reconnects_leave_nothing_behind<A: ClientAdapter>() {
    alone(|| {
        // Whatever a runtime keeps for good, it has after the first round.
        round::<A>(1);
        let (files, tasks) = (open_files(), A::tasks());
        let running = threads();
        round::<A>(100 / 8 + 1);
        eventually("that every file is closed", || open_files() <= files);
        eventually("that every task has ended", || A::tasks() <= tasks);
        // A runtime may keep threads for blocking work, and more of them for a while.
        eventually("that every thread has ended", || threads() <= running + 2);
        println!(
            "{} files ({files}), {} threads ({running}), {} tasks ({tasks})",
            open_files(),
            threads(),
            A::tasks()
        );
    });
}

/// Every fault so many times, in turn; and in the end the client is as it was in the beginning.
fn round<A: ClientAdapter>(times: usize) {
    let faults = [
        Reset,
        Cut(Up, 60),
        Cut(Down, 133),
        ResetAfter(Down, 140),
        Stall(Down, 60),
        HalfOpen(Down, 133),
        Trickle,
    ];
    let faults: Vec<_> =
        std::iter::repeat_n([&faults[..], &[Cut(Down, 131)]].concat(), times).flatten().collect();
    let witness = Witness::new(Manner { greetings: &["hi", "ho"], echoes: true, ..Manner::default() });
    let config =
        Config::default().ping_interval(Duration::from_millis(20)).pong_timeout(Duration::from_millis(40));
    // By name, so that the resolver is asked each time.
    let proxy = FaultRelay::start(witness.address(), faults.iter().copied().chain([None])).unwrap();
    let url = format!("ws://localhost:{}/", proxy.address().port());
    let mut client = watched(persistent::<A>(&url).config(config).open_timeout(Duration::from_millis(200)));
    let mut ends = 0;
    while ends < times * 8 {
        match &*client.event() {
            "closed 1006" => {
                ends += 1;
                let (own, files) = (client.stats().attempts as usize, open_files());
                // The proxy holds two sockets of what stalls or is half open, and of it the server one at most.
                assert!(files < 100 + 2 * own, "{files} files after {own} attempts");
            }
            // Nothing ends a connection that is only slow.
            "message ho" => client.send("going").unwrap(),
            "message going" => {
                client.close(CloseCode::NORMAL);
                client.until("over");
                client.reconnect_after(Duration::ZERO);
                ends += 1;
            }
            _ => {}
        }
    }
    client.until("message ho");
    client.close(CloseCode::NORMAL);
    client.until("over");
}
