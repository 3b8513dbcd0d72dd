//! The way of one transport: directly to the server, or to a proxy.

use std::net::{IpAddr, SocketAddr};

use crate::proxy::Proxy;
use crate::target::{Host, Target};

/// Where a transport leads: to the server, or to a proxy that is still to be asked for the rest of the way.
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) proxy: Option<Proxy>,
    /// The address of the server, if the transport was connected to it.
    pub(crate) server: Option<SocketAddr>,
    /// The host that the proxy is to be asked for.
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// TLS with the server is spoken below the transport.
    pub(crate) is_secure: bool,
}

/// The facts about a transport that a connector of the user has supplied
/// ([`ClientBuilder::connector`](crate::session::ClientBuilder::connector)).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SuppliedTransport {
    /// The address of the server. `None` if the transport has no such address, or the connector has not told it.
    pub peer: Option<SocketAddr>,
    /// The local address, in the same way.
    pub local: Option<SocketAddr>,
    /// Whether the transport speaks TLS with the server already.
    pub is_secure: bool,
}

impl Route {
    /// Directly to the server.
    pub fn direct(target: &Target) -> Self {
        Self { proxy: None, server: None, host: target.host().clone(), port: target.port(), is_secure: false }
    }

    /// To the server, by a transport of the user's connector.
    pub(crate) fn supplied(target: &Target, facts: &SuppliedTransport) -> Self {
        Self { server: facts.peer, is_secure: facts.is_secure, ..Self::direct(target) }
    }

    /// The address of the server that a transport to `peer` leads to. `None` if only the proxy knows it.
    pub(crate) fn server_address(&self, peer: SocketAddr) -> Option<IpAddr> {
        match (&self.proxy, &self.host) {
            (None, _) => Some(peer.ip()),
            (Some(_), Host::Address(address)) => Some(*address),
            (Some(_), Host::Name(_)) => None,
        }
    }

    /// The addresses that decide whether a transport to `peer` is of use: its own, and the one that a proxy is asked for.
    pub(crate) fn addresses(&self, peer: SocketAddr) -> Vec<SocketAddr> {
        match (&self.proxy, &self.host) {
            (Some(_), Host::Address(address)) => vec![peer, SocketAddr::new(*address, self.port)],
            _ => vec![peer],
        }
    }

    /// The host and the port to connect to.
    pub(crate) fn peer(&self) -> (&Host, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (&self.host, self.port),
        }
    }
}
