use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Wake;

use super::*;

/// A waker that calls back into the register when it is woken and when it is dropped, counts both, and panics if it is told to.
struct Nosy {
    register: Weak<Register>,
    woken: AtomicUsize,
    panics: bool,
}

impl Nosy {
    fn new(register: &Shutdown, panics: bool) -> Arc<Self> {
        Arc::new(Self { register: Arc::downgrade(&register.0), woken: AtomicUsize::new(0), panics })
    }

    fn look(&self) {
        if let Some(register) = self.register.upgrade() {
            let register = Shutdown(register);
            register.is_stopping();
            drop(register.try_acquire().expect("no limit").enter(Recorder::new()));
        }
    }
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.look();
        self.woken.fetch_add(1, SeqCst);
        assert!(!self.panics, "a waker panics");
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look();
    }
}

/// A connection that writes down the wishes and the nudges.
#[derive(Default)]
struct Recorder(Mutex<Vec<Option<Stopping>>>);

impl Recorder {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn seen(&self) -> Vec<Option<Stopping>> {
        lock(&self.0).clone()
    }
}

impl Stop for Recorder {
    fn request(&self, stopping: Stopping) {
        lock(&self.0).push(Some(stopping));
    }

    fn nudge(&self) {
        lock(&self.0).push(None);
    }
}

fn poll(waiting: &mut ShutdownWait<'_>, waker: &Waker) -> Poll<()> {
    Pin::new(waiting).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_departed_client_leaves_nothing_behind() {
    let register = Shutdown::default();
    let mut listening = register.stopping();
    for _ in 0..10_000 {
        // A client is accepted in a task of its own, and so is the next one.
        let task = Waker::from(Nosy::new(&register, false));
        let mut accepting = register.stopping();
        assert_eq!(poll(&mut accepting, &task), Poll::Pending);
        assert_eq!(poll(&mut listening, &task), Poll::Pending);
        let guard = register.try_acquire().expect("no limit").enter(Recorder::new());
        let mut emptying = register.empty();
        assert_eq!(poll(&mut emptying, &task), Poll::Pending);
        drop((emptying, guard, accepting));
    }
    let state = register.state();
    let left = [state.members.len(), state.until_empty.len(), state.until_stopping.len()];
    assert_eq!(left, [0, 0, 1], "one task waits");
}

#[test]
fn a_waker_may_call_the_register_when_it_is_woken_replaced_or_dropped() {
    let register = Shutdown::default();
    let guard = register.try_acquire().expect("no limit").enter(Recorder::new());
    for mut waiting in [register.stopping(), register.empty()] {
        for _ in 0..3 {
            assert_eq!(poll(&mut waiting, &Nosy::new(&register, false).into()), Poll::Pending);
        }
    }
    let (stopping, empty) = (Nosy::new(&register, false), Nosy::new(&register, false));
    let (mut until_stopping, mut until_empty) = (register.stopping(), register.empty());
    for _ in 0..2 {
        assert_eq!(poll(&mut until_stopping, &stopping.clone().into()), Poll::Pending);
        assert_eq!(poll(&mut until_empty, &empty.clone().into()), Poll::Pending);
    }
    register.begin();
    assert_eq!([&stopping, &empty].map(|nosy| nosy.woken.load(SeqCst)), [1, 0]);
    drop(guard);
    assert_eq!([&stopping, &empty].map(|nosy| nosy.woken.load(SeqCst)), [1, 1]);
    assert_eq!(poll(&mut until_stopping, &stopping.into()), Poll::Ready(()));
    assert_eq!(poll(&mut until_empty, &empty.into()), Poll::Ready(()));
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    let register = Shutdown::default();
    let recorders = [Recorder::new(), Recorder::new()];
    let mut guards: Vec<_> = recorders
        .iter()
        .map(|recorder| register.try_acquire().expect("no limit").enter(recorder.clone()))
        .collect();
    let nosy: Vec<_> = (0..6).map(|i| Nosy::new(&register, i % 3 == 0)).collect();
    let mut waiting: Vec<_> =
        (0..6).map(|i| if i < 3 { register.stopping() } else { register.empty() }).collect();
    for (waiting, nosy) in waiting.iter_mut().zip(&nosy) {
        assert_eq!(poll(waiting, &nosy.clone().into()), Poll::Pending);
    }
    let woken = || nosy.iter().map(|nosy| nosy.woken.load(SeqCst)).collect::<Vec<_>>();
    assert!(catch_unwind(AssertUnwindSafe(|| register.begin())).is_err(), "the panic reaches the caller");
    assert_eq!(woken(), [1, 1, 1, 0, 0, 0]);
    assert_eq!(recorders.each_ref().map(|recorder| recorder.seen()), [[Some(Stopping::Close), None]; 2]);
    drop(guards.pop());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(guards))).is_err());
    assert_eq!(woken(), [1; 6]);
}

