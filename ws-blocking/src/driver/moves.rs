//! The reads and writes of one thread, without the lock.

use std::cell::Cell;
use std::io;
use std::mem::forget;
use std::net::Shutdown;
use std::time::Duration;

use ws_common::sync::{MutexGuard, mutant};
use ws_core::Direction;

use super::state::{CHUNK, DriverState, ReadKind, ReadRole, SMALL, Sleep, Until, WriteRole};
use super::{Driven, Driver};
use crate::call::{PATIENCE, Written, is_end, within, write};
use crate::transport::Transport;

thread_local! {
    /// Buffer of the large reads of the thread, until it waits for long.
    static LARGE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Holds a role during a call of the transport. If the call panics, the direction has failed, and the other threads learn of it.
struct RoleGuard<'a, S: Transport, M: Driven>(&'a Driver<S, M>, Direction);

impl<S: Transport, M: Driven> Drop for RoleGuard<'_, S, M> {
    /// Only while a panic goes by.
    fn drop(&mut self) {
        let Self(driver, direction) = *self;
        let now = driver.now();
        let mut state = driver.lock();
        state.role_failed(direction, now);
        driver.leave(state);
    }
}

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Lets the transport take some of the bytes that wait, or shuts it down for writing if none will follow. Waits no longer
    /// than `slice`. Also says whether another thread has queued something meanwhile that cannot wait.
    pub(super) fn write<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState<M>>,
        slice: Duration,
    ) -> (MutexGuard<'a, DriverState<M>>, bool) {
        if !mutant("a thread that writes wakes nobody") {
            state.wake_ready();
        }
        let mut role = state.begin_write();
        let guard = RoleGuard(self, Direction::Write);
        state.machine.show();
        drop(state);
        let result = self.call_write(&mut role, slice);
        let now = self.now();
        let mut state = self.lock();
        let is_urged = state.is_urged();
        state.write_finished(role, result, now);
        forget(guard);
        (state, is_urged)
    }

    fn call_write(&self, role: &mut WriteRole, slice: Duration) -> io::Result<Written> {
        let WriteRole { bytes, timeout } = role;
        if bytes.is_empty() {
            return self.transport.shutdown(Shutdown::Write).map(|()| Written { n: 0, is_all: true });
        }
        let set = |timeout| self.transport.set_write_timeout(timeout);
        within(slice, timeout, set, |waits| {
            write(bytes, |slices| match waits {
                true => self.transport.write_vectored(slices),
                false => self.transport.try_write_vectored(slices),
            })
        })
    }

    /// Reads once, for no longer than `longest`.
    pub(super) fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState<M>>,
        longest: Duration,
    ) -> MutexGuard<'a, DriverState<M>> {
        let mut longest = longest.min(self.longest_read(&state));
        if let Some(deadline) = state.machine.poll_timeout() {
            longest = longest.min(deadline - self.now());
        }
        if state.has_bytes_waiting() {
            // They are to be written when the transport takes some, or when the thread that writes leaves.
            longest = longest.min(if state.is_writing() { PATIENCE } else { state.backoff() });
        }
        let mut role = state.begin_read();
        let guard = RoleGuard(self, Direction::Read);
        state.machine.show();
        state.hand_over();
        drop(state);
        let state = match role.kind {
            ReadKind::Patient => {
                LARGE.take();
                let mut buffer = [0; SMALL];
                let result = self.call_read(&mut role, longest, &mut buffer);
                self.read_finished(role, result, &buffer)
            }
            ReadKind::Busy | ReadKind::More => {
                let patience = if role.kind == ReadKind::More { Duration::ZERO } else { PATIENCE };
                // Taken, not borrowed: a transport may itself be a connection.
                let mut buffer = LARGE.take();
                buffer.resize(CHUNK, 0);
                let result = self.call_read(&mut role, longest.min(patience), &mut buffer);
                let state = self.read_finished(role, result, &buffer);
                LARGE.set(buffer);
                state
            }
        };
        forget(guard);
        state
    }

    fn call_read(&self, role: &mut ReadRole, longest: Duration, buffer: &mut [u8]) -> io::Result<usize> {
        let set = |timeout| self.transport.set_read_timeout(timeout);
        within(longest, &mut role.timeout, set, |waits| match waits {
            true => self.transport.read(buffer),
            false => self.transport.try_read(buffer),
        })
    }

    fn read_finished<'a>(
        &'a self,
        role: ReadRole,
        result: io::Result<usize>,
        buffer: &[u8],
    ) -> MutexGuard<'a, DriverState<M>> {
        let now = self.now();
        let mut state = self.lock();
        if result.as_ref().map_or_else(is_end, |&n| n == 0) {
            state = self.wait_for_write(state);
        }
        state.read_finished(role, result, buffer, now);
        state
    }

    /// Waits until the write under way is over, if there is one. The stream has ended, and the bytes that the transport still
    /// takes are to be counted before the machine judges that. It is not long: a write has a time-out of its own.
    fn wait_for_write<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState<M>>,
    ) -> MutexGuard<'a, DriverState<M>> {
        let write = state.write_under_way();
        while write.is_some() && state.write_under_way() == write {
            let until = Until::all(move |state: &mut DriverState<M>| state.write_under_way() != write);
            state = self.sleep(state, Sleep::until_woken(), until);
        }
        state
    }
}
