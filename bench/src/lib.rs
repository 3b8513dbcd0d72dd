//! This library beside its peers: the codec in memory, and whole connections over loopback.

mod callgrind;
mod contender;
mod scenario;
mod selection;
mod stopwatch;
mod system;
mod table;
mod tally;
mod transport;

use std::process::ExitCode;

use lexopt::prelude::*;

use crate::contender::{Entry, Options};
use crate::scenario::{Case, Scenario};
use crate::selection::Selection;

const USAGE: &str = "\
usage: ws-bench table [SELECTION]... [--jobs N]
       ws-bench small-reads [--contender NAME]... [--jobs N]
       ws-bench time [SELECTION]... [--rounds N]
       ws-bench one CONTENDER SCENARIO SIZE COUNT
       ws-bench COMMAND [--contender NAME]... [--rounds N] [--jobs N]

The codec, in memory:

table   instructions per message of every cell, counted by valgrind
small-reads
        the same for a client that finds one message of 32 B in each read, and has to wait for the next
time    wall-clock nanoseconds per message of every cell, all contenders in turn
one     one contender, one scenario, one size: what the other two measure

SELECTION is --scenario NAME, --size BYTES or --contender NAME; each may be given again.

Whole connections; each COMMAND says more with --help:
";

/// What the two programs do, which differ in their allocators. `heap` says how many bytes are allocated.
pub fn main(heap: Option<fn() -> usize>) -> ExitCode {
    match command(heap) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command(heap: Option<fn() -> usize>) -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = lexopt::Parser::from_env();
    let mut selection = Selection::default();
    let mut contenders = Vec::new();
    let mut jobs = 1;
    let mut rounds = None;
    let mut is_help = false;
    let mut words = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("scenario") => selection.scenarios.push(arguments.value()?.parse_with(scenario_named)?),
            Long("size") => selection.sizes.push(arguments.value()?.parse()?),
            Long("contender") => contenders.push(arguments.value()?.string()?),
            Long("jobs") => jobs = arguments.value()?.parse()?,
            Long("rounds") => rounds = Some(arguments.value()?.parse()?),
            Short('h') | Long("help") => is_help = true,
            Value(word) => words.push(word.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let system = words.first().and_then(|word| system::command_named(word));
    match (system, is_help) {
        (Some(command), true) => println!("{}", command.help),
        (None, true) => println!("{}", usage()),
        (Some(command), false) => {
            let options = system::Options { contenders, rounds, jobs, heap };
            (command.run)(&options, &words[1..])?;
        }
        (None, false) => {
            for name in contenders {
                selection.contenders.push(contender_named(&name)?);
            }
            codec(&selection, &words, jobs, rounds.unwrap_or(9))?;
        }
    }
    Ok(())
}

fn usage() -> String {
    let commands =
        system::COMMANDS.iter().map(|command| format!("\n{:<12}  {}", command.name, command.about));
    USAGE.chars().chain(commands.flat_map(|line| line.chars().collect::<Vec<_>>())).collect()
}

fn codec(
    selection: &Selection,
    words: &[String],
    jobs: usize,
    rounds: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["table"] => callgrind::table(selection, jobs)?,
        ["small-reads"] => callgrind::small_reads(selection, jobs)?,
        ["time"] => stopwatch::table(selection, rounds)?,
        ["one", contender, scenario, size, count] => {
            let case =
                Case { scenario: scenario_named(scenario)?, size: size.parse()?, count: count.parse()? };
            let entry = contender_named(contender)?;
            if !entry.takes(case.scenario) {
                return Err(format!("{contender} takes no part in {scenario}").into());
            }
            let report = entry.run(&case, Options::default());
            let contender::Report { messages, bytes, writes, elapsed } = report;
            println!("{messages} messages, {bytes} bytes, {writes} writes, {} ns", elapsed.as_nanos());
        }
        _ => return Err(usage().into()),
    }
    Ok(())
}

fn scenario_named(name: &str) -> Result<&'static Scenario, String> {
    let names = || scenario::ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let found = scenario::ALL.iter().chain([&scenario::SMALL_READS]).find(|scenario| scenario.name == name);
    found.ok_or_else(|| format!("no scenario {name:?}; there are {}", names()))
}

fn contender_named(name: &str) -> Result<&'static Entry, String> {
    let names = || contender::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    let found = contender::ALL.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| format!("no contender {name:?}; there are {}", names()))
}
