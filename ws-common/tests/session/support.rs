//! A driver in virtual time: it does what the session asks for, moves bytes to and from scripted servers, turns the clock, and
//! writes down what is reported.

mod turns;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_common::{
    CheckedOptions, ConnectError, OpenPhase,
    reconnect::{Cause, GiveUp},
    session::{ClientBuilder, ConfirmError, Question, Session, Ticket},
};
use ws_core::{CloseCode, CloseFrame, Connection, Instant, Machine, Random, TransportError};

use crate::peer::{Link, Server};
pub(crate) use crate::peer::{Plan, Serve, refuse, serve};

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::since_epoch(secs(seconds))
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn frame(code: u16) -> CloseFrame {
    CloseCode::new(code).expect("a code that may be sent").into()
}

pub(crate) const URL: &str = "ws://server.test/feed";

/// A client without pings of its own, so that only what a test does happens.
pub(crate) fn client() -> ClientBuilder<Session> {
    ClientBuilder::new(URL).ping_interval(None)
}

pub(crate) struct Sim {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    /// What the next attempts meet, and what all after them do.
    pub(crate) plans: VecDeque<Plan>,
    pub(crate) then: Plan,
    /// The addresses of the server's name, if it matters which is dialed, and what an attempt meets at each.
    pub(crate) places: Vec<(SocketAddr, Plan)>,
    /// The address that each attempt has dialed first.
    pub(crate) peers: Vec<SocketAddr>,
    link: Option<Link>,
    opening: Option<(Plan, Instant)>,
    /// Bytes that are moved at a time.
    pub(crate) chunk: usize,
    /// Whether somebody takes the events; else they are read ahead.
    pub(crate) is_taking: bool,
    /// The transport takes nothing.
    pub(crate) is_blocked: bool,
    /// No server answers.
    pub(crate) is_mute: bool,
    /// `has_events` must tell, while events are taken, whether there is one.
    pub(crate) is_checking: bool,
    trace: Vec<String>,
    /// The reason, if the client has given up. It stands apart from the trace, because it is always the last event.
    pub(crate) gave_up: Option<GiveUp>,
    /// The cause of each `Reconnecting`.
    pub(crate) causes: Vec<Cause>,
    /// The number of unsent messages of each end.
    pub(crate) unsent: Vec<usize>,
    /// What servers got: on which connection, and what.
    pub(crate) received: Vec<(u64, String)>,
    /// Messages that came before the login, each of which a server refused.
    pub(crate) refused: Vec<String>,
    /// The URL and the request of each transport.
    pub(crate) dials: Vec<String>,
    /// The transports that were dropped, and whether each was reset.
    pub(crate) partings: Vec<bool>,
    pub(crate) requests: Vec<String>,
    /// The payloads of pings that servers got.
    pub(crate) pings: Vec<Vec<u8>>,
    pub(crate) options: Option<CheckedOptions>,
    connections: u64,
    /// Hooks are not run, but kept.
    pub(crate) is_hesitating: bool,
    pub(crate) questions: Vec<Question>,
    /// The messages of panics that hooks had.
    pub(crate) panics: Vec<String>,
    pub(crate) turns: u64,
}

impl Sim {
    pub(crate) fn new(builder: ClientBuilder<Session>, plans: impl IntoIterator<Item = Plan>) -> Self {
        Self {
            session: builder.session(Random::from_seed([7; 32])).expect("settings that can be used"),
            now: at(0),
            plans: plans.into_iter().collect(),
            then: serve(),
            places: Vec::new(),
            peers: Vec::new(),
            link: None,
            opening: None,
            chunk: usize::MAX,
            is_taking: true,
            is_blocked: false,
            is_mute: false,
            is_checking: false,
            trace: Vec::new(),
            gave_up: None,
            causes: Vec::new(),
            unsent: Vec::new(),
            received: Vec::new(),
            refused: Vec::new(),
            dials: Vec::new(),
            partings: Vec::new(),
            requests: Vec::new(),
            pings: Vec::new(),
            options: None,
            connections: 0,
            is_hesitating: false,
            questions: Vec::new(),
            panics: Vec::new(),
            turns: 0,
        }
    }

    /// What was reported since the last time.
    pub(crate) fn trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }

    pub(crate) fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.trace(), expected, "at {:?}", self.now);
    }

    /// Everything that the servers got, in order.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.received.iter().map(|(_, text)| &**text).collect()
    }

    /// The server's end of the open connection.
    pub(crate) fn server(&mut self) -> &mut Connection {
        match self.link.as_mut().map(|link| &mut link.server) {
            Some(Server::Open(connection)) => connection,
            _ => panic!("no server has a connection"),
        }
    }

    pub(crate) fn has_server(&self) -> bool {
        self.link.as_ref().is_some_and(|link| matches!(link.server, Server::Open(_)))
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.session.send(text.to_owned()).expect("room for a message");
    }

    /// Asks about what anybody has sent.
    pub(crate) fn confirm(&mut self) -> Ticket {
        self.session.confirm(None).expect("no handle that has sent nothing")
    }

    pub(crate) fn outcome(&mut self, ticket: &Ticket) -> Option<Result<(), ConfirmError>> {
        self.session.confirmed(ticket, None)
    }

    /// The server is gone: the stream ends, or the connection is reset.
    pub(crate) fn cut(&mut self, reset: bool) {
        let link = self.link.as_mut().expect("a connection");
        (link.server, link.eof) = (Server::Silent, true);
        if reset {
            self.session.handle_error(TransportError::read(io::Error::other("reset")), self.now);
        } else {
            self.session.handle_read(0, self.now);
        }
    }

    /// Bytes that no server would send.
    pub(crate) fn inject(&mut self, bytes: &[u8]) {
        self.session.inbound().extend_from_slice(bytes);
        self.session.handle_read(bytes.len(), self.now);
    }

    /// Does everything that can be done without waiting.
    pub(crate) fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    fn rest(&mut self) {
        for _ in 0..1_000_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.trace);
    }

    /// Lets time pass, stopping at each deadline.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut idle = 0;
        loop {
            self.rest();
            let server = self.link.as_ref().and_then(|link| link.server.poll_timeout());
            let opening = self.opening.as_ref().map(|(_, deadline)| *deadline);
            let due = [self.session.poll_timeout(), server, opening].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            idle = if due <= self.now { idle + 1 } else { 0 };
            assert!(idle < 100, "a deadline that does not go away: {due:?}, {:?}", self.session);
            self.now = self.now.max(due);
            if opening.is_some_and(|deadline| deadline <= self.now) {
                self.opening = None;
                self.session.not_opened(
                    ConnectError::Timeout { phase: OpenPhase::Connect, open_timeout: secs(10), peer: None },
                    self.now,
                );
            }
            self.session.handle_timeout(self.now);
            if let Some(link) = &mut self.link {
                link.server.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    pub(crate) fn hesitate(&mut self, is_hesitating: bool) {
        self.is_hesitating = is_hesitating;
        if !is_hesitating {
            self.answer();
        }
    }

    /// Runs the hooks that were asked, and tells the session.
    pub(crate) fn answer(&mut self) {
        for question in std::mem::take(&mut self.questions) {
            if let Some(panic) = self.session.answer(question.ask(), self.now) {
                self.panics.push(panic.downcast_ref::<&str>().expect("a text").to_string());
            }
        }
    }
}
