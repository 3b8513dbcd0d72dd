//! Runs many schedules of a scenario.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::scenarios::Scenario;

/// A schedule that takes more steps than this does not end.
const MAX_STEPS: usize = 20_000;

/// The way in which the next task is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Any that can run.
    Random,
    /// By priorities, which change at few places (probabilistic concurrency testing): finds faults that need few switches.
    Priorities,
}

impl Choice {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Random, Self::Priorities];

    /// The name by which a schedule can be run again.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Priorities => "pct",
        }
    }
}

/// A schedule that failed.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// The number of the schedule, from 1.
    pub schedule: usize,
    /// Its seed: `--replay` runs it again.
    pub seed: u64,
}

/// Runs `count` schedules, the first from `seed`, each next from the one after.
pub fn check(choice: Choice, seed: u64, count: usize, scenario: &Scenario) -> Result<(), Failure> {
    let begun = Arc::new(AtomicUsize::new(0));
    let scheduler = Seeded {
        choice,
        seed,
        left: count,
        begun: begun.clone(),
        random: Random(0),
        steps: Steps::default(),
    };
    let scenario = scenario.clone();
    let run = || Runner::new(scheduler, config()).run(move || scenario.run());
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(_) => Ok(()),
        Err(payload) => {
            let schedule = begun.load(Ordering::Relaxed);
            let message = match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
                (Some(message), _) => message.clone(),
                (_, Some(message)) => message.to_string(),
                _ => "it panicked".into(),
            };
            Err(Failure { message, schedule, seed: seed + schedule as u64 - 1 })
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.stack_size = 256 * 1024;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    config.ungraceful_shutdown_config.immediately_return_on_panic = false;
    config
}

/// Chooses from one number per schedule, so that any of them can be run again alone.
struct Seeded {
    choice: Choice,
    seed: u64,
    left: usize,
    begun: Arc<AtomicUsize>,
    random: Random,
    steps: Steps,
}

/// The state of [`Choice::Priorities`].
#[derive(Default)]
struct Steps {
    /// By the number of the task; the least runs first.
    priorities: Vec<u64>,
    /// Steps at which the task that runs becomes the last.
    changes: [u64; 3],
    taken: u64,
    last: u64,
}

thread_local! {
    /// The task that lets time pass, which runs when no other can.
    static CLOCK: Cell<Option<TaskId>> = const { Cell::new(None) };
}

/// Makes the current task the one that lets time pass.
pub fn keep_time() {
    CLOCK.set(Some(shuttle::current::me()));
}

impl Scheduler for Seeded {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.left = self.left.checked_sub(1)?;
        let n = self.begun.fetch_add(1, Ordering::Relaxed) as u64;
        self.random = Random(self.seed + n);
        CLOCK.set(None);
        // Some schedules are short, some long: the length is drawn as well.
        let length = 1 << (3 + self.random.below(7));
        let changes = [(); 3].map(|()| self.random.below(length));
        self.steps = Steps { changes, last: 1 << 32, ..Steps::default() };
        Some(Schedule::new(self.seed + n))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let clock = CLOCK.get();
        let runnable: Vec<TaskId> = match runnable {
            [only] => return Some(only.id()),
            all => all.iter().map(|task| task.id()).filter(|id| Some(*id) != clock).collect(),
        };
        if self.choice == Choice::Random {
            return Some(runnable[self.random.below(runnable.len() as u64) as usize]);
        }
        let Self { steps, random, .. } = self;
        // The current one may have run only where no other could, and may be blocked now.
        let newest = runnable.iter().copied().chain(current).map(usize::from).max()?;
        while steps.priorities.len() <= newest {
            steps.priorities.push(random.below(1 << 32));
        }
        if runnable.len() > 1 {
            if let Some(current) = current
                && (is_yielding || steps.changes.contains(&steps.taken))
            {
                steps.last += 1;
                steps.priorities[usize::from(current)] = steps.last;
            }
            steps.taken += 1;
        }
        runnable.into_iter().min_by_key(|id| steps.priorities[usize::from(*id)])
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next()
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
