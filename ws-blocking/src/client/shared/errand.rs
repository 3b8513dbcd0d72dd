//! The tasks that a session gives: to open and to end transports, and to run code of the user.

use std::any::Any;
use std::cell::RefCell;
use std::panic::resume_unwind;
use std::thread;

use ws_common::sync::{Unwinding, lock};
use ws_common::{
    ConnectError,
    session::{Action, Question, Session},
};
use ws_core::Machine;

use super::SharedClient;
use super::opening::{open, supply};
use crate::client::socket::StreamEnd;
use crate::driver::DriverState;

/// The tasks that the session has given, and that are not begun.
#[derive(Default)]
pub(super) struct Errand {
    pub(super) action: Option<Action>,
    /// The transport is to be reset, not only dropped. An action that follows does not change that.
    pub(super) resets: bool,
    /// Number of the attempt under way: a thread whose attempt was given up finds another number here.
    pub(super) attempt: u64,
    /// To be asked by the next thread that waits.
    pub(super) question: Option<Question>,
    /// The connector has panicked with this payload, for the next thread that waits.
    pub(super) panic: Option<Box<dyn Any + Send>>,
    /// Streams of the user that are to be ended by the next thread that holds no lock.
    pub(super) endings: Vec<StreamEnd>,
    /// The reads and writes under way are ended, for the action that waits for them.
    pub(super) has_hung_up: bool,
}

thread_local! {
    /// The clients of which this thread runs a hook, by their addresses.
    static ASKING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl SharedClient {
    /// Ends streams of the user, and so runs code of the user. The caller holds no lock.
    pub(super) fn end_streams(&self) {
        if self.supplier.is_none() {
            return;
        }
        let endings = std::mem::take(&mut lock(&self.errand).endings);
        let mut unwinding = Unwinding::default();
        endings.into_iter().for_each(|ending| unwinding.run(|| ending.run()));
        unwinding.resume();
    }

    /// Runs the code of the user that is due: the end of a stream, or the hook that the session wants to be asked.
    pub(super) fn ask(&self) {
        self.end_streams();
        let panic = lock(&self.errand).panic.take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        let Some(question) = lock(&self.errand).question.take() else { return };
        ASKING.with_borrow_mut(|asking| asking.push(self.address()));
        // It catches a panic.
        let answer = question.ask();
        ASKING.with_borrow_mut(|asking| asking.pop());
        if let Some(panic) = self.change(|session, now| session.answer(answer, now)) {
            resume_unwind(panic);
        }
    }

    /// Whether this thread runs a hook of this client.
    pub(super) fn is_asking(&self) -> bool {
        ASKING.with_borrow(|asking| asking.contains(&self.address()))
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// As [`act`](Self::act), for a thread that does not wait. A question is left to one that does, and an event to the client.
    pub(super) fn act_for_others(&self, state: &mut DriverState<Session>) {
        if self.act(state) {
            state.wake_one();
        }
        self.tell(state);
    }

    /// Does what the session asks for, as soon as nobody reads or writes. Says whether there is code of the user to run.
    pub(super) fn act(&self, state: &mut DriverState<Session>) -> bool {
        let mut errand = lock(&self.errand);
        while let Some(action) = state.machine.poll_action() {
            match action {
                Action::Ask(question) => errand.question = Some(question),
                action => {
                    errand.resets |= matches!(action, Action::Reset);
                    errand.action = Some(action);
                    errand.attempt += 1;
                    errand.has_hung_up = false;
                }
            }
        }
        if errand.action.is_none() {
            return errand.is_due();
        }
        let is_busy = state.is_writing() || (state.is_reading() && self.driver.transport.is_connected());
        if is_busy {
            // They come back at once, and see to the rest.
            if !std::mem::replace(&mut errand.has_hung_up, true) {
                let ending = self.driver.transport.hang_up(errand.resets);
                errand.endings.extend(ending);
            }
            return errand.is_due();
        }
        let resets = std::mem::take(&mut errand.resets);
        let last = state.machine.outbound().take_out(usize::MAX);
        let ending = self.driver.transport.disconnect(last, resets);
        errand.endings.extend(ending);
        state.begin_anew();
        if let Some(Action::Open(options)) = errand.action.take() {
            let (shared, attempt) = (self.me.clone(), errand.attempt);
            let opening = thread::Builder::new().name("ws-open".into());
            let opening = match self.supplier.clone() {
                None => opening.spawn(move || open(&options, &shared, attempt)),
                Some(supplier) => {
                    // The end of the last stream comes before the next.
                    let endings = std::mem::take(&mut errand.endings);
                    opening.spawn(move || supply(&supplier, *options, endings, &shared, attempt))
                }
            };
            if let Err(error) = opening {
                state.machine.not_opened(ConnectError::Local(error), self.driver.now());
            }
        }
        errand.is_due()
    }
}

impl Errand {
    /// Whether there is code of the user to run, for a thread that holds no lock.
    fn is_due(&self) -> bool {
        self.question.is_some() || self.panic.is_some() || !self.endings.is_empty()
    }
}
