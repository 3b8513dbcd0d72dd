//! The command: see the README.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use lexopt::prelude::*;

use crate::check::{Choice, check};
use crate::scenarios::Scenario;
use crate::worker::{Failed, Outcome, Task};
use crate::{mutants, table, worker};
use ws_common::sync::break_rule;

/// Number of schedules of each scenario, with each way of choosing, where nothing else is said.
const COUNT: usize = 250;

/// The same for mutants: most are found soon, so all scenarios are tried a little first.
const ROUNDS: [usize; 3] = [4, 40, 250];

/// The first of the fixed seeds.
const SEED: u64 = 1;

#[derive(Default)]
struct Options {
    count: Option<usize>,
    seed: Option<u64>,
    only: String,
    mutants: bool,
    mutant: Option<String>,
    replay: Option<(String, String)>,
    worker: Option<Vec<usize>>,
    list: bool,
}

/// Does as the arguments say.
pub fn main() -> ExitCode {
    let options = match parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("schedules: {error}");
            return ExitCode::from(2);
        }
    };
    let (run, impossible) = table::check();
    if let Some(scenarios) = options.worker {
        let count = options.count.unwrap_or(COUNT);
        worker::work(&Task { scenarios, count, seed: options.seed.unwrap_or(SEED), mutant: options.mutant });
        return ExitCode::SUCCESS;
    }
    if options.list {
        list();
        return ExitCode::SUCCESS;
    }
    if let Some((name, choice)) = &options.replay {
        return replay(&options, name, choice);
    }
    println!("table: {run} cells run, {impossible} cannot be");
    if options.mutants { all_mutants(&options) } else { all_scenarios(&options) }
}

fn parse() -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("schedules") => options.count = Some(parser.value()?.parse()?),
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("only") => options.only = parser.value()?.string()?,
            Long("mutants") => options.mutants = true,
            Long("break") => options.mutant = Some(parser.value()?.string()?),
            Long("list") => options.list = true,
            Long("replay") => {
                options.replay = Some((parser.value()?.string()?, parser.value()?.string()?));
                options.seed = Some(parser.value()?.parse()?);
            }
            Long("worker") => {
                let numbers = parser.value()?.string()?;
                let numbers: Result<_, _> = numbers.split(',').map(str::parse).collect();
                options.worker = Some(numbers.map_err(|_| "the numbers of scenarios are wrong")?);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

/// The table, the scenarios beside it, and the mutants.
fn list() {
    for cell in table::cells() {
        match cell.impossible() {
            Some(reason) => println!("{}: {reason}", cell.name()),
            None => println!("{}", cell.name()),
        }
    }
    let cells = table::check().0;
    Scenario::all()[cells..].iter().for_each(|scenario| println!("{}", scenario.name));
    mutants::all().iter().for_each(|mutant| println!("mutant {mutant}"));
}

/// One schedule, in this process, with all that it says.
fn replay(options: &Options, name: &str, choice: &str) -> ExitCode {
    let all = Scenario::all();
    let scenario = all.iter().find(|scenario| scenario.name == name);
    let choice = Choice::ALL.into_iter().find(|known| known.name() == choice);
    let (Some(scenario), Some(choice)) = (scenario, choice) else {
        eprintln!("schedules: there is no such scenario, or its choice is neither random nor pct");
        return ExitCode::from(2);
    };
    break_rule(options.mutant.as_deref());
    match check(choice, options.seed.unwrap_or(SEED), 1, scenario) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{}", failure.message);
            ExitCode::FAILURE
        }
    }
}

fn wanted(options: &Options, all: &[Scenario]) -> Vec<usize> {
    let is_wanted = |number: &usize| all[*number].name.contains(&options.only);
    (0..all.len()).filter(is_wanted).collect()
}

/// So many processes at once.
fn width() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn all_scenarios(options: &Options) -> ExitCode {
    let start = Instant::now();
    let all = Scenario::all();
    let wanted = wanted(options, &all);
    let ran = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for first in 0..width() {
            let scenarios: Vec<usize> = wanted.iter().copied().skip(first).step_by(width()).collect();
            let task = Task {
                scenarios,
                count: options.count.unwrap_or(COUNT),
                seed: options.seed.unwrap_or(SEED),
                mutant: options.mutant.clone(),
            };
            let (ran, failures) = (&ran, &failures);
            scope.spawn(move || {
                worker::run(task, |outcome| {
                    ran.fetch_add(outcome.ran, Ordering::Relaxed);
                    if let Some(failed) = outcome.failure {
                        failures.lock().expect("nobody panics with it").insert(outcome.scenario, failed);
                    }
                    true
                });
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    for (number, failed) in &failures {
        let name = &all[*number].name;
        println!("FAILED {name}: {}", failed.message);
        println!("       schedules/run --replay {name} {} {}", failed.choice, failed.seed);
    }
    let (ran, failed) = (ran.into_inner(), failures.len());
    let seconds = start.elapsed().as_secs();
    println!("{ran} schedules of {} scenarios in {seconds} s, {failed} of them failed", wanted.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The schedule that found a mutant, and the number of schedules of its scenario until then.
type Found = (usize, usize, Failed);

fn all_mutants(options: &Options) -> ExitCode {
    let start = Instant::now();
    let all = Scenario::all();
    let wanted = wanted(options, &all);
    let names: Vec<String> = match &options.mutant {
        Some(name) => vec![name.clone()],
        None => mutants::all(),
    };
    let next = AtomicUsize::new(0);
    let found = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..width() {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match find(options, &wanted, name) {
                        Some((scenario, schedules, failed)) => {
                            let scenario = &all[scenario].name;
                            println!("{name:52} {scenario:32} {:6} {schedules:5}", failed.choice);
                            found.fetch_add(1, Ordering::Relaxed);
                        }
                        None => println!("{name:52} NOT FOUND"),
                    }
                }
            });
        }
    });
    let found = found.into_inner();
    let seconds = start.elapsed().as_secs();
    println!("{found} of {} mutants were found in {seconds} s", names.len());
    if found == names.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn find(options: &Options, scenarios: &[usize], name: &str) -> Option<Found> {
    let mut found = None;
    for count in ROUNDS {
        let task = Task {
            scenarios: scenarios.to_vec(),
            count,
            seed: options.seed.unwrap_or(SEED),
            mutant: Some(name.to_owned()),
        };
        worker::run(task, |Outcome { scenario, ran, failure }| {
            let failure = failure.filter(|failed| passes(scenario, failed.seed));
            found = failure.map(|failed| (scenario, ran, failed));
            found.is_none()
        });
        if found.is_some() {
            break;
        }
    }
    found
}

/// Whether a schedule passes while no rule is broken.
fn passes(scenario: usize, seed: u64) -> bool {
    let mut passes = true;
    let task = Task { scenarios: vec![scenario], count: 1, seed, mutant: None };
    worker::run(task, |outcome| {
        passes &= outcome.failure.is_none();
        true
    });
    passes
}
