//! The addresses that failed after they had taken TCP.

use std::net::SocketAddr;

use crate::connector::Route;
use crate::target::{Host, Target};

/// Greatest number of addresses that are remembered. The oldest is forgotten first.
const MAX: usize = 16;

/// An address that was reached, and the name that led to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    address: SocketAddr,
    host: Host,
    port: u16,
}

impl Candidate {
    /// The addresses that decide whether a transport to `peer` is of use: that of the proxy, or of the target, and an address of the
    /// target that the proxy is asked for.
    pub(super) fn all(route: &Route, target: &Target, peer: SocketAddr) -> Vec<Self> {
        let of = |(host, port): (&Host, u16), address| Self { address, host: host.clone(), port };
        let target = (target.host(), target.port());
        let first = if route.proxy.is_some() { route.peer() } else { target };
        let names = std::iter::once(first).chain(std::iter::repeat(target));
        names.zip(route.addresses(peer)).map(|(name, address)| of(name, address)).collect()
    }

    fn has_name_of(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }
}

/// The addresses that took TCP and then failed: the one that failed longest ago comes first. They are tried last.
#[derive(Default)]
pub(super) struct FailedAddresses(Vec<Candidate>);

impl FailedAddresses {
    /// Such a transport has failed before its connection was open, or before the connection was stable.
    pub(super) fn failed(&mut self, reached: &[Candidate]) {
        self.works(reached);
        self.0.extend_from_slice(reached);
        let surplus = self.0.len().saturating_sub(MAX);
        self.0.drain(..surplus);
    }

    /// A connection is open over these addresses. Others of the same names get a new chance; these had better prove stable first.
    pub(super) fn opened(&mut self, reached: &[Candidate]) {
        self.0.retain(|failed| {
            !reached.iter().any(|other| other.has_name_of(failed))
                || reached.iter().any(|other| other.address == failed.address)
        });
    }

    /// A connection over these addresses was stable.
    pub(super) fn works(&mut self, reached: &[Candidate]) {
        self.0.retain(|failed| reached.iter().all(|other| other.address != failed.address));
    }

    pub(super) fn oldest_first(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|failed| failed.address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ConnectOptions;

    fn address(n: u8) -> SocketAddr {
        ([192, 0, 2, n], 80).into()
    }

    fn of(name: &str, n: u8) -> Candidate {
        Candidate { address: address(n), host: Host::Name(name.into()), port: 80 }
    }

    fn a(n: u8) -> Candidate {
        of("a.test", n)
    }

    #[test]
    fn an_address_is_remembered_until_another_has_opened_or_it_was_stable() {
        let mut failed = FailedAddresses::default();
        for n in [1, 2, 1, 3] {
            failed.failed(&[a(n)]);
        }
        assert_eq!(failed.oldest_first(), [address(2), address(1), address(3)]);
        failed.works(&[a(1)]);
        assert_eq!(failed.oldest_first(), [address(2), address(3)]);
        failed.opened(&[a(2)]);
        assert_eq!(failed.oldest_first(), [address(2)]);
        failed.opened(&[of("b.test", 9)]);
        assert_eq!(failed.oldest_first(), [address(2)], "another host says nothing");
        failed.opened(&[a(9)]);
        assert_eq!(failed.oldest_first(), []);
    }

    #[test]
    fn addresses_of_a_proxy_and_of_a_target_behind_it_are_kept_apart() {
        let options = ConnectOptions::new("ws://a.test/").proxy("http://proxy.test:80");
        let options = options.build().expect("options");
        let mut route = Route::direct(options.target());
        assert_eq!(Candidate::all(&route, options.target(), address(1)), [a(1)]);
        route.proxy = options.chosen_proxy().expect("a proxy");
        assert_eq!(Candidate::all(&route, options.target(), address(1)), [of("proxy.test", 1)]);
        // The proxy takes addresses only.
        route.host = Host::Address(address(2).ip());
        let behind = |proxy, target| Candidate::all(&with(&route, target), options.target(), address(proxy));
        assert_eq!(behind(1, 2), [of("proxy.test", 1), a(2)]);

        let mut failed = FailedAddresses::default();
        failed.failed(&behind(1, 2));
        failed.failed(&[of("b.test", 3)]);
        // A redirect has led past the proxy.
        failed.opened(&[of("c.test", 4)]);
        assert_eq!(failed.oldest_first(), [address(1), address(2), address(3)]);
        failed.opened(&behind(1, 5));
        assert_eq!(failed.oldest_first(), [address(1), address(3)], "the proxy has yet to be stable");
        failed.opened(&behind(6, 5));
        assert_eq!(failed.oldest_first(), [address(3)]);
    }

    fn with(route: &Route, target: u8) -> Route {
        Route { host: Host::Address(address(target).ip()), ..route.clone() }
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut failed = FailedAddresses::default();
        (0..=u8::MAX).for_each(|n| failed.failed(&[a(n)]));
        assert_eq!(failed.oldest_first().len(), MAX);
        assert_eq!(failed.oldest_first()[MAX - 1], address(u8::MAX));
    }
}
