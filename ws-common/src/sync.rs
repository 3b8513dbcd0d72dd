//! The locks and the clock that the adapters share. A model checker (`--cfg shuttle`) puts its own in their place, and can break
//! a rule on purpose ([`mutant`]).

#[cfg(shuttle)]
pub mod model;

#[cfg(not(shuttle))]
pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(shuttle))]
pub use std::thread;
/// The clock of threads.
#[cfg(not(shuttle))]
pub use std::time::Instant as Clock;

#[cfg(shuttle)]
pub use model::{Clock, Condvar, break_rule, mutant};
#[cfg(shuttle)]
pub use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(shuttle)]
pub use shuttle::thread;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;

/// Locks, whatever happened to the thread that held it last: no state here is left half-changed by a panic.
#[inline]
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls of the user's code that must all be made, though one of them may panic. The first panic goes on when they are.
#[derive(Default)]
pub struct Unwinding(Option<Box<dyn Any + Send>>);

impl Unwinding {
    /// Makes a call.
    pub fn run(&mut self, call: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            self.0.get_or_insert(panic);
        }
    }

    /// Goes on with the panic, unless another one is under way.
    pub fn resume(self) {
        if let Some(panic) = self.0
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

/// A number that no other running thread has at the same time; a task of the model checker counts as a thread.
#[cfg(not(shuttle))]
#[inline]
pub fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    // The address of a thread-local is never 0. A thread that ends has none, and does not share its number with itself.
    PLACE.try_with(|place| std::ptr::from_ref(place).addr()).unwrap_or(1)
}

/// A number that no other running task of the model has.
#[cfg(shuttle)]
pub fn this_thread() -> usize {
    usize::from(shuttle::current::me()) + 1
}

/// Whether the model checker has broken the rule of this name, to see that a scenario notices. Never so in any other build.
#[cfg(not(shuttle))]
#[inline(always)]
pub const fn mutant(_name: &str) -> bool {
    false
}
