//! One turn of the driver: events, actions, and the bytes between the session and its server.

use std::io;

use ws_common::{
    ConnectError,
    connector::Route,
    session::{Action, ClientEvent},
};
use ws_core::bytes::Buf;
use ws_core::{
    Accept, CloseCode, CloseFrame, Event, Machine, Origins, Random, ServerHandshake, TransportError,
};

use super::VirtualClient;
use super::plan::{AttemptPlan, ServerManner, VirtualLink, VirtualServer};

impl VirtualClient {
    pub(super) fn turn(&mut self) -> bool {
        self.seen.turns += 1;
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
                let is_opening = format!("{question:?}") == "Question(on_open)";
                assert_eq!(self.is_connected(), is_opening, "no other hook has a transport");
                assert!(self.opening.is_none(), "nothing goes on beside a hook");
                self.seen.questions.push(question);
                if !self.switches.is_hesitating {
                    self.answer();
                }
                return true;
            }
            Action::Drop | Action::Reset => {
                self.seen.partings.push(matches!(action, Action::Reset));
                (self.link, self.opening) = (None, None);
            }
            Action::Open(options) => {
                let plan = self.next_plan(&options);
                (self.link, self.opening) = (None, Some((plan, self.now + options.open_timeout())));
                self.seen.dials.push(options.target().reveal().to_string());
                self.seen.options = Some(*options);
            }
        }
        true
    }

    fn take_events(&mut self) -> bool {
        if !self.switches.is_taking {
            self.session.read_ahead();
            return false;
        }
        let before = self.events.len();
        loop {
            if self.switches.is_checking {
                // Now it knows exactly.
                self.session.read_ahead();
            }
            let (has_events, is_over) = (self.session.has_events(), self.session.is_over());
            let Ok(event) = self.session.poll_event();
            assert!(has_events || event.is_none(), "an event that `has_events` did not announce: {event:?}");
            assert!(!self.switches.is_checking || has_events == (event.is_some() || is_over));
            let Some(event) = event else { break };
            if let ClientEvent::Reconnecting { cause, .. } = &event {
                self.seen.causes.push(cause.clone());
                self.seen.gave_up = None;
            }
            assert_eq!(self.seen.gave_up, None, "nothing comes after it: {event:?}");
            match &event {
                ClientEvent::GaveUp { reason } => self.seen.gave_up = Some(reason.clone()),
                ClientEvent::Closed(closed) => self.seen.unsent.push(closed.unsent),
                _ => {}
            }
            self.events.push(event);
        }
        assert_eq!(self.session.is_over(), self.seen.gave_up.is_some(), "never silently over");
        self.events.len() > before
    }

    fn finish_opening(&mut self) -> bool {
        let Some((plan, deadline)) = self.opening.take() else { return false };
        let peer = self.seen.peers.last().copied().unwrap_or(([192, 0, 2, 1], 80).into());
        let local = ([192, 0, 2, 9], 4711).into();
        let io = || io::Error::other("as planned");
        let (server, serve) = match plan {
            AttemptPlan::BlackHole => {
                self.opening = Some((plan, deadline));
                return false;
            }
            AttemptPlan::NoName => {
                let error = ConnectError::Resolve { host: "server.test".into(), source: io() };
                self.session.not_opened(error, self.now);
                return true;
            }
            AttemptPlan::Refuse => {
                self.session.not_opened(ConnectError::Connect(vec![(peer, io())]), self.now);
                return true;
            }
            AttemptPlan::Silent => (VirtualServer::Silent, ServerManner::default()),
            AttemptPlan::Raw(answer, ends) => {
                (VirtualServer::Raw { answer, ends, is_done: false }, ServerManner::default())
            }
            AttemptPlan::Serve(serve) => {
                let handshake =
                    ServerHandshake::new(serve.config.clone(), Random::from_seed([8; 32]), deadline)
                        .origins(Origins::any());
                (VirtualServer::Shaking(Box::new(handshake)), serve)
            }
        };
        // The plan was made with the options.
        let options = self.seen.options.as_ref().expect("the session has asked for a transport");
        let route = Route::direct(options.target());
        let random = Random::from_seed([self.seen.connections as u8; 32]);
        if self.session.opened(&route, peer, local, random, self.now) {
            let (request, coming) = (Vec::new(), Vec::new());
            self.link = Some(VirtualLink {
                server,
                manner: serve,
                request,
                coming,
                taken: 0,
                arrived: 0,
                is_shut: false,
                is_logged_in: false,
                eof: false,
            });
            self.seen.connections += 1;
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
    fn write(&mut self, link: &mut VirtualLink) -> bool {
        let waiting = self.session.outbound().remaining();
        if waiting == 0 {
            let shuts = self.session.outbound().is_finished() && !link.is_shut;
            link.is_shut |= shuts;
            if shuts && !link.eof {
                link.server.handle_read(&[], self.now);
            }
            return shuts;
        }
        if link.is_shut || self.switches.is_blocked {
            self.session.handle_write(0, self.now);
            return false;
        }
        let is_request = !link.request.ends_with(b"\r\n\r\n");
        let mut n = waiting.min(self.switches.chunk);
        let limit = link.manner.takes.filter(|_| !is_request).map(|limit| limit - link.taken);
        n = n.min(limit.unwrap_or(usize::MAX));
        let mut bytes = vec![0; n];
        self.session.outbound().copy_to_slice(&mut bytes);
        if is_request {
            link.request.extend_from_slice(&bytes);
            link.server.handle_read(&bytes, self.now);
            if link.request.ends_with(b"\r\n\r\n") {
                self.seen.requests.push(String::from_utf8_lossy(&link.request).into_owned());
            }
        } else {
            link.taken += n;
            let arrives = n.min(link.manner.delivers.map_or(usize::MAX, |limit| limit - link.arrived));
            link.arrived += arrives;
            if arrives > 0 && !link.eof {
                link.server.handle_read(&bytes[..arrives], self.now);
            }
        }
        if n > 0 {
            self.session.handle_write(n, self.now);
        }
        if limit == Some(n) {
            // The server reads the bytes that have arrived before it sees the end.
            self.serve(link);
            (link.is_shut, link.eof, link.server) = (true, true, VirtualServer::Silent);
            self.session.handle_error(TransportError::write(io::Error::other("cut")), self.now);
            self.session.handle_error(TransportError::read(io::Error::other("cut")), self.now);
        }
        true
    }

    /// The server takes the events of the bytes that have arrived.
    fn serve(&mut self, link: &mut VirtualLink) {
        if let VirtualServer::Shaking(handshake) = &mut link.server
            && let Ok(Some(_)) = handshake.poll_event()
        {
            let VirtualServer::Shaking(handshake) =
                std::mem::replace(&mut link.server, VirtualServer::Silent)
            else {
                return;
            };
            // The handshake has reported a request, and an empty `Accept` contradicts none.
            let mut connection = handshake.accept(&Accept::new(), self.now).expect("a request was reported");
            if let Some(greeting) = link.manner.greeting {
                // A new connection takes one message of any size.
                connection.send(greeting).expect("room for a greeting");
            }
            if let Some(code) = link.manner.closes {
                connection.close(close(code), self.now);
            }
            link.server = VirtualServer::Open(Box::new(connection));
        }
        let VirtualServer::Open(connection) = &mut link.server else { return };
        while let Ok(Some(event)) = connection.poll_event() {
            if let Event::Ping(payload) = &event {
                self.seen.pings.push(payload.to_vec());
            }
            if let Event::Message(message) = event {
                let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
                let is_poison = link.manner.poison.is_some_and(|poison| poison == text);
                let is_login = link.manner.login.is_some_and(|login| login == text);
                link.is_logged_in |= is_login;
                if link.manner.login.is_some() && !link.is_logged_in && !link.eof {
                    self.seen.refused.push(text);
                    connection.close(close(1008), self.now);
                    return;
                }
                self.seen.received.push((self.seen.connections, text));
                if is_login {
                    // It may be closing already.
                    let _ = connection.send("welcome");
                }
                if is_poison && !link.eof {
                    (link.server, link.eof) = (VirtualServer::Silent, true);
                    self.session.handle_read(0, self.now);
                    return;
                }
            }
        }
        if (self.switches.is_mute || link.manner.is_mute)
            && !connection.outbound().is_empty()
            && link.arrived > 0
        {
            let n = connection.outbound().remaining();
            connection.outbound().advance(n);
            connection.handle_write(n, self.now);
        }
    }

    /// From the server to its transport, and on to the session.
    fn read(&mut self, link: &mut VirtualLink) -> bool {
        let is_asked = link.request.ends_with(b"\r\n\r\n");
        let (bytes, ends) = link.server.write(self.switches.chunk, is_asked, self.now);
        link.coming.extend(bytes);
        if !self.session.is_reading() || link.eof {
            return false;
        }
        let n = link.coming.len().min(self.switches.chunk);
        let bytes: Vec<u8> = link.coming.drain(..n).collect();
        if n > 0 {
            self.inject(&bytes);
        } else if ends && !link.manner.is_mute && !self.switches.is_mute {
            link.eof = true;
            self.session.handle_read(0, self.now);
        }
        link.eof || n > 0
    }
}

/// A Close frame. A plan with a code that no server may send is a fault of the test.
fn close(code: u16) -> CloseFrame {
    CloseCode::new(code).unwrap_or_else(|| panic!("a server may not close with {code}")).into()
}
