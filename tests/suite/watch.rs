//! Bounds on a scenario: its time, and what else runs in its process.

use std::panic::resume_unwind;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The longest time for any scenario: far beyond what it takes, even on a machine that has a hundred other things to do.
const BOUND: Duration = Duration::from_secs(300);

/// So late a deadline may be seen to have passed on a busy machine. It is less than the deadlines of other things, which
/// [`quiet`](crate::ends::quiet) puts far away.
const LATE: Duration = Duration::from_secs(15);

/// Runs a scenario. If it locks up, that is a failure, not a test run without an end.
pub fn bounded(scenario: fn()) {
    // The name stands in messages, and `alone` finds the test by it.
    let name = thread::current().name().unwrap_or("scenario").to_owned();
    let (done, waiting) = mpsc::channel();
    let running = thread::Builder::new()
        .name(name)
        .spawn(move || {
            scenario();
            let _ = done.send(());
        })
        .unwrap();
    if waiting.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the scenario has not ended after {BOUND:?}");
    }
    if let Err(panic) = running.join() {
        resume_unwind(panic);
    }
}

/// Runs the scenario of the current test in a process of its own, where nothing else opens files, starts threads or takes
/// memory.
pub fn alone(scenario: fn()) {
    const ALONE: &str = "SUITE_SCENARIO_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return scenario();
    }
    let name = thread::current().name().unwrap().to_owned();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in its own process: {said}");
    assert!(said.contains("1 passed"), "the test was not found by its name {name}: {said}");
    print!("{said}");
}

/// Waits until `is_true`, for what has no event to wait for.
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "{what} does not come true");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asserts that something that ends by a deadline ended at it: never before, and not much later, though the machine may be
/// busy. Gives what came out.
pub fn takes<R>(at_least: Duration, what: impl FnOnce() -> R) -> R {
    let begin = Instant::now();
    let result = what();
    let taken = begin.elapsed();
    // Timers of some runtimes count in milliseconds.
    assert!(taken + Duration::from_millis(2) >= at_least, "{taken:?} is before the deadline {at_least:?}");
    assert!(taken < at_least + LATE, "{taken:?} is long after the deadline {at_least:?}");
    result
}

/// The number behind `field` in a file of `/proc/self` or of another process.
pub fn proc_status(process: &str, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
