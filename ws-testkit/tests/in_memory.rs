//! The client in virtual time and the pair: time passes only when a test says so, and faults do their harm.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant as Clock};

use ws_common::reconnect::{GiveUp, Reconnect};
use ws_common::session::{ClientBuilder, ClientEvent, Session};
use ws_core::{CloseCode, Config, Event};
use ws_testkit::{AttemptPlan, MachinePair, ServerManner, VirtualClient, trace_line};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn builder() -> ClientBuilder<Session> {
    ClientBuilder::new("ws://feed.test/").reconnect(Reconnect::after(secs(1))).ping_interval(None)
}

#[test]
fn nothing_happens_before_time_passes() {
    let mut client = VirtualClient::new(builder()).unwrap();
    assert_eq!((client.trace(), client.is_connected(), client.has_server()), (vec![], false, false));
    client.settle();
    assert_eq!(client.trace(), ["connected", "open"]);
    assert_eq!(client.trace(), [""; 0], "each event is given once");
    let begin = Clock::now();
    client.advance(secs(365 * 24 * 3600));
    assert!(begin.elapsed() < secs(5), "a year takes {:?}", begin.elapsed());
    assert_eq!(client.now, ws_core::Instant::since_epoch(secs(365 * 24 * 3600)));
}

#[test]
fn settings_that_cannot_be_used_are_an_error() {
    assert!(VirtualClient::new(ClientBuilder::<Session>::new("ftp://feed.test/")).is_err());
}

#[test]
fn each_plan_is_the_fate_of_one_attempt() {
    let closing = ServerManner { closes: Some(1012), ..ServerManner::default() };
    let greeting = ServerManner { greeting: Some("hi"), takes: Some(0), ..ServerManner::default() };
    let cases = [
        (AttemptPlan::NoName, "error resolve"),
        (AttemptPlan::Refuse, "error connect"),
        (AttemptPlan::BlackHole, "error connect"),
        (AttemptPlan::Silent, "error handshake"),
        (AttemptPlan::Raw("SSH-2.0-x\r\n".into(), true), "error handshake"),
        (AttemptPlan::refuse(503), "error handshake"),
        (AttemptPlan::Serve(closing), "closing 1012"),
        (AttemptPlan::Serve(greeting), "message hi"),
    ];
    for (plan, line) in cases {
        let told = format!("{plan:?}");
        let mut client = VirtualClient::new(builder()).unwrap();
        client.plan([plan]);
        // Beyond `open_timeout`.
        client.advance(secs(60));
        let trace = client.trace();
        assert!(trace.iter().any(|seen| seen == line), "{told}: {trace:?}");
    }
}

#[test]
fn attempts_after_the_plans_meet_the_last_word() {
    let mut client =
        VirtualClient::new(builder().reconnect(Reconnect::after(secs(1)).max_attempts(3))).unwrap();
    client.plan([AttemptPlan::default()]);
    client.then(AttemptPlan::Refuse);
    client.settle();
    client.cut();
    client.advance(secs(10));
    assert_eq!(client.seen.gave_up, Some(GiveUp::Attempts(3)));
    let events = client.events();
    assert!(matches!(events.last(), Some(ClientEvent::GaveUp { .. })));
    assert_eq!(
        trace_line(events.last().unwrap()),
        "gave up: the limit of 3 attempts to reconnect (max_attempts) is reached"
    );
    assert_eq!(client.session.stats().attempts, 4);
}

#[test]
fn the_server_speaks_and_listens() {
    let login = ServerManner { login: Some("login"), ..ServerManner::default() };
    let mut client = VirtualClient::new(builder()).unwrap();
    client.plan([AttemptPlan::Serve(login.clone()), AttemptPlan::Serve(login)]);
    client.send("too early");
    client.advance(secs(2));
    assert_eq!(client.seen.refused, ["too early"]);
    client.send("login");
    client.settle();
    assert_eq!(client.texts(), ["login"]);
    client.server().send("price").unwrap();
    client.settle();
    assert_eq!(client.trace().last().unwrap(), "message price");
    client.session.ping("?").unwrap();
    client.settle();
    assert_eq!(client.seen.pings, [b"?"]);
    client.inject(b"\x81\x01x");
    client.reset();
    client.settle();
    let trace = client.trace();
    assert_eq!(trace[..2], ["pong", "message x"]);
    assert_eq!(trace[2], "error transport");
}

#[test]
fn a_switch_is_felt() {
    let mut client = VirtualClient::new(builder().ping_interval(secs(20)).pong_timeout(secs(10))).unwrap();
    client.settle();
    client.switches.is_mute = true;
    client.advance(secs(40));
    assert!(client.trace().contains(&"error timeout".to_owned()));
    assert!(client.seen.partings[0], "it was reset");
    client.switches.is_mute = false;
    client.advance(secs(5));
    client.switches.is_blocked = true;
    client.send("waits");
    client.settle();
    assert_eq!(client.texts(), [""; 0]);
    client.switches.is_blocked = false;
    client.settle();
    assert_eq!(client.texts(), ["waits"]);
}

#[test]
fn a_hook_waits_while_the_driver_hesitates() {
    let mut client = VirtualClient::new(builder().on_open(|_| -> [&str; 0] { panic!("no key") })).unwrap();
    client.switches.is_hesitating = true;
    client.settle();
    assert_eq!((client.seen.questions.len(), client.trace()), (1, vec!["connected".to_owned()]));
    client.answer();
    client.settle();
    assert_eq!(client.seen.panics, ["no key"]);
    assert_eq!(client.seen.gave_up, Some(GiveUp::HookPanicked("on_open")));
}

#[test]
fn a_step_without_a_server_is_a_failed_test() {
    let steps: [fn(&mut VirtualClient); 3] = [
        |client| client.cut(),
        |client| client.reset(),
        |client| {
            client.server();
        },
    ];
    for step in steps {
        let mut client = VirtualClient::new(builder()).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| step(&mut client))).is_err());
    }
}

#[test]
fn a_pair_moves_bytes_only_when_it_is_told() {
    let quiet = Config::default().ping_interval(None);
    let mut pair = MachinePair::open(&quiet, &quiet);
    pair.chunk = 1;
    pair.client.send("ab").unwrap();
    assert!(pair.server_seen.is_empty());
    assert!(pair.turn(), "the first byte");
    assert!(pair.server_seen.is_empty());
    pair.settle();
    assert!(matches!(&pair.server_seen[..], [Ok(Event::Message(message))] if *message == "ab"));
    assert!(!pair.turn());
    pair.server.close(CloseCode::NORMAL, pair.now);
    pair.settle();
    assert!(matches!(pair.client_seen.last(), Some(Ok(Event::Closed(closed))) if closed.clean));
    assert!(matches!(pair.server_seen.last(), Some(Ok(Event::Closed(closed))) if closed.clean));
}

#[test]
fn a_pair_keeps_deadlines() {
    let pinging = Config::default().ping_interval(secs(10)).pong_timeout(secs(5));
    let mut pair = MachinePair::open(&pinging, &Config::default().ping_interval(None));
    pair.advance(secs(100));
    let pongs = pair.client_seen.iter().filter(|seen| matches!(seen, Ok(Event::Pong { .. }))).count();
    assert!((9..=11).contains(&pongs), "{pongs} pongs in 100 s");
    assert_eq!(pair.now, ws_core::Instant::since_epoch(secs(100)));
}
