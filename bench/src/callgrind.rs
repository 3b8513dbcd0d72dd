//! Counts instructions by running this program again under valgrind.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::contender::Entry;
use crate::scenario::{self, Case, Scenario};
use crate::selection::{self, Selection};
use crate::table::Table;

/// Valgrind counts `rep movsb` once a byte, so the C library is told to copy with vector registers.
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS,-FSRM");

/// Opening is left out: what it costs differs between runs where a peer calibrates its clock.
const MEASURED: &str = "--toggle-collect=*contender*measured*";

/// Prints one table a scenario, as soon as its cells are there.
pub fn table(selection: &Selection, jobs: usize) -> io::Result<()> {
    tables(selection, &selection.scenarios(), &selection.sizes(), jobs)
}

/// The table of a live feed, with messages of one size.
pub fn small_reads(selection: &Selection, jobs: usize) -> io::Result<()> {
    tables(selection, &[&scenario::SMALL_READS], &[32], jobs)
}

fn tables(
    selection: &Selection,
    scenarios: &[&'static Scenario],
    sizes: &[usize],
    jobs: usize,
) -> io::Result<()> {
    find_valgrind()?;
    for &scenario in scenarios {
        let contenders = selection.contenders(scenario);
        let cells: Vec<_> = contenders
            .iter()
            .flat_map(|&entry| sizes.iter().map(move |&size| (entry, selection::case(scenario, size))))
            .collect();
        let counts = in_parallel(&cells, jobs, |(entry, case)| per_message(entry, case))?;
        let rows = contenders.iter().copied().zip(counts.chunks(sizes.len()).map(<[f64]>::to_vec));
        print!(
            "{}",
            Table { title: scenario.title, unit: "instructions per message", sizes, rows: rows.collect() }
        );
    }
    Ok(())
}

pub fn find_valgrind() -> io::Result<()> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(io::Error::other("valgrind was not found: install it, or use `time` for wall-clock times")),
    }
}

/// What a message costs once everything is warm: whatever two runs have in common cancels out.
fn per_message(entry: &Entry, case: &Case) -> io::Result<f64> {
    let once = instructions(entry, case)?;
    let twice = instructions(entry, &Case { count: 2 * case.count, ..*case })?;
    Ok((twice as f64 - once as f64) / case.count as f64)
}

fn instructions(entry: &Entry, case: &Case) -> io::Result<u64> {
    let words = ["one", entry.name, case.scenario.name].map(String::from);
    collected(&[&words[..], &[case.size.to_string(), case.count.to_string()]].concat())
}

/// The instructions of what this program measures when it is called with these words.
pub fn collected(words: &[String]) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", MEASURED])
        .arg(std::env::current_exe()?)
        .args(words)
        .env(TUNABLES.0, TUNABLES.1)
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(count @ 1..) if output.status.success() => Ok(count),
        _ => Err(io::Error::other(format!(
            "{} failed under valgrind ({}):\n{log}",
            words.join(" "),
            output.status
        ))),
    }
}

/// Counting is not disturbed by what else runs, unlike timing.
pub fn in_parallel<T: Sync>(
    items: &[T],
    jobs: usize,
    measure: impl Fn(&T) -> io::Result<f64> + Sync,
) -> io::Result<Vec<f64>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(items.iter().map(|_| Ok(f64::NAN)).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = measure(item);
                    results.lock().expect("no worker panics")[index] = result;
                }
            });
        }
    });
    results.into_inner().expect("no worker panics").into_iter().collect()
}
