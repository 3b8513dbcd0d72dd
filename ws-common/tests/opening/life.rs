//! A client that stays connected, in virtual time: it is given a transport whenever it asks for one.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ws_common::{
    CheckedOptions,
    connector::{Connector, ConnectorStep, Route},
    session::{Action, ClientBuilder, ClientEvent, Session},
};
use ws_core::{Initiator, Instant, Machine, Random, TransportError};

use crate::far::{Far, shown};
use crate::support::{Cut, WHOLE, address, at, turn, write_some};

/// What the attempts reach, by their number from 0; nothing, if the connection is refused.
type Plan = Box<dyn FnMut(usize) -> Option<Far>>;

pub(crate) struct Life {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) cut: Cut,
    /// So many bytes the transport takes from now on; then it breaks.
    pub(crate) takes: Option<usize>,
    plan: Plan,
    /// Every transport so far, the present one last.
    pub(crate) fars: Vec<Far>,
    is_connected: bool,
    /// The names that were resolved, and the addresses that were dialed.
    pub(crate) steps: Vec<String>,
    trace: Vec<String>,
    /// Whether the client has given up. It stands apart from the trace, because it is always the last event.
    has_given_up: bool,
    attempts: usize,
    /// The number of addresses that each name has.
    pub(crate) addresses: u8,
    /// Names with addresses of their own.
    pub(crate) names: Vec<(&'static str, Vec<IpAddr>)>,
    /// A name that has other addresses once it was resolved.
    pub(crate) rebinds: Option<(&'static str, Vec<IpAddr>)>,
}

/// A client without pings of its own, so that only what a test does happens.
pub(crate) fn client(url: &str) -> ClientBuilder<Session> {
    ClientBuilder::new(url).ping_interval(None)
}

impl Life {
    pub(crate) fn new(
        builder: ClientBuilder<Session>,
        plan: impl FnMut(usize) -> Option<Far> + 'static,
    ) -> Self {
        Self {
            session: builder.session(Random::from_seed([7; 32])).unwrap(),
            now: at(0),
            cut: WHOLE,
            takes: None,
            plan: Box::new(plan),
            fars: Vec::new(),
            is_connected: false,
            steps: Vec::new(),
            trace: Vec::new(),
            has_given_up: false,
            attempts: 0,
            addresses: 1,
            names: Vec::new(),
            rebinds: None,
        }
    }

    /// What was reported since the last time.
    pub(crate) fn trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }

    pub(crate) fn far(&mut self) -> &mut Far {
        self.fars.last_mut().expect("a transport")
    }

    /// The transport ends, without a close_notify.
    pub(crate) fn cut(&mut self) {
        self.is_connected = false;
        self.session.handle_read(0, self.now);
    }

    /// Does everything that can be done without waiting.
    pub(crate) fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    /// Lets time pass, stopping at each deadline.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..10_000 {
            while self.turn() {}
            let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
        }
        panic!("it does not come to rest: {:?}", self.trace);
    }

    fn turn(&mut self) -> bool {
        let before = self.trace.len();
        while let Ok(Some(event)) = self.session.poll_event() {
            assert!(!self.has_given_up, "nothing comes after it: {event:?}");
            self.has_given_up = matches!(event, ClientEvent::GaveUp { .. });
            if !self.has_given_up {
                self.trace.push(written(&event));
            }
        }
        assert_eq!(self.session.is_over(), self.has_given_up, "never silently over: {:?}", self.trace);
        let has_acted = self.act();
        has_acted || self.carry() || self.trace.len() > before
    }

    fn carry(&mut self) -> bool {
        if !self.is_connected {
            return false;
        }
        let far = self.fars.last_mut().expect("a transport");
        let Some(left) = self.takes else { return turn(&mut self.session, far, self.cut, self.now) };
        let bytes = write_some(&mut self.session, self.cut.writes.min(left), self.now);
        far.take(&bytes, self.now);
        self.takes = Some(left - bytes.len());
        if left == bytes.len() {
            self.takes = None;
            self.is_connected = false;
            self.session.handle_error(TransportError::write(io::Error::other("cut")), self.now);
            self.session.handle_error(TransportError::read(io::Error::other("cut")), self.now);
        }
        !bytes.is_empty()
    }

    fn act(&mut self) -> bool {
        let Some(action) = self.session.poll_action() else { return false };
        if std::mem::take(&mut self.is_connected) {
            // What tells the peer why.
            let bytes = write_some(&mut self.session, usize::MAX, self.now);
            let now = self.now;
            self.far().take(&bytes, now);
            self.far().end(now);
        }
        match action {
            Action::Open(options) => self.open(&options),
            Action::Ask(question) => {
                let panic = self.session.answer(question.ask(), self.now);
                assert!(panic.is_none(), "a hook has panicked");
            }
            Action::Drop | Action::Reset => {}
        }
        true
    }

    fn open(&mut self, options: &CheckedOptions) {
        let reached = self.reach(options);
        self.attempts += 1;
        match reached {
            Err(error) => self.session.not_opened(error, self.now),
            Ok((route, far)) => {
                let peer = self.steps.last().and_then(|step| step.strip_prefix("dial ")).unwrap();
                let (peer, local) = (address(peer), address("192.0.2.2:4711"));
                self.is_connected = self.session.opened(&route, peer, local, self.seed(), self.now);
                self.fars.push(far);
            }
        }
    }

    fn seed(&self) -> Random {
        Random::from_seed([self.attempts as u8; 32])
    }

    fn reach(&mut self, options: &CheckedOptions) -> Result<(Route, Far), ws_common::ConnectError> {
        let mut connector = Connector::new(options, self.now);
        loop {
            match connector.poll(self.now) {
                ConnectorStep::Resolve { host, port } => {
                    self.steps.push(format!("resolve {host}:{port}"));
                    let own = self.names.iter().find(|(name, _)| *name == host);
                    let all = match own {
                        Some((_, addresses)) => addresses.iter().map(|&ip| (ip, port).into()).collect(),
                        None => (1..=self.addresses).map(|n| ([192, 0, 2, n], port).into()).collect(),
                    };
                    self.names.extend(self.rebinds.take_if(|(name, _)| *name == host));
                    connector.handle_addresses(Ok(all));
                }
                ConnectorStep::Connect { attempt, address, .. } => {
                    self.steps.push(format!("dial {address}"));
                    let far = (self.plan)(self.attempts).ok_or_else(|| io::Error::other("refused"));
                    connector.handle_result(attempt, far);
                }
                ConnectorStep::Wait(_) => panic!("there is nothing to wait for"),
                ConnectorStep::Done(reached) => {
                    return reached.map(|reached| (reached.route, reached.transport));
                }
            }
        }
    }
}

/// An event in a line.
fn written(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Connected { .. } => "connected".into(),
        ClientEvent::Open(_) => "open".into(),
        ClientEvent::Message(message) => format!("message {}", shown(message)),
        ClientEvent::Pong { .. } => "pong".into(),
        ClientEvent::Closing(frame) => format!("closing {}", frame.status()),
        ClientEvent::Error(error) => format!("error {}", error.phase()),
        ClientEvent::Closed(closed) => {
            let by = if closed.initiator == Initiator::Local { "us" } else { "peer" };
            format!("closed {} {} {by}", closed.code, if closed.clean { "clean" } else { "broken" })
        }
        ClientEvent::Reconnecting { attempt, .. } => format!("reconnecting {attempt}"),
        other => format!("{other:?}"),
    }
}
