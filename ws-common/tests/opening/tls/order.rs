//! However bytes are cut, and in whatever order a driver writes, reads and asks, the same things happen.

use proptest::prelude::*;
use ws_common::{ClientUpgrade, MaybeTls, ServerUpgrade};
use ws_core::{Accept, CloseCode, Connection, Event, Machine, Message, Random};

use super::authority::VERSIONS;
use super::ways::{DIRECT, Place};
use crate::support::{at, feed, opening, quiet, write_some};

/// One end, with what is on its way to it, and what it has reported.
struct End {
    state: State,
    coming: Vec<u8>,
    is_ending: bool,
    seen: Vec<String>,
}

enum State {
    ClientUpgrade(Box<ClientUpgrade>),
    ServerUpgrade(Box<ServerUpgrade>),
    Open(Box<MaybeTls<Connection>>),
    None,
}

/// What a driver does next with one of both.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Ask,
}

impl End {
    fn new(state: State) -> Self {
        Self { state, coming: Vec::new(), is_ending: false, seen: Vec::new() }
    }

    fn write(&mut self, limit: usize, other: &mut Self) -> bool {
        let (bytes, ends) = match &mut self.state {
            State::ClientUpgrade(machine) => said(&mut **machine, limit),
            State::ServerUpgrade(machine) => said(&mut **machine, limit),
            State::Open(machine) => said(&mut **machine, limit),
            State::None => return false,
        };
        let has_ended = ends && !std::mem::replace(&mut other.is_ending, ends);
        other.coming.extend_from_slice(&bytes);
        !bytes.is_empty() || has_ended
    }

    fn read(&mut self, limit: usize) -> bool {
        let n = limit.min(self.coming.len());
        let bytes: Vec<u8> = self.coming.drain(..n).collect();
        let ends = n == 0 && self.is_ending && !self.seen.iter().any(|seen| seen == "end");
        match &mut self.state {
            State::ClientUpgrade(machine) => heard(&mut **machine, &bytes, ends),
            State::ServerUpgrade(machine) => heard(&mut **machine, &bytes, ends),
            State::Open(machine) => heard(&mut **machine, &bytes, ends),
            State::None => {}
        }
        if ends {
            self.seen.push("end".into());
        }
        n > 0 || ends
    }

    fn ask(&mut self, messages: &[String]) -> bool {
        let before = self.seen.len();
        match std::mem::replace(&mut self.state, State::None) {
            State::ClientUpgrade(mut machine) => match machine.poll_event().unwrap() {
                None => self.state = State::ClientUpgrade(machine),
                Some(opened) => {
                    self.seen.push(format!("open {}", opened.response.status()));
                    self.enter(opened.connection, messages, false);
                }
            },
            State::ServerUpgrade(mut machine) => match machine.poll_event().unwrap() {
                None => self.state = State::ServerUpgrade(machine),
                Some(request) => {
                    self.seen.push(format!("request {}", request.target()));
                    self.enter(machine.accept(&Accept::new(), at(1)).unwrap(), messages, true);
                }
            },
            State::Open(mut machine) => {
                while let Some(event) = machine.poll_event().unwrap() {
                    match event {
                        Event::Message(Message::Text(text)) => self.seen.push(text.to_string()),
                        Event::Closed(closed) => {
                            self.seen.push(format!("closed {} {}", closed.code, closed.clean));
                        }
                        _ => {}
                    }
                }
                self.state = State::Open(machine);
            }
            State::None => {}
        }
        self.seen.len() > before
    }

    /// It sends everything at once; the server closes behind it.
    fn enter(&mut self, mut connection: MaybeTls<Connection>, messages: &[String], closes: bool) {
        for message in messages {
            connection.inner_mut().send(message.clone()).unwrap();
        }
        if closes {
            connection.inner_mut().close(CloseCode::NORMAL, at(1));
        }
        self.state = State::Open(Box::new(connection));
    }

    /// What was reported, without when the stream was seen to end.
    fn events(&self) -> Vec<&str> {
        self.seen.iter().map(|seen| &**seen).filter(|seen| *seen != "end").collect()
    }
}

fn said<M: Machine>(machine: &mut M, limit: usize) -> (Vec<u8>, bool) {
    let bytes = write_some(machine, limit, at(1));
    let ends = machine.outbound().is_empty() && machine.outbound().is_finished();
    (bytes, ends)
}

fn heard<M: Machine>(machine: &mut M, bytes: &[u8], ends: bool) {
    feed(machine, bytes, at(1));
    if ends {
        machine.handle_read(0, at(1));
    }
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    let sizes = || prop_oneof![Just(1), 2..50_usize, 50..5000_usize];
    let step = prop_oneof![sizes().prop_map(Step::Write), sizes().prop_map(Step::Read), Just(Step::Ask)];
    (any::<bool>(), step)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_calls_and_any_cut_gives_the_same_events(
        steps in prop::collection::vec(step(), 1..400),
        version in 0..2_usize,
        lengths in prop::collection::vec(0..40_000_usize, 0..4),
    ) {
        let place = Place::new();
        let options = place.options_with(DIRECT, place.authority.connector(VERSIONS[version]));
        let accept = ws_common::AcceptOptions::default().config(quiet()).tls(place.acceptor.clone());
        let accepting = ServerUpgrade::new(&accept, Random::from_seed([5; 32]), at(0)).unwrap();
        let mut client = End::new(State::ClientUpgrade(Box::new(opening(&options))));
        let mut server = End::new(State::ServerUpgrade(Box::new(accepting)));
        let messages: Vec<_> = lengths.iter().map(|len| "x".repeat(*len)).collect();
        let mut act = |is_server: bool, step: Step| {
            let (one, other) = if is_server { (&mut server, &mut client) } else { (&mut client, &mut server) };
            match step {
                Step::Write(n) => one.write(n, other),
                Step::Read(n) => one.read(n),
                Step::Ask => one.ask(&messages),
            }
        };
        for (is_server, step) in steps {
            act(is_server, step);
        }
        // These again and again, until two rounds in a row bring nothing. An event that is not seen may bring bytes to write.
        let rest = [Step::Write(usize::MAX), Step::Read(usize::MAX), Step::Ask];
        let mut idle = 0;
        while idle < 2 {
            idle += 1;
            for is_server in [false, true] {
                for step in rest {
                    if act(is_server, step) {
                        idle = 0;
                    }
                }
            }
        }
        let texts = || messages.iter().map(|text| &**text);
        let expected: Vec<_> = ["open 101"].into_iter().chain(texts()).chain(["closed 1000 true"]).collect();
        prop_assert_eq!(client.events(), expected);
        // What the client had queued when the server's Close came is not sent any more, except what had begun to leave.
        let seen = server.events();
        prop_assert_eq!(seen[0], "request /feed");
        prop_assert_eq!(*seen.last().unwrap(), "closed 1000 true");
        prop_assert!(seen[1..seen.len() - 1].iter().copied().eq(texts().take(seen.len() - 2)));
    }
}
