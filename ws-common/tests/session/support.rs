//! A driver in virtual time: it does what the session asks for, moves bytes to and from scripted servers, turns the clock, and
//! writes down what is reported.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_common::{
    ConnectError, ConnectOptions, OpenPhase,
    connector::Route,
    reconnect::{Cause, GiveUp},
    session::{Action, ClientBuilder, ClientEvent, ConfirmError, Question, Session, Ticket},
};
use ws_core::bytes::Buf;
use ws_core::{
    Accept, CloseCode, CloseFrame, Connection, Event, Instant, Machine, Origins, Random, ServerHandshake,
    TransportError,
};

use crate::addresses::dialed;
use crate::deflate;
use crate::peer::{Link, Server};
pub(crate) use crate::peer::{Plan, Serve, refuse, serve};
use crate::trace::written;

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
    /// The URL and the request of each transport.
    pub(crate) dials: Vec<String>,
    /// The transports that were dropped, and whether each was reset.
    pub(crate) partings: Vec<bool>,
    pub(crate) requests: Vec<String>,
    /// The payloads of pings that servers got.
    pub(crate) pings: Vec<Vec<u8>>,
    pub(crate) options: Option<ConnectOptions>,
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
                self.session.not_opened(ConnectError::Timeout(OpenPhase::Connect), self.now);
            }
            self.session.handle_timeout(self.now);
            if let Some(link) = &mut self.link {
                link.server.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    fn turn(&mut self) -> bool {
        self.turns += 1;
        let reported = self.take_events();
        let acted = self.act();
        let opened = self.finish_opening();
        let moved = self.move_bytes();
        acted || reported || opened || moved
    }

    fn act(&mut self) -> bool {
        let Some(action) = self.session.poll_action() else { return false };
        match action {
            Action::Ask(question) => {
                assert!(!self.is_connected() && self.opening.is_none(), "nothing goes on beside a hook");
                self.questions.push(question);
                if !self.is_hesitating {
                    self.answer();
                }
                return true;
            }
            Action::Drop | Action::Reset => {
                self.partings.push(matches!(action, Action::Reset));
                (self.link, self.opening) = (None, None);
            }
            Action::Open(options) => {
                let plan = match dialed(&options, &self.places) {
                    Some((peer, plan)) => {
                        self.peers.push(peer);
                        plan
                    }
                    None => self.plans.pop_front().unwrap_or_else(|| self.then.clone()),
                };
                (self.link, self.opening) = (None, Some((plan, self.now + options.open_timeout)));
                self.dials.push(options.target().reveal().to_string());
                self.options = Some(*options);
            }
        }
        true
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

    fn take_events(&mut self) -> bool {
        if !self.is_taking {
            self.session.read_ahead();
            return false;
        }
        let before = self.trace.len();
        loop {
            if self.is_checking {
                // Now it knows exactly.
                self.session.read_ahead();
            }
            let (has_events, is_over) = (self.session.has_events(), self.session.is_over());
            let Ok(event) = self.session.poll_event();
            assert!(has_events || event.is_none());
            assert!(!self.is_checking || has_events == (event.is_some() || is_over));
            let Some(event) = event else { break };
            if let ClientEvent::GaveUp { reason } = event {
                self.gave_up = Some(reason);
                continue;
            }
            if let ClientEvent::Reconnecting { cause, .. } = &event {
                self.causes.push(cause.clone());
                self.gave_up = None;
            }
            assert_eq!(self.gave_up, None, "nothing comes after it: {event:?}");
            self.trace.push(written(&event));
            if let ClientEvent::Closed(closed) = &event {
                self.unsent.push(closed.unsent);
            }
        }
        assert_eq!(self.session.is_over(), self.gave_up.is_some(), "never silently over: {:?}", self.trace);
        self.trace.len() > before
    }

    fn finish_opening(&mut self) -> bool {
        let Some((plan, deadline)) = self.opening.take() else { return false };
        let peer = self.peers.last().copied().unwrap_or(([192, 0, 2, 1], 80).into());
        let local = ([192, 0, 2, 9], 4711).into();
        let io = || io::Error::other("as planned");
        let (server, serve) = match plan {
            Plan::BlackHole => {
                self.opening = Some((plan, deadline));
                return false;
            }
            Plan::NoName => {
                let error = ConnectError::Resolve { host: "server.test".into(), source: io() };
                self.session.not_opened(error, self.now);
                return true;
            }
            Plan::Refuse => {
                self.session.not_opened(ConnectError::Connect(vec![(peer, io())]), self.now);
                return true;
            }
            Plan::Silent => (Server::Silent, Serve::default()),
            Plan::Raw(answer, ends) => (Server::Raw { answer, ends, is_done: false }, Serve::default()),
            Plan::Serve(serve) => {
                let config = deflate::server(serve.compresses);
                let handshake = ServerHandshake::new(config, Random::from_seed([8; 32]), deadline)
                    .origins(Origins::any());
                (Server::Shaking(Box::new(handshake)), serve)
            }
        };
        let route = Route::direct(self.options.as_ref().expect("the session has asked for a transport"));
        let random = Random::from_seed([self.connections as u8; 32]);
        if self.session.opened(&route, peer, local, random, self.now) {
            let (request, coming) = (Vec::new(), Vec::new());
            self.link = Some(Link {
                server,
                serve,
                request,
                coming,
                taken: 0,
                arrived: 0,
                is_shut: false,
                eof: false,
            });
            self.connections += 1;
        }
        true
    }

    fn move_bytes(&mut self) -> bool {
        let Some(mut link) = self.link.take() else { return false };
        let wrote = self.write(&mut link);
        self.serve(&mut link);
        let read = self.read(&mut link);
        self.link = Some(link);
        wrote || read
    }

    /// From the session to its transport and on to the server.
    fn write(&mut self, link: &mut Link) -> bool {
        let waiting = self.session.outbound().remaining();
        if waiting == 0 {
            let shuts = self.session.outbound().is_finished() && !link.is_shut;
            link.is_shut |= shuts;
            if shuts && !link.eof {
                link.server.handle_read(&[], self.now);
            }
            return shuts;
        }
        if link.is_shut || self.is_blocked {
            self.session.handle_write(0, self.now);
            return false;
        }
        let is_request = !link.request.ends_with(b"\r\n\r\n");
        let mut n = waiting.min(self.chunk);
        let limit = link.serve.takes.filter(|_| !is_request).map(|limit| limit - link.taken);
        n = n.min(limit.unwrap_or(usize::MAX));
        let mut bytes = vec![0; n];
        self.session.outbound().copy_to_slice(&mut bytes);
        if is_request {
            link.request.extend_from_slice(&bytes);
            link.server.handle_read(&bytes, self.now);
            if link.request.ends_with(b"\r\n\r\n") {
                self.requests.push(String::from_utf8_lossy(&link.request).into_owned());
            }
        } else {
            link.taken += n;
            let arrives = n.min(link.serve.delivers.map_or(usize::MAX, |limit| limit - link.arrived));
            link.arrived += arrives;
            if arrives > 0 && !link.eof {
                link.server.handle_read(&bytes[..arrives], self.now);
            }
        }
        if n > 0 {
            self.session.handle_write(n, self.now);
        }
        if limit == Some(n) {
            // What has arrived is looked at before the end.
            self.serve(link);
            (link.is_shut, link.eof, link.server) = (true, true, Server::Silent);
            self.session.handle_error(TransportError::write(io::Error::other("cut")), self.now);
            self.session.handle_error(TransportError::read(io::Error::other("cut")), self.now);
        }
        true
    }

    /// The server looks at what has arrived.
    fn serve(&mut self, link: &mut Link) {
        if let Server::Shaking(handshake) = &mut link.server
            && let Ok(Some(_)) = handshake.poll_event()
        {
            let Server::Shaking(handshake) = std::mem::replace(&mut link.server, Server::Silent) else {
                return;
            };
            let mut connection = handshake.accept(&Accept::new(), self.now).expect("a request was reported");
            if let Some(greeting) = link.serve.greeting {
                connection.send(greeting).expect("room for a greeting");
            }
            if let Some(code) = link.serve.closes {
                connection.close(frame(code), self.now);
            }
            link.server = Server::Open(Box::new(connection));
        }
        let Server::Open(connection) = &mut link.server else { return };
        while let Ok(Some(event)) = connection.poll_event() {
            if let Event::Ping(payload) = &event {
                self.pings.push(payload.to_vec());
            }
            if let Event::Message(message) = event {
                let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
                let is_poison = link.serve.poison.is_some_and(|poison| poison == text);
                self.received.push((self.connections, text));
                if is_poison && !link.eof {
                    (link.server, link.eof) = (Server::Silent, true);
                    self.session.handle_read(0, self.now);
                    return;
                }
            }
        }
        if (self.is_mute || link.serve.is_mute) && !connection.outbound().is_empty() && link.arrived > 0 {
            let n = connection.outbound().remaining();
            connection.outbound().advance(n);
            connection.handle_write(n, self.now);
        }
    }

    /// From the server to its transport, and on to the session.
    fn read(&mut self, link: &mut Link) -> bool {
        let is_asked = link.request.ends_with(b"\r\n\r\n");
        let (bytes, ends) = link.server.write(self.chunk, is_asked, self.now);
        link.coming.extend(bytes);
        if !self.session.is_reading() || link.eof {
            return false;
        }
        let n = link.coming.len().min(self.chunk);
        let bytes: Vec<u8> = link.coming.drain(..n).collect();
        if n > 0 {
            self.inject(&bytes);
        } else if ends && !link.serve.is_mute && !self.is_mute {
            link.eof = true;
            self.session.handle_read(0, self.now);
        }
        link.eof || n > 0
    }
}
