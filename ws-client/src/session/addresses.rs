//! The addresses that failed after they had taken TCP.

use std::net::SocketAddr;

/// Greatest number of addresses that are remembered. The oldest is forgotten first.
const MAX: usize = 16;

/// The addresses that took TCP and then failed: the one that failed longest ago comes first. They are dialed last.
#[derive(Default)]
pub(super) struct FailedAddresses(Vec<SocketAddr>);

impl FailedAddresses {
    /// Such a transport has failed before its connection was open, or before the connection was stable.
    pub(super) fn failed(&mut self, addresses: &[SocketAddr]) {
        self.works(addresses);
        self.0.extend_from_slice(addresses);
        let surplus = self.0.len().saturating_sub(MAX);
        self.0.drain(..surplus);
    }

    /// A connection is open over these addresses. Others get a new chance; these had better prove stable first.
    pub(super) fn opened(&mut self, addresses: &[SocketAddr]) {
        self.0.retain(|address| addresses.contains(address));
    }

    /// A connection over these addresses was stable.
    pub(super) fn works(&mut self, addresses: &[SocketAddr]) {
        self.0.retain(|address| !addresses.contains(address));
    }

    pub(super) fn oldest_first(&self) -> &[SocketAddr] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> SocketAddr {
        ([192, 0, 2, n], 80).into()
    }

    #[test]
    fn an_address_is_remembered_until_another_has_opened_or_it_was_stable() {
        let mut failed = FailedAddresses::default();
        for n in [1, 2, 1, 3] {
            failed.failed(&[address(n)]);
        }
        assert_eq!(failed.oldest_first(), [address(2), address(1), address(3)]);
        failed.works(&[address(1)]);
        assert_eq!(failed.oldest_first(), [address(2), address(3)]);
        failed.opened(&[address(2)]);
        assert_eq!(failed.oldest_first(), [address(2)]);
        failed.opened(&[address(9)]);
        assert_eq!(failed.oldest_first(), []);
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut failed = FailedAddresses::default();
        (0..=u8::MAX).for_each(|n| failed.failed(&[address(n)]));
        assert_eq!(failed.oldest_first().len(), MAX);
        assert_eq!(failed.oldest_first()[MAX - 1], address(u8::MAX));
    }
}
