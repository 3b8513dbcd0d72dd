//! What a client reaches: perhaps a proxy, and behind it a server.

use ws_common::{AcceptError, AcceptOptions, MaybeTls, ServerUpgrade};
use ws_core::{Accept, Connection, Event, Instant, Machine, Message, Random, Reject, Request};

use crate::proxy::Proxy;
use crate::support::{at, feed, quiet, write_some};

pub(crate) struct Far {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) server: Server,
    /// All that the client has said, as it was on the wire.
    pub(crate) heard: Vec<u8>,
    /// All that the client has read.
    pub(crate) said: Vec<u8>,
    /// What was said to the client, and not read.
    coming: Vec<u8>,
    pub(crate) limit: Limit,
    /// A bit of the next bytes for the client is wrong.
    pub(crate) corrupts: bool,
    has_ended: bool,
}

/// What becomes of the transport to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    None,
    /// After so many bytes it ends.
    Ends(usize),
    /// After so many bytes nothing comes any more.
    Stalls(usize),
}

/// What can be read.
pub(crate) enum Given {
    Bytes(Vec<u8>),
    End,
    Nothing,
}

impl Far {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            proxy: None,
            server,
            heard: Vec::new(),
            said: Vec::new(),
            coming: Vec::new(),
            limit: Limit::None,
            corrupts: false,
            has_ended: false,
        }
    }

    pub(crate) fn plain() -> Self {
        Self::new(Server::new(AcceptOptions::default()))
    }

    pub(crate) fn behind(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    pub(crate) fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// The server refuses, and says where to go.
    pub(crate) fn redirect(mut self, location: &str) -> Self {
        self.server.answer = Some(Reject::new(302).unwrap().header("Location", location).unwrap());
        self
    }

    /// The first message comes with the response.
    pub(crate) fn greeting(mut self, greeting: &'static str) -> Self {
        self.server.greeting = Some(greeting);
        self
    }

    /// What the proxy was told, as text.
    pub(crate) fn asked(&self) -> String {
        let asked = self.proxy.as_ref().map(|proxy| &proxy.asked[..]).unwrap_or_default();
        String::from_utf8_lossy(asked).into_owned()
    }

    pub(crate) fn take(&mut self, bytes: &[u8], now: Instant) {
        self.heard.extend_from_slice(bytes);
        match &mut self.proxy {
            Some(proxy) => {
                let heard = proxy.hear(bytes, now);
                self.server.hear(&heard, now);
            }
            None => self.server.hear(bytes, now),
        }
    }

    /// The client ends the stream.
    pub(crate) fn end(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.server.is_ended, true) {
            self.server.end(now);
        }
    }

    pub(crate) fn give(&mut self, limit: usize, now: Instant) -> Given {
        let said = self.server.say(now);
        let ends = match &mut self.proxy {
            Some(proxy) => {
                proxy.pass(&said, self.server.is_finished());
                self.coming.extend(proxy.say(now));
                proxy.is_finished()
            }
            None => {
                self.coming.extend(said);
                self.server.is_finished()
            }
        };
        let (left, then_ends) = match self.limit {
            Limit::None => (usize::MAX, false),
            Limit::Ends(limit) => (limit - self.said.len(), true),
            Limit::Stalls(limit) => (limit - self.said.len(), false),
        };
        let n = self.coming.len().min(limit).min(left);
        if n > 0 {
            let mut bytes: Vec<u8> = self.coming.drain(..n).collect();
            if std::mem::take(&mut self.corrupts) {
                bytes[n - 1] ^= 1;
            }
            self.said.extend_from_slice(&bytes);
            return Given::Bytes(bytes);
        }
        let ends = if left == 0 { then_ends } else { ends };
        if ends && !std::mem::replace(&mut self.has_ended, true) { Given::End } else { Given::Nothing }
    }
}

/// A server, which notes what it sees.
pub(crate) struct Server {
    state: State,
    greeting: Option<&'static str>,
    is_ended: bool,
    pub(crate) request: Option<Request>,
    pub(crate) error: Option<AcceptError>,
    pub(crate) received: Vec<String>,
    /// What it says instead of accepting.
    answer: Option<Reject>,
}

