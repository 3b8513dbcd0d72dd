//! Several handles to one thing, each of which may wait for it in a task of its own; not one of them in several tasks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What is shared, and what tells that others may go on.
pub(crate) trait Progress {
    /// Whether something has happened since the last call that another may wait for.
    fn take_progress(&mut self) -> bool;
}

/// One of the handles. A clone is another one.
pub(crate) struct Seat<S> {
    shared: Arc<Shared<S>>,
    number: usize,
}

struct Shared<S> {
    state: Mutex<S>,
    tasks: Tasks,
}

/// The tasks that wait for one thing.
pub(crate) struct Tasks {
    wakers: Arc<Wakers>,
    /// Wakes whoever waits: a transport keeps only one waker.
    all: Waker,
}

/// Who waits, by the number of the seat.
#[derive(Default)]
struct Wakers(Mutex<Vec<Place>>);

#[derive(Default)]
struct Place {
    is_taken: bool,
    waker: Option<Waker>,
}

impl<S> Seat<S> {
    pub(crate) fn new(state: S) -> Self {
        let tasks = Tasks::default();
        let number = tasks.take_place();
        Self { shared: Arc::new(Shared { state: Mutex::new(state), tasks }), number }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake_others(&self) {
        self.shared.tasks.wakers.wake_but(Some(self.number));
    }
}

impl<S: Progress> Seat<S> {
    /// Polls, and leaves a waker where it pends. Those who wait elsewhere are woken by what happens in it.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.shared.tasks.poll(self.number, cx, |cx| {
            let mut state = self.lock();
            let result = f(&mut state, cx);
            (result, state.take_progress())
        })
    }
}

impl Default for Tasks {
    fn default() -> Self {
        let wakers = Arc::new(Wakers::default());
        let all = Waker::from(wakers.clone());
        Self { wakers, all }
    }
}

impl Tasks {
    /// With so many places taken, numbered from 0.
    pub(crate) fn with_places(n: usize) -> Self {
        let tasks = Self::default();
        (0..n).for_each(|_| {
            tasks.take_place();
        });
        tasks
    }

    pub(crate) fn take_place(&self) -> usize {
        self.wakers.take_place()
    }

    /// Polls what also says whether it made progress, from the place of that number. If it pends, its task is woken
    /// whichever task polls next; if it made progress, the others are woken.
    pub(crate) fn poll<R>(
        &self,
        number: usize,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Context<'_>) -> (Poll<R>, bool),
    ) -> Poll<R> {
        // Before the poll: the transport may wake between the poll and whatever comes after it.
        self.wakers.wait(number, cx.waker());
        let (result, progress) = f(&mut Context::from_waker(&self.all));
        if result.is_ready() {
            self.wakers.stop_waiting(number);
        }
        if progress {
            self.wakers.wake_but(Some(number));
        }
        result
    }
}

impl<S> Clone for Seat<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), number: self.shared.tasks.take_place() }
    }
}

impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        self.shared.tasks.wakers.places()[self.number] = Place::default();
    }
}

impl Wakers {
    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(&self) -> usize {
        let mut places = self.places();
        let number = places.iter().position(|place| !place.is_taken).unwrap_or_else(|| {
            places.push(Place::default());
            places.len() - 1
        });
        places[number].is_taken = true;
        number
    }

    fn wait(&self, number: usize, waker: &Waker) {
        match &mut self.places()[number].waker {
            Some(registered) => registered.clone_from(waker),
            free => *free = Some(waker.clone()),
        }
    }

    fn stop_waiting(&self, number: usize) {
        self.places()[number].waker = None;
    }

    fn wake_but(&self, spared: Option<usize>) {
        let wakers: Vec<Waker> = self
            .places()
            .iter_mut()
            .enumerate()
            .filter(|(number, _)| Some(*number) != spared)
            .filter_map(|(_, place)| place.waker.take())
            .collect();
        // Without the lock: a waker may run what waits at once.
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_but(None);
    }
}
