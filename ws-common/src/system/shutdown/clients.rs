//! Members of a listener, counted by their clients.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Guard, Shutdown};

/// Numbers of members by the key of their client. Its size is at most that of the register.
#[derive(Default)]
pub(super) struct Clients {
    counts: BTreeMap<IpAddr, usize>,
    keys: BTreeMap<u64, IpAddr>,
}

impl Clients {
    /// Counts a member, unless `limit` members have this key already. A member that is counted stays so.
    fn add(&mut self, member: u64, key: IpAddr, limit: usize) -> bool {
        if self.keys.contains_key(&member) {
            return true;
        }
        let count = self.counts.entry(key).or_default();
        if *count >= limit {
            return false;
        }
        *count += 1;
        self.keys.insert(member, key);
        true
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.keys.is_empty()
    }

    pub(super) fn remove(&mut self, member: u64) {
        let Some(key) = self.keys.remove(&member) else { return };
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}

/// The limit for one client, to which a member counts once its client is known.
pub struct Admission {
    register: Shutdown,
    member: u64,
}

impl Guard {
    /// The limit for the client of this member.
    pub fn admission(&self) -> Admission {
        Admission { register: self.register.clone(), member: self.key }
    }
}

impl Admission {
    /// Counts the member under the key of its client, until it leaves the register. `false` if the client is at its limit.
    pub fn admit(&self, key: IpAddr) -> bool {
        let mut state = self.register.state();
        let limit = state.limits.max_connections_per_client;
        // A member that has left counts for nothing.
        !state.members.contains_key(&self.member) || state.clients.add(self.member, key, limit)
    }
}

impl Admission {
    /// Maximum number of connections of one client.
    pub(crate) fn limit(&self) -> usize {
        self.register.state().limits.max_connections_per_client
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("member", &self.member).finish_non_exhaustive()
    }
}