enum State {
    ServerUpgrade(Box<ServerUpgrade>),
    Open(Box<MaybeTls<Connection>>),
    /// Says this to whatever it hears first, and then perhaps ends the stream.
    Raw {
        answer: Vec<u8>,
        has_heard: bool,
        ends: bool,
    },
    /// For a moment.
    None,
}

impl Server {
    pub(crate) fn new(options: AcceptOptions) -> Self {
        let accepting =
            ServerUpgrade::new(&options.config(quiet()).any_origin(), Random::from_seed([5; 32]), at(0))
                .unwrap();
        Self::in_state(State::ServerUpgrade(Box::new(accepting)))
    }

    pub(crate) fn raw(answer: impl Into<Vec<u8>>, ends: bool) -> Self {
        Self::in_state(State::Raw { answer: answer.into(), has_heard: false, ends })
    }

    fn in_state(state: State) -> Self {
        Self {
            state,
            greeting: None,
            is_ended: false,
            request: None,
            error: None,
            received: Vec::new(),
            answer: None,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        match &mut self.state {
            State::Open(machine) => machine.inner_mut(),
            _ => panic!("it has no connection"),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.as_ref().unwrap().headers().get(name)
    }

    fn hear(&mut self, bytes: &[u8], now: Instant) {
        match &mut self.state {
            State::ServerUpgrade(accepting) => feed(&mut **accepting, bytes, now),
            State::Open(machine) => feed(&mut **machine, bytes, now),
            State::Raw { has_heard, .. } => *has_heard |= !bytes.is_empty(),
            State::None => {}
        }
        self.look(now);
    }

    fn end(&mut self, now: Instant) {
        match &mut self.state {
            State::ServerUpgrade(accepting) => accepting.handle_read(0, now),
            State::Open(machine) => machine.handle_read(0, now),
            State::Raw { .. } | State::None => {}
        }
        self.look(now);
    }

    fn look(&mut self, now: Instant) {
        if let State::ServerUpgrade(accepting) = &mut self.state {
            match accepting.poll_event() {
                Ok(None) => {}
                Ok(Some(request)) => {
                    self.request = Some(request);
                    match &self.answer {
                        Some(answer) => accepting.reject(answer),
                        None => self.accept(now),
                    }
                }
                Err(error) => assert!(self.error.replace(error).is_none(), "it fails once"),
            }
        }
        let State::Open(machine) = &mut self.state else { return };
        while let Ok(Some(event)) = machine.poll_event() {
            if let Event::Message(message) = event {
                self.received.push(shown(&message));
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        let State::ServerUpgrade(accepting) = std::mem::replace(&mut self.state, State::None) else { return };
        let mut machine = accepting.accept(&Accept::new(), now).unwrap();
        if let Some(greeting) = self.greeting {
            machine.inner_mut().send(greeting).unwrap();
        }
        self.state = State::Open(Box::new(machine));
    }

    fn say(&mut self, now: Instant) -> Vec<u8> {
        match &mut self.state {
            State::ServerUpgrade(accepting) => write_some(&mut **accepting, usize::MAX, now),
            State::Open(machine) => {
                let mut all = Vec::new();
                loop {
                    let some = write_some(&mut **machine, usize::MAX, now);
                    if some.is_empty() {
                        return all;
                    }
                    all.extend(some);
                }
            }
            State::Raw { answer, has_heard: true, .. } => std::mem::take(answer),
            State::Raw { .. } | State::None => Vec::new(),
        }
    }

    /// Whether it ends the stream when everything is read.
    fn is_finished(&mut self) -> bool {
        match &mut self.state {
            State::ServerUpgrade(accepting) => accepting.outbound().is_finished(),
            State::Open(machine) => machine.outbound().is_finished(),
            State::Raw { has_heard, ends, .. } => *has_heard && *ends,
            State::None => false,
        }
    }
}

pub(crate) fn shown(message: &Message) -> String {
    let bytes = message.as_bytes();
    String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned()
}
