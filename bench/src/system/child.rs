//! Runs of this program as processes of their own.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What a run measured, by the order in which it printed it.
pub type Values = Vec<f64>;

/// One run: the words after the program's name.
pub type Run = Vec<String>;

/// Prints what a run measured, for [`measure`] to read.
pub fn report(values: &[f64]) {
    let words: Vec<_> = values.iter().map(f64::to_string).collect();
    println!("{}", words.join(" "));
}

/// The same of what may have failed.
pub fn report_all<const N: usize>(values: io::Result<[f64; N]>) -> io::Result<()> {
    report(&values?);
    Ok(())
}

/// Makes a run and reads what it reported.
pub fn measure(run: &Run) -> io::Result<Values> {
    measure_under(Command::new(std::env::current_exe()?), run)
}

/// The same under a program that is given what it runs as its last arguments.
pub fn measure_under(mut command: Command, run: &Run) -> io::Result<Values> {
    let child = command.args(run).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let said = output(child)?;
    said.split_whitespace().map(|word| word.parse().map_err(io::Error::other)).collect()
}

/// Each of `runs` in turn, round after round, so that whatever else the machine does meets them all; medians. A run that failed
/// has none, and its complaint goes to standard error.
pub fn in_turn(runs: &[Run], rounds: usize) -> Vec<Option<Values>> {
    let mut seen: Vec<Vec<Values>> = vec![Vec::new(); runs.len()];
    let mut failed = vec![false; runs.len()];
    for _ in 0..rounds.max(1) {
        for ((run, seen), failed) in runs.iter().zip(&mut seen).zip(&mut failed) {
            if *failed {
                continue;
            }
            match measure(run) {
                Ok(values) => seen.push(values),
                Err(error) => {
                    eprintln!("{}: {error}", run.join(" "));
                    *failed = true;
                }
            }
        }
    }
    let medians = seen.into_iter().zip(failed).map(|(seen, failed)| (!failed).then(|| medians(&seen)));
    medians.collect()
}

fn medians(seen: &[Values]) -> Values {
    let places = seen.iter().map(Vec::len).min().unwrap_or(0);
    let median = |place| {
        let mut values: Vec<f64> = seen.iter().map(|values| values[place]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (0..places).map(median).collect()
}

/// What it prints until it ends, in time.
fn output(mut child: Child) -> io::Result<String> {
    let mut pipe = child.stdout.take().expect("a pipe was asked for");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let result = pipe.read_to_string(&mut said).map(|_| said);
        // Nobody listens any more if it was late.
        let _ = sender.send(result);
    });
    let said = receiver.recv_timeout(LIMIT);
    if said.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    match said {
        Ok(said) if status.success() => said,
        Ok(_) => Err(io::Error::other(format!("ended with {status}"))),
        Err(_) => Err(io::Error::other(format!("did not end within {LIMIT:?}"))),
    }
}

/// A run that goes on beside this one and is told by lines when to go on. Dropped, it is ended.
pub struct Companion {
    child: Child,
    lines: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Companion {
    pub fn start(run: &Run) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(run)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("a pipe was asked for");
        Ok(Companion { child, lines: BufReader::new(stdout).lines() })
    }

    /// Waits for its next line, which says how far it is.
    pub fn wait(&mut self) -> io::Result<String> {
        self.lines.next().unwrap_or_else(|| Err(io::Error::other("the other process has ended")))
    }

    /// Lets it go on.
    pub fn go_on(&mut self) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut().expect("a pipe was asked for");
        io::Write::write_all(stdin, b"\n")
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the companion: says how far it is, and waits until it may go on.
pub fn pause(at: &str) -> io::Result<()> {
    println!("{at}");
    let mut line = String::new();
    match io::stdin().read_line(&mut line)? {
        0 => Err(io::Error::other("the other process has ended")),
        _ => Ok(()),
    }
}
