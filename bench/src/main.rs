//! The codec of this library beside its peers.

mod callgrind;
mod contender;
mod scenario;
mod selection;
mod stopwatch;
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
       ws-bench time [SELECTION]... [--rounds N]
       ws-bench one CONTENDER SCENARIO SIZE COUNT

table   instructions per message of every cell, counted by valgrind
time    wall-clock nanoseconds per message of every cell, all contenders in turn
one     one contender, one scenario, one size: what the other two measure

SELECTION is --scenario NAME, --size BYTES or --contender NAME; each may be given again.";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = lexopt::Parser::from_env();
    let mut selection = Selection::default();
    let mut jobs = 1;
    let mut rounds = 9;
    let mut words = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("scenario") => selection.scenarios.push(arguments.value()?.parse_with(scenario_named)?),
            Long("size") => selection.sizes.push(arguments.value()?.parse()?),
            Long("contender") => selection.contenders.push(arguments.value()?.parse_with(contender_named)?),
            Long("jobs") => jobs = arguments.value()?.parse()?,
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Short('h') | Long("help") => {
                println!("{USAGE}");
                return Ok(());
            }
            Value(word) => words.push(word.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["table"] => callgrind::table(&selection, jobs)?,
        ["time"] => stopwatch::table(&selection, rounds)?,
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
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn scenario_named(name: &str) -> Result<&'static Scenario, String> {
    let names = || scenario::ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let found = scenario::ALL.iter().find(|scenario| scenario.name == name);
    found.ok_or_else(|| format!("no scenario {name:?}; there are {}", names()))
}

fn contender_named(name: &str) -> Result<&'static Entry, String> {
    let names = || contender::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    let found = contender::ALL.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| format!("no contender {name:?}; there are {}", names()))
}
