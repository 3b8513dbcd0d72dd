//! The locks that the adapters share. A model checker (`--cfg shuttle`) puts its own in their place, and can break a rule on
//! purpose ([`mutant`]).

#[cfg(not(shuttle))]
pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(shuttle)]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};

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
            && !std::thread::panicking()
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

#[cfg(shuttle)]
pub use broken::{break_rule, mutant};

#[cfg(shuttle)]
mod broken {
    use std::sync::{Mutex, PoisonError};

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
}
