//! Which system calls an echo makes.

use std::io;
use std::path::PathBuf;
use std::process::Command as Process;

use super::child::{self, Run};
use super::echo::{self, Spec};
use super::grid::{Grid, Row};
use super::{Command, Options};

pub const COMMAND: Command = Command {
    name: "syscalls",
    about: "system calls of that echo, counted by strace",
    help: "\
usage: ws-bench syscalls [--contender NAME]...

Counts with strace the system calls of the runs of `echo`: those of N batches taken from those of 2 N, over N, so that opening
and ending cancel out. Half of them are the client's, half the server's. A batch of 64 messages takes at least one write and
one read at either end, and, on tokio, one wait for readiness. Where messages are larger than what a read takes, or come in
several segments, there are more. Processes under strace run slower, and its counts vary a little with the scheduling.",
    run,
};

/// What counts as reading, writing and waiting.
const KINDS: [(&str, &[&str]); 3] = [
    ("reads", &["read", "readv", "recvfrom", "recvmsg"]),
    ("writes", &["write", "writev", "sendto", "sendmsg"]),
    ("waits", &["epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll"]),
];

/// Under strace, and twice: less than elsewhere.
const BATCHES: usize = 300;

const SPECS: [(&str, Spec); 3] = [
    ("64 of 16 B", Spec { size: 16, under_way: 64, batches: BATCHES }),
    ("64 of 1 KiB", Spec { size: 1024, under_way: 64, batches: BATCHES }),
    ("1 of 16 B", Spec { size: 16, under_way: 1, batches: BATCHES }),
];

fn run(options: &Options, _: &[String]) -> io::Result<()> {
    let names = options.select(echo::names())?;
    for (title, spec) in SPECS {
        let mut rows = Vec::new();
        for name in &names {
            let cells = match per_batch(name, spec) {
                Ok(counts) => counts.into_iter().map(Some).collect(),
                Err(error) => {
                    eprintln!("{name}: {error}");
                    vec![None; KINDS.len() + 1]
                }
            };
            rows.push(Row { name: name.to_string(), cells, limit: None });
        }
        let columns = KINDS.iter().map(|kind| kind.0).chain(["all others"]).map(String::from).collect();
        let title = format!("System calls of an echo, {title} under way");
        print!("{}", Grid { title, unit: "calls per batch, both ends".into(), columns, rows });
    }
    Ok(())
}

/// Whatever two runs have in common cancels out. Batches before those that are measured are a tenth as many in both.
fn per_batch(name: &str, spec: Spec) -> io::Result<Vec<f64>> {
    let once = count(&echo::arguments("echo", name, spec))?;
    let twice = count(&echo::arguments("echo", name, Spec { batches: 2 * spec.batches, ..spec }))?;
    let batches = spec.batches as f64 * 1.1;
    Ok(once.iter().zip(twice).map(|(once, twice)| (twice - once) / batches).collect())
}

fn count(run: &Run) -> io::Result<Vec<f64>> {
    let file = Summary::new();
    let mut strace = Process::new("strace");
    strace.args(["-f", "-c", "-U", "name,calls", "-o"]).arg(&file.0).arg(std::env::current_exe()?);
    child::measure_under(strace, run).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("strace was not found"),
        _ => error,
    })?;
    let text = std::fs::read_to_string(&file.0)?;
    let mut counts = vec![0.0; KINDS.len() + 1];
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(calls))) = (words.next(), words.next().map(str::parse::<f64>))
            && name != "total"
        {
            let kind = KINDS.iter().position(|(_, names)| names.contains(&name));
            counts[kind.unwrap_or(KINDS.len())] += calls;
        }
    }
    Ok(counts)
}

/// A file that does not stay.
struct Summary(PathBuf);

impl Summary {
    fn new() -> Self {
        Summary(std::env::temp_dir().join(format!("ws-bench-strace-{}", std::process::id())))
    }
}

impl Drop for Summary {
    fn drop(&mut self) {
        // If strace did not start there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}
