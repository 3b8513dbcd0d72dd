//! Scenarios in a process of their own: a schedule that fails may take its process along.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::check::{Choice, check};
use crate::scenarios::Scenario;
use ws_common::sync::break_rule;

/// The scenarios that a process runs, and how often.
#[derive(Clone, Default)]
pub struct Task {
    /// Numbers in [`Scenario::all`], in order.
    pub scenarios: Vec<usize>,
    /// Number of schedules of each scenario, with each way of choosing.
    pub count: usize,
    /// The first seed.
    pub seed: u64,
    /// A rule to break.
    pub mutant: Option<String>,
}

/// The outcome of a scenario.
pub struct Outcome {
    /// Its number.
    pub scenario: usize,
    /// Number of schedules that ran.
    pub ran: usize,
    /// The schedule that failed.
    pub failure: Option<Failed>,
}

/// A schedule that failed.
pub struct Failed {
    /// `random` or `pct`.
    pub choice: String,
    /// Its seed.
    pub seed: u64,
    /// What went wrong.
    pub message: String,
}

/// The worker's part: runs scenarios, and reports each on a line.
pub fn work(task: &Task) {
    // Each failure is reported by this process, in a line.
    std::panic::set_hook(Box::new(|_| {}));
    break_rule(task.mutant.as_deref());
    let all = Scenario::all();
    for &number in &task.scenarios {
        let mut ran = 0;
        for choice in Choice::ALL {
            println!("{number}\tbegun\t{}\t{ran}\t{}", choice.name(), task.seed);
            let failure = check(choice, task.seed, task.count, &all[number]).err();
            ran += failure.as_ref().map_or(task.count, |failure| failure.schedule);
            if let Some(failure) = failure {
                let message = failure.message.replace(['\t', '\n'], " ");
                println!("{number}\tfailed\t{}\t{ran}\t{}\t{message}", choice.name(), failure.seed);
                break;
            }
            if choice == Choice::Priorities {
                println!("{number}\tdone\t{}\t{ran}\t{}", choice.name(), task.seed);
            }
        }
    }
}

/// Runs a task in other processes, as many as need be, until `report` wants no more.
pub fn run(mut task: Task, mut report: impl FnMut(Outcome) -> bool) {
    while !task.scenarios.is_empty() {
        let mut child = start(&task);
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut last = None;
        for line in lines.map_while(Result::ok) {
            let mut fields = line.splitn(6, '\t');
            let mut next = || fields.next().unwrap_or_default().to_owned();
            let (number, what, choice, ran, seed, message) = (next(), next(), next(), next(), next(), next());
            let Ok(scenario) = number.parse() else { continue };
            let (ran, seed) = (ran.parse().unwrap_or(0), seed.parse().unwrap_or(0));
            last = Some((scenario, choice.clone(), ran, seed));
            let failure = match &*what {
                "begun" => continue,
                "failed" => Some(Failed { choice, seed, message }),
                _ => None,
            };
            last = None;
            task.scenarios.retain(|number| *number != scenario);
            if !report(Outcome { scenario, ran, failure }) {
                // It would go on for nothing.
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
        }
        let _ = child.wait();
        let Some((scenario, choice, ran, seed)) = last else { return };
        task.scenarios.retain(|number| *number != scenario);
        let message = "the process was aborted: a panic while it dropped what a panic had left".into();
        let failure = Some(Failed { choice, seed, message });
        if !report(Outcome { scenario, ran, failure }) {
            return;
        }
    }
}

fn start(task: &Task) -> Child {
    let scenarios: Vec<String> = task.scenarios.iter().map(usize::to_string).collect();
    let mut command = Command::new(std::env::current_exe().expect("the program is a file"));
    command.args(["--worker", &scenarios.join(","), "--schedules", &task.count.to_string()]);
    command.args(["--seed", &task.seed.to_string()]);
    if let Some(mutant) = &task.mutant {
        command.args(["--break", mutant]);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program can be started again")
}
