//! The model checker's part: a clock that passes only as a schedule wants, waiting that ends by it, and broken rules.

use std::cell::RefCell;
use std::ops::{Add, Sub};
use std::sync::{Arc, LockResult, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use shuttle::lazy_static::Lazy;
use shuttle::sync::MutexGuard;

/// Time in a schedule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Clock(Instant);

/// Time that has passed, and waiting that ends by it. All tasks of a schedule run on one thread.
#[derive(Default)]
struct Time {
    passed: Duration,
    waiting: Vec<(Clock, Arc<shuttle::sync::Condvar>)>,
}

thread_local! {
    static TIME: RefCell<Time> = RefCell::default();
}

impl Clock {
    /// The time now.
    pub fn now() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        Self(*START.get_or_init(Instant::now) + TIME.with_borrow(|time| time.passed))
    }

    /// The time that has passed since.
    pub fn elapsed(&self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }

    /// The time from then to this moment, or none.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The same for a clock of the system, which shows the same.
    pub fn as_std(&self) -> Instant {
        self.0
    }
}

impl Add<Duration> for Clock {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.checked_add(duration).unwrap_or(self.0 + Duration::from_secs(1 << 40)))
    }
}

impl Sub for Clock {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

/// Begins a schedule: no time has passed.
pub fn begin() {
    // Those that a schedule that failed has left behind are of no more use.
    std::mem::forget(TIME.take());
}

/// Lets time pass. Whoever waits no longer than until then goes on.
pub fn advance(duration: Duration) {
    TIME.with_borrow_mut(|time| time.passed += duration);
    let now = Clock::now();
    // They stay until they have seen it: one of them may be about to wait.
    let late: Vec<_> = TIME.with_borrow(|time| {
        let late = time.waiting.iter().filter(|(deadline, _)| *deadline <= now);
        late.map(|(_, condvar)| condvar.clone()).collect()
    });
    late.into_iter().for_each(|condvar| condvar.notify_all());
}

/// Lets time pass until the first deadline of those who wait, but no more than this. Says whether there is one.
pub fn advance_to_next(most: Duration) -> bool {
    let now = Clock::now();
    let next = TIME.with_borrow(|time| time.waiting.iter().map(|(deadline, _)| *deadline).min());
    let left = next.map(|next| next - now).filter(|left| *left <= most);
    left.inspect(|left| advance(*left)).is_some()
}

/// A condition variable whose time-outs are those of [`Clock`].
#[derive(Debug, Default)]
pub struct Condvar(OnceLock<Arc<shuttle::sync::Condvar>>);

/// Whether waiting took all of its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it did.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Nobody waits yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn get(&self) -> &Arc<shuttle::sync::Condvar> {
        self.0.get_or_init(Arc::default)
    }

    /// As that of std.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.get().wait(guard)
    }

    /// As that of std.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let deadline = Clock::now() + timeout;
        TIME.with_borrow_mut(|time| time.waiting.push((deadline, self.get().clone())));
        let guard = self.get().wait(guard).unwrap_or_else(PoisonError::into_inner);
        TIME.with_borrow_mut(|time| {
            let mine = |(at, condvar): &(Clock, _)| *at == deadline && Arc::ptr_eq(condvar, self.get());
            if let Some(at) = time.waiting.iter().position(mine) {
                time.waiting.swap_remove(at);
            }
        });
        Ok((guard, WaitTimeoutResult(Clock::now() >= deadline)))
    }

    /// As that of std.
    pub fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let deadline = Clock::now() + timeout;
        while condition(&mut guard) {
            let left = deadline - Clock::now();
            if left.is_zero() {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            guard = self.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok((guard, WaitTimeoutResult(false)))
    }

    /// As that of std.
    pub fn notify_one(&self) {
        self.get().notify_one();
    }

    /// As that of std.
    pub fn notify_all(&self) {
        self.get().notify_all();
    }
}

/// Not a lock of the model: which rule is broken is no part of a schedule.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

/// Breaks the rule of this name from now on, in the whole process; `None` breaks none.
pub fn break_rule(name: Option<&str>) {
    *BROKEN.lock().unwrap_or_else(PoisonError::into_inner) = name.map(String::from);
}

/// Whether the rule of this name is broken.
pub fn mutant(name: &str) -> bool {
    BROKEN.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(name)
}
