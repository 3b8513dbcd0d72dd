//! From options to a connected transport.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ws_core::Instant;

use crate::error::{ConnectError, ConnectTimeout, OpenPhase};
use crate::happy_eyeballs::{AttemptId, HappyEyeballs, HappyEyeballsStep};
use crate::options::{CheckedOptions, PublicStep};
use crate::proxy::{Proxy, ProxyError, ProxyStep};
pub use crate::route::{Route, SuppliedTransport};
use crate::target::{Host, TargetError, is_private, is_unspecified};
use crate::trace::ConnectSpans;

/// Finds a way to a server, or to the proxy before it, within the time to open: a machine without sockets, resolver and
/// clock. It says which names to resolve and which addresses to connect to, in the order and at the pace of [`HappyEyeballs`].
///
/// A driver asks [`poll`](Self::poll) until it is told to wait, waits for a result or for the deadline, hands in the result by
/// [`handle_addresses`](Self::handle_addresses) or [`handle_result`](Self::handle_result), and asks again. An attempt yields a `T`,
/// such as a socket.
#[derive(Debug)]
pub struct Connector<T> {
    deadline: Instant,
    /// For errors.
    open_timeout: Duration,
    route: Route,
    /// The addresses to connect to after all others.
    last: Vec<SocketAddr>,
    /// A redirect came from a public address: private addresses of the target are passed over.
    public_step: Option<Arc<PublicStep>>,
    stage: ConnectStage<T>,
    trace: ConnectSpans,
}

/// The next step of a [`Connector`].
#[derive(Debug)]
pub enum ConnectorStep<T> {
    /// Resolve this name, and hand in the addresses, with the port, or why there are none.
    Resolve {
        /// The name.
        host: String,
        /// The port that the addresses are to have.
        port: u16,
    },
    /// Begin to connect to this address.
    Connect {
        /// The name under which the result is to be handed in.
        attempt: AttemptId,
        /// Where to connect to.
        address: SocketAddr,
        /// Whether there is no other, so that it need not be raced against anything.
        is_only: bool,
    },
    /// Wait for a result, and no longer than until this instant.
    Wait(Instant),
    /// There is a transport, or there is none. Attempts and questions that are still under way are to be called off.
    Done(Result<ConnectedTransport<T>, ConnectError>),
}

/// A transport that is connected.
#[derive(Debug)]
pub struct ConnectedTransport<T> {
    /// The result of the attempt.
    pub transport: T,
    /// The address of the attempt. A socket that was reset meanwhile does not know it any more.
    pub peer: SocketAddr,
    /// Where the transport leads.
    pub route: Route,
}

#[derive(Debug)]
enum ConnectStage<T> {
    /// The options are no good.
    Failed(ConnectError),
    Resolving(Whose, NameQuery),
    Racing(HappyEyeballs<T, io::Error>),
    Over,
}

/// Whose name is resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whose {
    /// The target's, for a proxy that takes only addresses.
    Targets,
    /// The name of the host that the transport leads to, a proxy or the target.
    Peers,
}

/// The question for the addresses of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NameQuery {
    Unsent,
    Sent,
}

impl<T> Connector<T> {
    /// A way to the target of these options, which must be found within their time to open, from `now` on.
    pub fn new(options: &CheckedOptions, now: Instant) -> Self {
        let mut connector = Self {
            deadline: now + options.open_timeout(),
            open_timeout: options.whole_open_timeout(),
            route: Route::direct(options.target()),
            last: options.last_addresses().to_vec(),
            public_step: options.public_step().cloned(),
            stage: ConnectStage::Over,
            trace: ConnectSpans::new(),
        };
        connector.stage = match options.chosen_proxy() {
            Err(error) => ConnectStage::Failed(error),
            Ok(None) => match options.addresses() {
                [] => connector.race_peer(),
                addresses => match addresses.iter().find(|address| is_unspecified(address.ip())) {
                    Some(address) => {
                        ConnectStage::Failed(ConnectError::Url(TargetError::Unspecified(address.ip())))
                    }
                    None => connector.race(addresses.iter().copied()),
                },
            },
            Ok(Some(proxy)) => {
                let resolves_names = proxy.resolves_names();
                connector.route.proxy = Some(proxy);
                // An address that was set stands in for the name towards the proxy, too.
                match (options.addresses().first(), &connector.route.host) {
                    (Some(address), _) => {
                        connector.ask_for(*address);
                        connector.race_peer()
                    }
                    (None, Host::Name(_)) if !resolves_names => {
                        ConnectStage::Resolving(Whose::Targets, NameQuery::Unsent)
                    }
                    _ => connector.race_peer(),
                }
            }
        };
        connector
    }

