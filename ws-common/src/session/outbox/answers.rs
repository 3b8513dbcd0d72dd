//! The pongs of a peer that may not repeat the payload of a ping.

/// Smallest number of pings on one connection that must all be answered by strange pongs, so that this is no coincidence.
const CERTAIN: u64 = 2;

/// The answers of the peer to pings, where a strange pong is one that repeats none of our pings.
///
/// RFC 6455 §5.5.3: a peer may send pongs unasked, as a heartbeat of its own. So strange pongs tell that the peer breaks the rule only
/// if each ping that left has one, and there are no others.
#[derive(Default)]
pub(super) struct Answers {
    /// A pong has repeated a nonce of ours, on any connection.
    has_repeated: bool,
    /// On the connection before this one, all pings were answered by strange pongs, and a proof was missing.
    is_suspect: bool,
    now: Count,
}

/// The pings and pongs of one connection.
#[derive(Default)]
struct Count {
    /// Number of pings that have left.
    pings: u64,
    strange: u64,
    /// A strange pong came that no ping can have asked for.
    has_unasked: bool,
    /// The verdict, once a proof was missing.
    is_suspect: bool,
}

impl Answers {
    /// So many pings have left on this connection.
    pub(super) fn pings_left(&mut self, pings: u64) {
        self.now.pings = pings;
    }

    pub(super) fn repeated(&mut self) {
        self.has_repeated = true;
    }

    pub(super) fn strange(&mut self) {
        self.now.strange += 1;
        self.now.has_unasked |= self.now.strange > self.now.pings;
    }

    /// A proof is missing. Says whether none will ever come: the peer answers pings with strange pongs only, at least two pings on one
    /// connection, or any number on two connections in a row.
    pub(super) fn proof_is_missing(&mut self) -> bool {
        let Count { pings, strange, has_unasked, .. } = self.now;
        self.now.is_suspect = !self.has_repeated && pings > 0 && pings == strange && !has_unasked;
        self.now.is_suspect && (pings >= CERTAIN || self.is_suspect)
    }

    /// The connection has ended.
    pub(super) fn lost(&mut self) {
        let now = std::mem::take(&mut self.now);
        // A connection without a ping tells nothing.
        if now.pings > 0 {
            self.is_suspect = now.is_suspect;
        }
    }
}
