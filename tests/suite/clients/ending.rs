//! The end that the user wants, at every phase.

use std::thread;
use std::time::{Duration, Instant};

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, ClientStatus},
};
use ws_core::{CloseCode, SendError};

use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle, Watched};
use crate::ends::quiet;
use crate::nowhere::BlackHole;
use crate::watch::takes;
use crate::witness::{Manner, Witness};
use ws_testkit::Fault::{Cut, Stall};
use ws_testkit::FaultRelay;
use ws_testkit::Way::{Down, Up};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Far less than any time-out here, and enough on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(15);

fn at_once<R>(what: &str, end: impl FnOnce() -> R) -> R {
    let begin = Instant::now();
    let result = end();
    assert!(begin.elapsed() < AT_ONCE, "{what} took {:?}", begin.elapsed());
    result
}

/// A client in a phase, what else is needed for it, and the events of its end.
struct Phase<A> {
    name: &'static str,
    client: Watched<A>,
    /// What is reported if the user ends it here.
    events: &'static [&'static str],
    _others: Vec<Box<dyn std::any::Any + Send>>,
}

fn patient<A: ClientAdapter>(url: &str) -> ClientBuilder<A> {
    persistent(url).open_timeout(Duration::from_secs(60)).reconnect(Reconnect::after(Duration::from_secs(60)))
}

/// The phases in which there is no open connection.
fn phases<A: ClientAdapter>() -> Vec<Phase<A>> {
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).unwrap();
    let witness = Witness::new(Manner::default());
    let silent = FaultRelay::start(witness.address(), [Stall(Down, 0)]).unwrap();
    let mut refusing = FaultRelay::start(witness.address(), []).unwrap();
    refusing.refuse();

    let fresh = watched(patient(&witness.url()));
    let mut connecting = watched(patient::<A>("ws://example.com/").address(hole.address()));
    assert_eq!(connecting.within(millis(100)), [""; 0]);
    assert_eq!(connecting.status(), ClientStatus::Connecting);
    let mut handshaking = watched(patient::<A>(&silent.url()));
    handshaking.expect(&["connected"]);
    assert_eq!(handshaking.within(millis(50)), [""; 0]);
    let mut waiting = watched(patient::<A>(&refusing.url()));
    waiting.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    assert_eq!(waiting.status(), ClientStatus::Waiting);

    let phase = |name, client, events, others| Phase { name, client, events, _others: others };
    vec![
        phase("before the first attempt", fresh, &["over"], vec![Box::new(witness)]),
        phase("while connecting", connecting, &["closed 1006", "over"], vec![Box::new(hole)]),
        phase("in the handshake", handshaking, &["closed 1006", "over"], vec![Box::new(silent)]),
        phase("while waiting to reconnect", waiting, &["over"], vec![Box::new(refusing)]),
    ]
}

fn ends_at_once<A: ClientAdapter>(end: impl Fn(&A) + Copy + Send + 'static) {
    for mut phase in phases::<A>() {
        at_once(phase.name, || {
            end(&phase.client);
            phase.client.expect(phase.events);
        });
        assert_eq!(phase.client.status(), ClientStatus::Closed, "{}", phase.name);
        assert!(matches!(phase.client.try_send("late"), Err(SendError::Closed(Some(_)))), "{}", phase.name);
        assert_eq!(phase.client.within(millis(50)), ["over"], "{}", phase.name);
    }
}

pub fn close_ends_at_once_what_is_not_open<A: ClientAdapter>() {
    ends_at_once::<A>(|client| client.close(CloseCode::NORMAL));
}

pub fn abort_ends_at_once_what_is_not_open<A: ClientAdapter>() {
    ends_at_once::<A>(A::abort);
}

/// While another thread waits for an event.
pub fn a_handle_ends_the_client_at_once<A: ClientAdapter>() {
    for mut phase in phases::<A>().split_off(1) {
        let handle = phase.client.handle();
        let waiting = thread::spawn(move || {
            phase.client.expect(phase.events);
            phase
        });
        // It may wait already, or only later.
        thread::sleep(millis(50));
        let phase = at_once("close through a handle", || {
            handle.close(CloseCode::NORMAL);
            waiting.join().unwrap()
        });
        assert_eq!(phase.client.status(), ClientStatus::Closed, "{}", phase.name);
    }
}

