//! How a listener reaches a connection that it accepted.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use ws_client::Stop;
use ws_core::{CloseCode, Connection, Instant};

/// What the listener wants.
pub(crate) enum Stopping {
    Close,
    Abort,
}

impl Stopping {
    pub(crate) fn apply(self, connection: &mut Connection, now: Instant) {
        match self {
            Self::Close => connection.close(CloseCode::GOING_AWAY, now),
            Self::Abort => connection.abort(),
        }
    }
}

/// Set by the listener, seen by whoever drives the connection.
#[derive(Default)]
pub(crate) struct Signal(Mutex<(Option<Stopping>, Option<Waker>)>);

impl Signal {
    /// Ready once for each thing that the listener wants.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Stopping> {
        let (stopping, waker) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stopping) = stopping.take() {
            return Poll::Ready(stopping);
        }
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn set(&self, stopping: Stopping) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = Some(stopping);
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Stop for Signal {
    fn close(&self) {
        self.set(Stopping::Close);
    }

    fn abort(&self) {
        self.set(Stopping::Abort);
    }
}
