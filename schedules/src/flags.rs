//! Moments that tasks of a scenario tell each other.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use ws_common::sync::{Mutex, lock};

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// The operation has completed.
    Completed,
    /// The peer has the message that follows the operation.
    Seen,
    /// The peer may begin: everything is set up.
    Begun,
    /// The scenario is over, and everything ends.
    Over,
}

/// The flags of a schedule.
#[derive(Clone, Default)]
pub struct Flags(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    raised: Vec<Flag>,
    waiting: Vec<Waker>,
}

impl Flags {
    /// Raises it for good.
    pub fn raise(&self, flag: Flag) {
        let waiting = {
            let mut state = lock(&self.0);
            state.raised.push(flag);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether it was raised.
    pub fn is_raised(&self, flag: Flag) -> bool {
        lock(&self.0).raised.contains(&flag)
    }

    /// Waits for it.
    pub async fn wait(&self, flag: Flag) {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.raised.contains(&flag) {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
