//! A client without a network: names have one address, and transports are up at once.

use std::io;
use std::net::SocketAddr;

use ws_common::connector::{ConnectedTransport, Connector, ConnectorStep};
use ws_common::session::{Action, ClientBuilder, ClientEvent, Session};
use ws_common::{CheckedOptions, ConnectError};
use ws_core::{Accept, Config, Instant, Machine, Random, ServerHandshake};

use crate::{at, cut, feed, write};

/// The public address of every name (RFC 5737).
const ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// A session and its driver.
pub struct Client {
    pub session: Session,
    /// The options of each transport that was opened.
    pub transports: Vec<CheckedOptions>,
    /// Bytes that the latest transport has taken.
    pub written: Vec<u8>,
    /// The next transports do not come up.
    pub is_cut_off: bool,
}

impl Client {
    /// A client of settings that are legal.
    pub fn new(builder: ClientBuilder<Session>) -> Self {
        let session = builder.session(Random::from_seed([7; 32])).unwrap();
        Self { session, transports: Vec::new(), written: Vec::new(), is_cut_off: false }
    }

    /// Begins the first attempt at second 0.
    pub fn start(builder: ClientBuilder<Session>) -> Self {
        let mut client = Self::new(builder);
        client.session.handle_timeout(at(0));
        client.act(at(0));
        client
    }

    /// Does the tasks of the driver.
    pub fn act(&mut self, now: Instant) {
        while let Some(action) = self.session.poll_action() {
            let Action::Open(options) = action else { continue };
            if self.is_cut_off {
                let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
                let errors = vec![(SocketAddr::from((ADDRESS, 80)), refused)];
                self.session.not_opened(ConnectError::Connect(errors), now);
                continue;
            }
            match connect(&options, now) {
                Ok(connected) => {
                    self.written.clear();
                    let random = Random::from_seed([self.transports.len() as u8; 32]);
                    self.transports.push(*options);
                    let local = SocketAddr::from(([0, 0, 0, 0], 1));
                    // A transport that the session does not want is dropped by the next action.
                    let _ = self.session.opened(&connected.route, connected.peer, local, random, now);
                }
                Err(error) => self.session.not_opened(error, now),
            }
        }
    }

    /// The transport takes at most `limit` bytes.
    pub fn write(&mut self, limit: usize, now: Instant) {
        self.written.extend(write(&mut self.session, limit, now));
    }

    /// The transport brings `bytes` in parts of these lengths.
    pub fn read(&mut self, bytes: &[u8], lengths: &[u8], now: Instant) {
        cut(bytes, lengths).for_each(|part| feed(&mut self.session, part, now));
    }

    /// Takes every event.
    pub fn events(&mut self) -> Vec<ClientEvent> {
        let poll = || match self.session.poll_event() {
            Ok(event) => event,
        };
        std::iter::from_fn(poll).collect()
    }
}

/// The transport to the target of these options, or to its proxy.
pub fn connect(options: &CheckedOptions, now: Instant) -> Result<ConnectedTransport<()>, ConnectError> {
    let mut connector = Connector::new(options, now);
    loop {
        match connector.poll(now) {
            ConnectorStep::Resolve { port, .. } => {
                connector.handle_addresses(Ok(vec![SocketAddr::from((ADDRESS, port))]));
            }
            ConnectorStep::Connect { attempt, .. } => connector.handle_result(attempt, Ok(())),
            ConnectorStep::Wait(_) => panic!("it waits for nothing"),
            ConnectorStep::Done(result) => return result,
        }
    }
}

/// The answer of a server that agrees to `request`. `None` if it is not the request of a client.
pub fn agree(request: &[u8]) -> Option<Vec<u8>> {
    let mut server = ServerHandshake::new(Config::default(), Random::from_seed([2; 32]), at(10));
    feed(&mut server, request, at(0));
    server.poll_event().ok()??;
    let mut connection = server.accept(&Accept::new(), at(0)).ok()?;
    Some(write(&mut connection, usize::MAX, at(0)))
}