pub fn close_sends_what_waits_and_then_close<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let mut client = watched(persistent::<A>(&witness.url()));
    client.expect(&["connected", "open"]);
    client.try_send("one").unwrap();
    client.try_send("two").unwrap();
    at_once("close", || client.close(CloseCode::GOING_AWAY));
    client.expect(&["closing 1001", "closed 1001", "over"]);
    let testimonies = witness.wait_until("the end", |all| all[0].is_over);
    assert_eq!(testimonies.len(), 1, "it has come back");
    assert_eq!(
        (&testimonies[0].texts[..], testimonies[0].close),
        (&["one".into(), "two".into()][..], Some(1001))
    );
}

pub fn a_peer_that_does_not_answer_close_costs_close_timeout<A: ClientAdapter>() {
    let witness = Witness::new(Manner { closes: false, ..Manner::default() });
    let config = quiet().close_timeout(millis(300));
    let mut client = watched(persistent::<A>(&witness.url()).config(config));
    client.expect(&["connected", "open"]);
    takes(millis(300), || client.close(CloseCode::NORMAL));
    client.expect(&["error timeout", "closed 1006", "over"]);
}

pub fn close_ends_within_close_timeout_though_the_peer_takes_nothing<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let proxy = FaultRelay::start(witness.address(), [Stall(Up, 2000)]).unwrap();
    let config = quiet().close_timeout(millis(300));
    let mut client = watched(persistent::<A>(&proxy.url()).config(config).max_send_buffer(16 << 20));
    for _ in 0..240 {
        // A quarter of what the system holds unsent.
        client.try_send("x".repeat(32 * 1024)).unwrap();
    }
    client.expect(&["connected", "open"]);
    while !client.within(millis(100)).is_empty() {}
    takes(millis(300), || client.close(CloseCode::NORMAL));
    let seen = client.until("over");
    assert_eq!(seen[seen.len() - 3..], ["error timeout", "closed 1006", "over"], "{seen:?}");
    let left = client.take_unsent().len();
    assert!(left > 0 && left < 240, "{left} of 240 are handed back");
}

pub fn abort_ends_an_open_connection_at_once<A: ClientAdapter>() {
    let witness = Witness::new(Manner { closes: false, ..Manner::default() });
    let mut client = watched(persistent::<A>(&witness.url()));
    client.expect(&["connected", "open"]);
    at_once("abort", || {
        client.abort();
        let seen = client.until("over");
        assert_eq!(seen[seen.len() - 2..], ["closed 1006", "over"], "{seen:?}");
    });
    let testimonies = witness.wait_until("the end", |all| all[0].is_over);
    assert_eq!(testimonies[0].close, None);
}

pub fn abort_needs_nobody_who_waits<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let mut client = watched(persistent::<A>(&witness.url()));
    client.expect(&["connected", "open"]);
    client.abort();
    witness.wait_until("the end", |all| all[0].is_over);
}

pub fn what_is_cancelled_can_begin_anew<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let proxy = FaultRelay::start(witness.address(), [Cut(Down, 133), Cut(Down, 133 + 1)]).unwrap();
    let mut client = watched(patient::<A>(&proxy.url()));
    client.until("reconnecting 1");
    client.cancel_reconnect();
    client.expect(&["over"]);
    client.reconnect_after(millis(20));
    assert!(client.event().starts_with("reconnecting "));
    client.expect(&["connected", "open", "message hi"]);
    client.cancel_reconnect();
    client.try_send("still open").unwrap();
    proxy.hang_up();
    client.expect(&["error transport", "closed 1006", "over"]);
}

pub fn reconnect_after_comes_sooner_than_the_policy<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let proxy = FaultRelay::start(witness.address(), [Cut(Down, 50)]).unwrap();
    let mut client = watched(patient::<A>(&proxy.url()));
    client.until("reconnecting 1");
    at_once("reconnecting", || {
        client.reconnect_after(millis(500));
        let begin = Instant::now();
        client.until("message hi");
        assert!(begin.elapsed() >= millis(490), "fractions of a second count: {:?}", begin.elapsed());
    });
}