#[test]
fn every_connection_has_the_wish_before_the_first_is_nudged_and_abort_reaches_all() {
    /// One that looks at all others when it is nudged, and panics then.
    struct Judge(Vec<Arc<Recorder>>);
    impl Stop for Judge {
        fn request(&self, _: Stopping) {}
        fn nudge(&self) {
            assert!(self.0.iter().any(|recorder| recorder.seen().last() == Some(&None)));
            assert!(self.0.iter().all(|recorder| recorder.seen().iter().any(Option::is_some)));
            panic!("a waker panics");
        }
    }
    let register = Shutdown::default();
    let recorders: Vec<_> = (0..10).map(|_| Recorder::new()).collect();
    let guards: Vec<_> = (0..11)
        .map(|i| match recorders.get(i) {
            Some(recorder) => register.try_acquire().expect("no limit").enter(recorder.clone()),
            None => register.try_acquire().expect("no limit").enter(Arc::new(Judge(recorders.clone()))),
        })
        .collect();
    assert!(catch_unwind(AssertUnwindSafe(|| register.begin())).is_err());
    assert!(register.try_acquire().expect("no limit").enter(Recorder::new()).is_none());
    assert!(catch_unwind(AssertUnwindSafe(|| register.abort())).is_err());
    for recorder in recorders {
        assert_eq!(recorder.seen(), [Some(Stopping::Close), None, Some(Stopping::Abort), None]);
    }
    drop(guards);
    assert_eq!(register.abort(), 0);
    assert!(register.wait_empty(Duration::ZERO));
}

#[test]
fn a_place_is_taken_until_its_client_has_opened_or_gone() {
    let register = Shutdown::new(Limits { max_handshakes: 2, max_connections: 3, ..Limits::default() });
    let task = Nosy::new(&Shutdown::default(), false);
    let waker = Waker::from(task.clone());
    let enter = || register.try_acquire().expect("room").enter(Recorder::new()).expect("not stopping");
    let is_full = || register.try_acquire().is_none();
    let (mut first, second) = (enter(), register.try_acquire().expect("room"));
    assert!(is_full(), "two handshakes");
    let mut room = register.room();
    assert_eq!(poll(&mut room, &waker), Poll::Pending);
    first.opened();
    first.opened();
    assert_eq!(task.woken.load(SeqCst), 1);
    assert_eq!(poll(&mut room, &waker), Poll::Ready(()));
    let mut third = enter();
    third.opened();
    assert!(is_full(), "three connections");
    assert_eq!(poll(&mut room, &waker), Poll::Pending);
    drop(first);
    assert_eq!(task.woken.load(SeqCst), 2);
    let fourth = enter();
    assert!(is_full());
    drop((second, fourth));
    assert_eq!(poll(&mut room, &waker), Poll::Ready(()));
    let (_fifth, sixth) = (enter(), register.try_acquire().expect("room"));
    assert_eq!(poll(&mut room, &waker), Poll::Pending);
    register.begin();
    assert_eq!(task.woken.load(SeqCst), 3, "there will be no room");
    assert_eq!(poll(&mut room, &waker), Poll::Ready(()));
    assert!(sixth.enter(Recorder::new()).is_none());
}

#[test]
fn members_count_under_the_key_of_their_client_until_they_leave() {
    let register = Shutdown::new(Limits { max_connections_per_client: 2, ..Limits::default() });
    let enter = || register.try_acquire().unwrap().enter(Recorder::new()).unwrap();
    let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    let members = [enter(), enter(), enter(), enter()];
    let admissions = members.each_ref().map(Guard::admission);
    assert!(admissions[0].admit(one));
    assert!(admissions[0].admit(other), "a member counts once, under its first key");
    assert!(admissions[1].admit(one));
    assert!(!admissions[2].admit(one) && !admissions[2].admit(one));
    assert!(admissions[3].admit(other));
    let [first, _second, third, fourth] = members;
    drop(first);
    assert!(admissions[2].admit(one));
    drop((third, fourth));
    assert!(admissions[0].admit(one), "a member that has left counts for nothing");
    assert!(enter().admission().admit(one));
    assert!(!register.state().clients.is_empty());
    drop(_second);
    assert!(register.state().clients.is_empty());
}
