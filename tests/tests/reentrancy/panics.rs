//! A panic of one task's code does not keep other tasks from going on.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;

use ws_async_core::{
    ClientEvent, CloseCode,
    error::{ClientError, ConfirmError},
};

use crate::memory::{Handle, Point, Script};
use crate::watch::{OnPurpose, watched};
use crate::world::{Life, Scripts, World};

/// A task that counts how often it is woken, and then does something.
struct Task<F> {
    woken: Arc<AtomicUsize>,
    then: F,
}

impl<F: Fn() + Send + Sync + 'static> Wake for Task<F> {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        (self.then)();
    }
}

fn waker(woken: &Arc<AtomicUsize>, then: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Task { woken: woken.clone(), then }).into()
}

type Waiting = Pin<Box<dyn Future<Output = Result<(), ConfirmError>>>>;

fn waiting(handle: Handle) -> Waiting {
    handle.try_send("waits").unwrap();
    Box::pin(async move { handle.confirm().await })
}

/// More than one of them, because a panic while another is under way ends the process.
#[test]
fn wakers_that_panic_do_not_keep_other_tasks_from_being_woken() {
    let done = watched(|| async {
        let Life { client, handle, .. } = Life::open(&Script::default()).await;
        let (client, handle) = (client.unwrap(), handle.unwrap());
        let woken = Arc::new(AtomicUsize::new(0));
        let mut tasks: Vec<Waiting> = (0..9).map(|_| waiting(handle.clone())).collect();
        for (number, task) in tasks.iter_mut().enumerate() {
            let waker = match number % 3 {
                0 => waker(&woken, || panic_any(OnPurpose)),
                _ => waker(&woken, || {}),
            };
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        woken.store(0, Ordering::Relaxed);
        let aborted = catch_unwind(AssertUnwindSafe(|| client.abort()));
        assert!(aborted.unwrap_err().is::<OnPurpose>());
        assert_eq!(woken.load(Ordering::Relaxed), 9);
        for task in tasks {
            assert_eq!(task.await, Err(ConfirmError::Lost));
        }
    });
    done.unwrap();
}

/// The tasks that are woken because a poll has panicked are woken without the lock: their wakers wait for a thread that needs it.
#[test]
fn a_transport_that_panics_wakes_who_waits_without_a_lock() {
    let done = watched(|| async {
        let script = Script::default();
        let Life { client, handle, .. } = Life::open(&script).await;
        let (mut client, handle) = (client.unwrap(), handle.unwrap());
        let woken = Arc::new(AtomicUsize::new(0));
        let other = handle.clone();
        let runtime = tokio::runtime::Handle::current();
        let calls_by_thread = waker(&woken, move || {
            let (other, runtime) = (other.clone(), runtime.clone());
            let calling = thread::spawn(move || {
                let _entered = runtime.enter();
                other.try_send("by a thread")
            });
            calling.join().unwrap().unwrap();
        });
        {
            let mut next = Box::pin(client.next_event());
            assert!(next.as_mut().poll(&mut Context::from_waker(&calls_by_thread)).is_pending());
            script.set(Point::Write, Box::new(|| panic_any(OnPurpose)));
            let sent = catch_unwind(AssertUnwindSafe(|| handle.try_send("panics")));
            assert!(sent.unwrap_err().is::<OnPurpose>());
            assert_eq!(woken.load(Ordering::Relaxed), 1);
            assert!(matches!(next.await, Some(ClientEvent::Error(ClientError::Connection(_)))));
        }
        assert!(matches!(client.next_event().await, Some(ClientEvent::Closed(_))));
    });
    done.unwrap();
}

/// A flush does not say that everything has left when the transport panicked before it took it.
#[test]
fn nothing_is_flushed_by_a_transport_that_has_panicked() {
    let done = watched(|| async {
        let script = Script::default();
        let (mut world, raw) =
            World::open(&Scripts { connection: script.clone(), ..Scripts::default() }).await;
        world.own.split(raw.socket);
        let mut sender = world.own.sender.unwrap();
        script.set(Point::Write, Box::new(|| panic_any(OnPurpose)));
        let sent = catch_unwind(AssertUnwindSafe(|| sender.try_send("panics")));
        assert!(sent.unwrap_err().is::<OnPurpose>());
        sender.flush().await.unwrap_err();
        sender.send("late").await.unwrap_err();
        sender.close(CloseCode::NORMAL).await;
    });
    done.unwrap();
}
