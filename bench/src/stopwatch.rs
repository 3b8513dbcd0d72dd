//! Measures wall-clock time.

use std::io;
use std::process::Command;

use crate::contender::Entry;
use crate::scenario::Case;
use crate::selection::{self, Selection};
use crate::table::Table;

/// Prints one table a scenario. Within a cell's column the contenders take turns, round after round, so that whatever
/// else the machine does meets them all; a cell is the median of its rounds.
pub fn table(selection: &Selection, rounds: usize) -> io::Result<()> {
    let sizes = selection.sizes();
    for scenario in selection.scenarios() {
        let contenders = selection.contenders(scenario);
        let mut rows: Vec<_> = contenders.iter().map(|&entry| (entry, Vec::new())).collect();
        for &size in &sizes {
            let case = selection::case(scenario, size);
            // The first messages fault in the memory that the others use.
            let case = Case { count: 4 * case.count, ..case };
            let mut times = vec![Vec::new(); contenders.len()];
            for _ in 0..rounds.max(1) {
                for (entry, times) in contenders.iter().zip(&mut times) {
                    times.push(nanoseconds(entry, &case)?);
                }
            }
            for ((_, cells), times) in rows.iter_mut().zip(times) {
                cells.push(median(times));
            }
        }
        print!("{}", Table { title: scenario.title, unit: "nanoseconds per message", sizes: &sizes, rows });
    }
    Ok(())
}

/// Each run is a process of its own: what one contender leaves behind in the allocator is not the next one's matter.
fn nanoseconds(entry: &Entry, case: &Case) -> io::Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args(["one", entry.name, case.scenario.name])
        .args([case.size.to_string(), case.count.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let elapsed =
        said.trim().rsplit_once(' ').and_then(|(rest, _)| rest.rsplit_once(' ')?.1.parse::<f64>().ok());
    match elapsed {
        Some(elapsed) if output.status.success() => Ok(elapsed / case.count as f64),
        _ => Err(io::Error::other(format!(
            "{} {} of {} bytes failed ({}):\n{}",
            entry.name,
            case.scenario.name,
            case.size,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
