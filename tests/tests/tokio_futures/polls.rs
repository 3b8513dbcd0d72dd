//! Futures that are dropped at any of their polls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Counts the polls of a whole scenario, and drops a future at one of them.
pub(crate) struct Polls {
    count: usize,
    cut: Cut,
}

/// When a future is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    Never,
    /// Before this poll of the scenario: the first poll of a future, or one after it has pended.
    Before(usize),
    /// Whenever one has pended.
    Always,
}

impl Polls {
    /// Polls `future` to its end; or drops it, which gives `None`.
    pub(crate) async fn cut<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut pended = false;
        poll_fn(|cx| {
            let is_cut = match self.cut {
                Cut::Never => false,
                Cut::Before(count) => count == self.count,
                Cut::Always => pended,
            };
            self.count += 1;
            if is_cut {
                return Poll::Ready(None);
            }
            pended = true;
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Polls what `make` makes to its end, and makes it anew whenever it is dropped.
    pub(crate) async fn again<R>(&mut self, mut make: impl AsyncFnMut() -> R) -> R {
        loop {
            if let Some(result) = self.cut(make()).await {
                return result;
            }
        }
    }
}

/// Runs the scenario with a cut at each of its polls, one at a time, and then at all of them. It must do the same each time.
pub(crate) async fn at_every_poll<R: PartialEq + std::fmt::Debug>(
    mut scenario: impl AsyncFnMut(&mut Polls) -> R,
) {
    let mut polls = Polls { count: 0, cut: Cut::Never };
    let expected = scenario(&mut polls).await;
    let count = polls.count;
    assert!(count > 10, "{count} polls are too few to find anything");
    for cut in (0..count).map(Cut::Before).chain([Cut::Always]) {
        let seen = scenario(&mut Polls { count: 0, cut }).await;
        assert_eq!(seen, expected, "dropped {cut:?} of {count}");
    }
}
