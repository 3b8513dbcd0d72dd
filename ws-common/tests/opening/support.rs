//! What the tests share: a clock, a driver, and the ways to a server.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use ws_common::{
    CheckedOptions, ClientUpgrade, ConnectError, ConnectOptions, MaybeTls, Opened,
    connector::{Connector, ConnectorStep, Route},
};
use ws_core::bytes::Buf;
use ws_core::{Config, Connection, Event, Instant, Machine, Message, Random};

use crate::far::{Far, Given};

/// By when everything must be open.
pub(crate) const DEADLINE: Instant = at(10);

pub(crate) const fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

/// Without pings, so that only what a test does happens.
pub(crate) fn quiet() -> Config {
    Config::default().ping_interval(None)
}

pub(crate) fn options(url: &str) -> ConnectOptions {
    ConnectOptions::new(url).config(quiet())
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn checked(options: &ConnectOptions) -> CheckedOptions {
    options.clone().build().unwrap()
}

/// The way that these options lead, where every name is 192.0.2.1.
pub(crate) fn route(options: &ConnectOptions) -> Route {
    let mut connector = Connector::new(&checked(options), at(0));
    loop {
        match connector.poll(at(0)) {
            ConnectorStep::Resolve { port, .. } => {
                connector.handle_addresses(Ok(vec![SocketAddr::new([192, 0, 2, 1].into(), port)]));
            }
            ConnectorStep::Connect { attempt, .. } => connector.handle_result(attempt, Ok(())),
            ConnectorStep::Wait(_) => panic!("there is nothing to wait for"),
            ConnectorStep::Done(reached) => return reached.unwrap().route,
        }
    }
}

pub(crate) fn opening(options: &ConnectOptions) -> ClientUpgrade {
    ClientUpgrade::new(&checked(options), &route(options), Random::from_seed([3; 32]), DEADLINE).unwrap()
}

/// The transport brings `bytes`.
pub(crate) fn feed<M: Machine>(machine: &mut M, bytes: &[u8], now: Instant) {
    if !bytes.is_empty() {
        machine.inbound().extend_from_slice(bytes);
        machine.handle_read(bytes.len(), now);
    }
}

/// The transport takes at most `limit` bytes.
pub(crate) fn write_some<M: Machine>(machine: &mut M, limit: usize, now: Instant) -> Vec<u8> {
    let outbound = machine.outbound();
    let mut bytes = vec![0; outbound.remaining().min(limit)];
    outbound.copy_to_slice(&mut bytes);
    if !bytes.is_empty() {
        machine.handle_write(bytes.len(), now);
    }
    bytes
}

/// Writes and reads of at most so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) writes: usize,
    pub(crate) reads: usize,
}

pub(crate) const WHOLE: Cut = Cut { writes: usize::MAX, reads: usize::MAX };

pub(crate) const CUTS: [Cut; 5] = [
    WHOLE,
    Cut { writes: 1, reads: usize::MAX },
    Cut { writes: usize::MAX, reads: 1 },
    Cut { writes: 1, reads: 1 },
    Cut { writes: 7, reads: 13 },
];

/// One write and one read. Says whether anything moved.
pub(crate) fn turn<M: Machine>(client: &mut M, far: &mut Far, cut: Cut, now: Instant) -> bool {
    let bytes = write_some(client, cut.writes, now);
    far.take(&bytes, now);
    if bytes.is_empty() && client.outbound().is_finished() {
        far.end(now);
    }
    match far.give(cut.reads, now) {
        Given::Bytes(bytes) => feed(client, &bytes, now),
        Given::End => client.handle_read(0, now),
        Given::Nothing => return !bytes.is_empty(),
    }
    true
}

/// Opens a connection, if it can be, before time passes.
pub(crate) fn open(
    opening: &mut ClientUpgrade,
    far: &mut Far,
    cut: Cut,
) -> Option<Result<Opened, ConnectError>> {
    loop {
        match opening.poll_event() {
            Ok(None) => {}
            Ok(Some(opened)) => return Some(Ok(opened)),
            Err(error) => return Some(Err(error)),
        }
        if !turn(opening, far, cut, at(1)) {
            return None;
        }
    }
}

/// Opens a connection.
pub(crate) fn opened(options: &ConnectOptions, far: &mut Far, cut: Cut) -> Opened {
    open(&mut opening(options), far, cut).expect("it does not wait").unwrap()
}

/// How it cannot be opened. Then everything is over, and what waits tells the peer why.
pub(crate) fn failed(opening: &mut ClientUpgrade, far: &mut Far, cut: Cut) -> ConnectError {
    let error = open(opening, far, cut).expect("it does not wait").unwrap_err();
    while turn(opening, far, cut, at(2)) {}
    assert_over(opening);
    check_text(&error);
    error
}

pub(crate) fn assert_over(opening: &mut ClientUpgrade) {
    assert!(matches!(opening.poll_event(), Ok(None)), "it fails once");
    assert_eq!(opening.poll_timeout(), None);
}

/// Moves bytes and takes events until nothing happens without time.
pub(crate) fn settle(client: &mut MaybeTls<Connection>, far: &mut Far, cut: Cut) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        while let Ok(Some(event)) = client.poll_event() {
            match event {
                Event::Message(Message::Text(text)) => seen.push(text.to_string()),
                Event::Closed(closed) => seen.push(format!("closed {} {}", closed.code, closed.clean)),
                Event::Closing(_) => {}
                other => panic!("{other:?}"),
            }
        }
        if !turn(client, far, cut, at(2)) {
            return seen;
        }
    }
}

/// The text of an error is one line that a user can act on.
pub(crate) fn check_text(error: &(dyn std::error::Error + 'static)) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.lines().count() == 1 && !text.ends_with('.'), "{text:?}");
    assert!(text.len() < 400, "{text:?}");
    for shown in [text.clone(), format!("{error:?}")] {
        for secret in ["secret", "dXNlcjpzZWNyZXQ="] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// Runs the current test in a process with these variables, which can be set for a child only. Gives what it tells.
pub(crate) fn run_child(url: &str, variables: &[(&str, impl AsRef<OsStr>)]) -> String {
    assert_eq!(
        child_url(),
        None,
        "a test that does not ask whether it is the child would run itself for ever"
    );
    let test = std::thread::current().name().expect("a test has a name").to_owned();
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        child.env_remove(name).env_remove(name.to_uppercase());
    }
    child
        .env_remove("REQUEST_METHOD")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("OPENING_URL", url);
    let output = child.args(["--exact", &test, "--nocapture"]).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let line = output.lines().find_map(|line| line.split_once("told: ")).expect("the child says something");
    line.1.into()
}

/// In the child: what it is to connect to.
pub(crate) fn child_url() -> Option<String> {
    std::env::var("OPENING_URL").ok()
}

pub(crate) fn tell_parent(line: &str) {
    println!("told: {line}");
}
