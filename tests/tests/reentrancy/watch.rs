//! Runs a future in a thread of its own, in virtual time, under a watchdog, and tells how it failed.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use crate::world::BOUND;

/// The payload of a panic on purpose.
#[derive(Debug)]
pub(crate) struct OnPurpose;

thread_local!(static LAST_PANIC: RefCell<String> = RefCell::default());

/// The error of a future that blocks its thread.
pub(crate) const BLOCKED: &str = "it blocks its thread";

/// A thread takes no longer than this on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Panics on purpose are not shown. Others are kept, so that the failure can name them.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<OnPurpose>() {
                LAST_PANIC.set(info.to_string().replace('\n', ": "));
                if thread::current().name().is_some() {
                    shown(info);
                }
            }
        }));
    });
}

pub(crate) fn watched<F: Future<Output = ()>>(
    future: impl FnOnce() -> F + Send + 'static,
) -> Result<(), String> {
    note_panics();
    let (done, waiting) = mpsc::channel();
    // A thread without a name: its panics are told by the caller.
    let running = thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let bounded = async {
            let begin = tokio::time::Instant::now();
            let ended = tokio::time::timeout(10 * BOUND, future()).await;
            ended.map(|()| assert!(begin.elapsed() < 2 * BOUND, "it takes too long"))
        };
        let ended = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(bounded)));
        let _ = done.send(match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("hangs".into()),
            Err(_) => Err(LAST_PANIC.take()),
        });
    });
    match waiting.recv_timeout(PATIENCE) {
        Ok(result) => {
            // The values of its thread are dropped by then.
            running.join().map_err(|_| "panics at its end")?;
            result
        }
        Err(_) => Err(BLOCKED.into()),
    }
}
