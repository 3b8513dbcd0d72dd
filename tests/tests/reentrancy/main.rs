//! Every callback calls every method of every other handle, and panics once: nothing hangs, and every call has its effect.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod busy;
mod cell;
mod drive;
mod memory;
mod methods;
mod panics;
mod peer;
mod threads;
mod watch;
mod world;

use cell::{Cell, Driver};
use memory::Point::{
    self, AcceptWith, Connect, Decide, Drop, Feed, Flush, Prepare, Read, ReadPending, Send, Shutdown,
    TrySend, Visitor, Wake, WakeByCall, WakerDrop, Write,
};
use methods::Call;
use watch::{BLOCKED, watched};

const RECEIVER: &[Point] = &[Visitor, Read, ReadPending, Write, Flush, Shutdown, Wake, WakeByCall, WakerDrop];
const SENDER: &[Point] = &[Send, TrySend, Feed, Read, ReadPending, Write, Flush, Shutdown, Wake, WakerDrop];
const WHOLE: &[Point] =
    &[Visitor, Send, TrySend, Feed, Read, ReadPending, Write, Flush, Shutdown, Drop, Wake, WakerDrop];
const CLIENT: &[Point] =
    &[Decide, Prepare, Connect, Read, ReadPending, Write, Flush, Drop, Wake, WakeByCall, WakerDrop];
const HANDLE: &[Point] = &[Send, TrySend, Read, ReadPending, Write, Flush, Drop, Wake, WakeByCall, WakerDrop];
const INCOMING: &[Point] = &[AcceptWith, Read, Write, Flush, Drop];

/// Runs a part of the table. Names the cells that fail.
fn table(driver: Driver, points: &[Point], calls: impl Fn() -> Vec<Call>, panics: bool) {
    let mut failed = Vec::new();
    let mut cells = 0;
    'table: for &point in points {
        for call in calls() {
            // While its transport is called, a connection is locked.
            let may_wait = !matches!(point, Read | ReadPending | Write | Flush | Shutdown);
            for by_thread in [false, true] {
                if by_thread && (!may_wait || panics) {
                    continue;
                }
                cells += 1;
                let cell = Cell { driver, point, call, by_thread, panics };
                if let Err(error) = watched(move || cell.run()) {
                    let place = if by_thread { " by a thread" } else { "" };
                    let is_blocked = error == BLOCKED;
                    failed.push(format!("{driver:?}, {point:?}, {}{place}: {error}", call.name()));
                    // Each takes long.
                    if is_blocked && failed.len() > 2 {
                        break 'table;
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {cells} cells fail:\n{}", failed.len(), failed.join("\n"));
}

fn calls(driver: Driver, points: &[Point]) {
    table(driver, points, || Call::all().collect(), false);
}

#[test]
fn callbacks_of_a_receiving_half_call_every_method() {
    calls(Driver::Receiver, RECEIVER);
}

#[test]
fn callbacks_of_a_sending_half_call_every_method() {
    calls(Driver::Sender, SENDER);
}

#[test]
fn callbacks_of_a_whole_connection_call_every_method() {
    calls(Driver::Whole, WHOLE);
}

#[test]
fn callbacks_of_a_client_call_every_method() {
    calls(Driver::Client, CLIENT);
}

#[test]
fn callbacks_of_a_handle_call_every_method() {
    calls(Driver::Handle, HANDLE);
}

#[test]
fn callbacks_of_a_handshake_call_every_method() {
    calls(Driver::Incoming, INCOMING);
}

#[test]
fn callbacks_that_panic_leave_a_defined_state() {
    let table = |driver, points: &[Point]| {
        // The peer's task wakes, so that it is the one that a panic of a waker reaches.
        let points: Vec<Point> = points.iter().copied().filter(|point| *point != Wake).collect();
        table(driver, &points, || vec![Call::Nothing], true);
    };
    table(Driver::Receiver, RECEIVER);
    table(Driver::Sender, SENDER);
    table(Driver::Whole, WHOLE);
    table(Driver::Client, CLIENT);
    table(Driver::Handle, HANDLE);
    table(Driver::Incoming, INCOMING);
}
