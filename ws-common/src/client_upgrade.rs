//! From a connected transport to an open connection, on the client's side.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, mem};

use ws_core::bytes::BytesMut;
use ws_core::{
    ClientHandshake, Connection, Direction, HandshakeError, Instant, Machine, Outbound, Random, Response,
    TransportError,
};

use crate::compression;
use crate::connector::Route;
use crate::error::{ConnectError, OpenPhase};
use crate::maybe_tls::MaybeTls;
use crate::options::CheckedOptions;
use crate::proxy::{Proxy, ProxyError, ProxyScheme, ProxyStep, Tunnel};
use crate::tls::{TlsConnector, TlsFailure};
use crate::trace::Phases;

/// What a client does with a transport until its connection is open, as a [`Machine`]: it asks the proxy for a tunnel, begins
/// TLS, and makes the opening handshake, as far as each is needed.
///
/// Its one event gives the connection, which is the next machine on the transport. After an error, what still waits in
/// [`outbound`](Machine::outbound) tells the peer why, and is worth one attempt to write it.
pub struct ClientUpgrade {
    stage: UpgradeStage,
    /// Without credentials, for errors.
    proxy: Option<Box<Proxy>>,
    /// For errors.
    server: Option<SocketAddr>,
    open_timeout: Duration,
    trace: Phases,
    /// What the driver said last.
    now: Instant,
}

/// The server has agreed.
#[derive(Debug)]
pub struct Opened {
    /// What it said.
    pub response: Response,
    /// The open connection.
    pub connection: MaybeTls<Connection>,
}

enum UpgradeStage {
    Proxy(Box<(MaybeTls<Tunnel>, BehindTunnel)>),
    Handshake(Box<MaybeTls<ClientHandshake>>),
    /// There is nothing to be done any more, whatever a driver does.
    Over(BytesMut, Outbound),
}

/// What follows once the transport leads to the target.
struct BehindTunnel {
    handshake: ClientHandshake,
    tls: Option<TlsConnector>,
    host: String,
}

impl ClientUpgrade {
    /// Begins on a transport that leads where `route` says, and fails at `deadline`.
    ///
    /// # Errors
    ///
    /// What was set for TLS or for the proxy cannot be used.
    pub fn new(
        options: &CheckedOptions,
        route: &Route,
        random: Random,
        deadline: Instant,
    ) -> Result<Self, ConnectError> {
        let config = compression::offered(options.config().clone());
        let tls = if route.is_secure { None } else { options.connector()? };
        let rest = BehindTunnel {
            handshake: ClientHandshake::new(options.request(), config, random, deadline),
            tls: tls.map(|tls| tls.through(route.proxy.as_ref())),
            host: options.target().host().to_string(),
        };
        let stage = match &route.proxy {
            None => {
                let security = rest.tls.as_ref().map(|tls| (tls, &*rest.host));
                UpgradeStage::Handshake(Box::new(MaybeTls::client(rest.handshake, security)?))
            }
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy, &route.host, route.port, deadline);
                let tunnel = tunnel.map_err(|error| error.of(proxy))?;
                let tls = match proxy.scheme() {
                    ProxyScheme::Https => Some(options.proxy_connector()?),
                    _ => None,
                };
                let host = proxy.host().to_string();
                let tunnel = MaybeTls::with_proxy(tunnel, tls.as_ref().map(|tls| (tls, &*host)))?;
                UpgradeStage::Proxy(Box::new((tunnel, rest)))
            }
        };
        let proxy = route.proxy.as_ref().map(|proxy| Box::new(proxy.without_credentials()));
        let server = route.server;
        let mut opening = Self {
            stage,
            proxy,
            server,
            open_timeout: options.whole_open_timeout(),
            trace: Phases::client(options.target(), route.proxy.as_ref().map(|proxy| proxy as _), server),
            now: Instant::EPOCH,
        };
        opening.trace_phase();
        Ok(opening)
    }

    fn trace_phase(&mut self) {
        match &self.stage {
            UpgradeStage::Proxy(_) => self.trace.go_on(OpenPhase::Proxy),
            UpgradeStage::Handshake(machine) => self.trace.go_on(machine.phase()),
            UpgradeStage::Over(..) => {}
        }
    }

    /// The transport leads to the target now.
    fn enter_tunnel(&mut self) -> Result<(), ConnectError> {
        if let UpgradeStage::Proxy(proxy) = self.leave()
            && let (tunnel, rest) = *proxy
            && let Some(leftover) = tunnel.try_map(|tunnel| tunnel.into_leftover().ok())
        {
            let security = rest.tls.as_ref().map(|tls| (tls, &*rest.host));
            let machine = leftover.succeed(rest.handshake, security, self.now)?;
            self.stage = UpgradeStage::Handshake(Box::new(machine));
        }
        Ok(())
    }

    /// The server has agreed.
    fn open(&mut self, response: Response) -> Option<Opened> {
        let UpgradeStage::Handshake(machine) = self.leave() else { return None };
        let connection = machine.try_map(|handshake| handshake.open(self.now).ok())?;
        Some(Opened { response, connection })
    }

    fn poll_stage(&mut self) -> Result<Option<Opened>, ConnectError> {
        if let UpgradeStage::Proxy(proxy) = &mut self.stage {
            match proxy.0.poll_event() {
                Ok(None) => return Ok(None),
                Ok(Some(_)) => self.enter_tunnel()?,
                Err(TlsFailure::Tls(error)) => return Err(ProxyError::Tls(error).into()),
                Err(TlsFailure::Inner(ProxyError::Timeout { .. })) if proxy.0.is_securing() => {
                    let open_timeout = Some(self.open_timeout);
                    return Err(ProxyError::Timeout { step: ProxyStep::Tls, open_timeout }.into());
                }
                Err(TlsFailure::Inner(error)) => return Err(error.within(self.open_timeout).into()),
            }
        }
        let UpgradeStage::Handshake(machine) = &mut self.stage else { return Ok(None) };
        match machine.poll_event() {
            Ok(None) => Ok(None),
            Ok(Some(response)) => Ok(self.open(response)),
            Err(TlsFailure::Tls(error)) => Err(error.into()),
            Err(TlsFailure::Inner(HandshakeError::Timeout)) => {
                let (phase, open_timeout) = (machine.phase(), self.open_timeout);
                Err(ConnectError::Timeout { phase, open_timeout, peer: self.server })
            }
            Err(TlsFailure::Inner(error)) => Err(error.into()),
        }
    }

    /// Nothing is to be done any more but to write what waits.
    fn fail(&mut self) {
        let outbound = mem::take(self.outbound());
        self.stage = UpgradeStage::Over(BytesMut::new(), outbound);
    }

    fn leave(&mut self) -> UpgradeStage {
        mem::replace(&mut self.stage, UpgradeStage::Over(BytesMut::new(), Outbound::default()))
    }
}