    /// By when a connection must be open.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn race(&self, addresses: impl IntoIterator<Item = SocketAddr>) -> ConnectStage<T> {
        ConnectStage::Racing(HappyEyeballs::new(addresses).try_last(&self.last))
    }

    fn ask_for(&mut self, address: SocketAddr) {
        (self.route.host, self.route.port) = (Host::Address(address.ip()), address.port());
    }

    fn race_peer(&self) -> ConnectStage<T> {
        match self.route.peer() {
            (Host::Address(address), port) => self.race([SocketAddr::new(*address, port)]),
            (Host::Name(_), _) => ConnectStage::Resolving(Whose::Peers, NameQuery::Unsent),
        }
    }

    /// The next step. [`ConnectorStep::Done`] is told once.
    pub fn poll(&mut self, now: Instant) -> ConnectorStep<T> {
        match std::mem::replace(&mut self.stage, ConnectStage::Over) {
            ConnectStage::Failed(error) => ConnectorStep::Done(Err(error)),
            ConnectStage::Over => ConnectorStep::Wait(self.deadline),
            ConnectStage::Resolving(whose, _) if now >= self.deadline => {
                ConnectorStep::Done(Err(match self.proxy(whose) {
                    Some(proxy) => {
                        let open_timeout = Some(self.open_timeout);
                        ProxyError::Timeout { step: ProxyStep::Resolve, open_timeout }.of(proxy)
                    }
                    None => {
                        let (phase, open_timeout) = (OpenPhase::Resolve, self.open_timeout);
                        ConnectError::Timeout { phase, open_timeout, peer: None }
                    }
                }))
            }
            ConnectStage::Resolving(whose, asked) => {
                self.stage = ConnectStage::Resolving(whose, NameQuery::Sent);
                match asked {
                    NameQuery::Unsent => {
                        let (host, port) = self.name(whose);
                        let host = String::from(host);
                        self.trace.resolving(&host);
                        ConnectorStep::Resolve { host, port }
                    }
                    NameQuery::Sent => ConnectorStep::Wait(self.deadline),
                }
            }
            ConnectStage::Racing(race) => self.poll_race(race, now),
        }
    }

    fn poll_race(&mut self, mut race: HappyEyeballs<T, io::Error>, now: Instant) -> ConnectorStep<T> {
        let step = match race.poll(now) {
            HappyEyeballsStep::Won { transport, address, .. } => {
                let mut route = self.route.clone();
                route.server = Some(address).filter(|_| route.proxy.is_none());
                return ConnectorStep::Done(Ok(ConnectedTransport { transport, peer: address, route }));
            }
            HappyEyeballsStep::Failed(failures) => {
                return ConnectorStep::Done(Err(match self.proxy(Whose::Peers) {
                    Some(proxy) => ProxyError::Connect(failures).of(proxy),
                    None => ConnectError::Connect(failures),
                }));
            }
            _ if now >= self.deadline => {
                let pending = race.running().map(|(_, address)| address).collect();
                let timeout = ConnectTimeout {
                    open_timeout: self.open_timeout,
                    pending,
                    failures: race.into_failures(),
                };
                return ConnectorStep::Done(Err(match self.proxy(Whose::Peers) {
                    Some(proxy) => ProxyError::ConnectTimeout(timeout).of(proxy),
                    None => ConnectError::ConnectTimeout(timeout),
                }));
            }
            HappyEyeballsStep::Start { attempt, address } => {
                self.trace.attempting(attempt, address);
                ConnectorStep::Connect { attempt, address, is_only: race.is_only() }
            }
            HappyEyeballsStep::Wait(due) => {
                ConnectorStep::Wait(due.map_or(self.deadline, |due| due.min(self.deadline)))
            }
        };
        self.stage = ConnectStage::Racing(race);
        step
    }

    /// The result of [`ConnectorStep::Resolve`].
    pub fn handle_addresses(&mut self, result: io::Result<Vec<SocketAddr>>) {
        let &ConnectStage::Resolving(whose, NameQuery::Sent) = &self.stage else { return };
        self.trace.resolved(&result);
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let is_target = self.proxy(whose).is_none();
        let result = match (&self.public_step, result) {
            (Some(step), Ok(addresses)) if is_target => match public(addresses) {
                Ok(addresses) => Ok(addresses),
                Err(address) => {
                    self.stage = ConnectStage::Failed(step.refused(address));
                    return;
                }
            },
            (_, result) => result,
        };
        let addresses = result.and_then(|addresses| {
            let first = addresses.iter().min_by_key(|address| self.failed_at(address)).copied();
            first.map(|first| (first, addresses)).ok_or_else(none)
        });
        self.stage = match (addresses, whose) {
            (Err(source), _) => ConnectStage::Failed(match self.proxy(whose) {
                Some(proxy) => ProxyError::Resolve(source).of(proxy),
                None => ConnectError::Resolve { host: self.name(whose).0.into(), source },
            }),
            (Ok((_, addresses)), Whose::Peers) => self.race(addresses),
            (Ok((first, _)), Whose::Targets) => {
                // A proxy is asked once. The resolver's first address is the one that it holds to be the best, unless it has failed.
                self.ask_for(first);
                self.race_peer()
            }
        };
    }

    /// The result of [`ConnectorStep::Connect`].
    pub fn handle_result(&mut self, attempt: AttemptId, result: io::Result<T>) {
        if let ConnectStage::Racing(race) = &mut self.stage {
            self.trace.attempted(attempt, &result);
            race.handle_result(attempt, result);
        }
    }

    /// The place of an address among those that have failed, from 1; 0 for an address that has not.
    fn failed_at(&self, address: &SocketAddr) -> usize {
        self.last.iter().position(|failed| failed == address).map_or(0, |at| at + 1)
    }

    /// Whether it is the proxy's, and which that is.
    fn proxy(&self, whose: Whose) -> Option<&Proxy> {
        self.route.proxy.as_ref().filter(|_| whose == Whose::Peers)
    }

    fn name(&self, whose: Whose) -> (&str, u16) {
        let (host, port) = match whose {
            Whose::Targets => (&self.route.host, self.route.port),
            Whose::Peers => self.route.peer(),
        };
        match host {
            Host::Name(name) => (name, port),
            Host::Address(_) => unreachable!("only names are resolved"),
        }
    }
}

/// The public ones of a name's addresses, to which a redirect from a public address may lead. An error if it has private ones only: the
/// first of them.
fn public(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, IpAddr> {
    let (private, public): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| is_private(address.ip()));
    match private.first() {
        Some(first) if public.is_empty() => Err(first.ip()),
        _ => Ok(public),
    }
}