impl Machine for ClientUpgrade {
    type Event = Opened;
    type Error = ConnectError;

    fn inbound(&mut self) -> &mut BytesMut {
        match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.inbound(),
            UpgradeStage::Handshake(machine) => machine.inbound(),
            UpgradeStage::Over(inbound, _) => inbound,
        }
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.trace.within(|| match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.handle_read(n, now),
            UpgradeStage::Handshake(machine) => machine.handle_read(n, now),
            UpgradeStage::Over(inbound, _) => *inbound = BytesMut::new(),
        });
    }

    fn outbound(&mut self) -> &mut Outbound {
        match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.outbound(),
            UpgradeStage::Handshake(machine) => machine.outbound(),
            UpgradeStage::Over(_, outbound) => outbound,
        }
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.handle_write(n, now),
            UpgradeStage::Handshake(machine) => machine.handle_write(n, now),
            UpgradeStage::Over(_, outbound) => outbound.acknowledge(n),
        }
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.now = now;
        match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.handle_error(error, now),
            UpgradeStage::Handshake(machine) => machine.handle_error(error, now),
            UpgradeStage::Over(_, outbound) if error.direction() == Direction::Write => outbound.clear(),
            UpgradeStage::Over(..) => {}
        }
    }

    fn poll_event(&mut self) -> Result<Option<Opened>, ConnectError> {
        let mut result = self.poll_stage().map_err(|error| match &self.proxy {
            Some(proxy) => error.through(proxy),
            None => error.with_peer(self.server),
        });
        match &mut result {
            Ok(None) => self.trace_phase(),
            Ok(Some(opened)) => self.trace.opened(opened.connection.inner_mut()),
            Err(error) => {
                self.trace.not_opened(error.rejection(), error.traced());
                self.fail();
            }
        }
        result
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.poll_timeout(),
            UpgradeStage::Handshake(machine) => machine.poll_timeout(),
            UpgradeStage::Over(..) => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        match &mut self.stage {
            UpgradeStage::Proxy(proxy) => proxy.0.handle_timeout(now),
            UpgradeStage::Handshake(machine) => machine.handle_timeout(now),
            UpgradeStage::Over(..) => {}
        }
    }
}

impl fmt::Debug for ClientUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stage {
            UpgradeStage::Proxy(proxy) => f.debug_tuple("ClientUpgrade").field(&proxy.0).finish(),
            UpgradeStage::Handshake(machine) => f.debug_tuple("ClientUpgrade").field(machine).finish(),
            UpgradeStage::Over(..) => f.write_str("ClientUpgrade"),
        }
    }
}
