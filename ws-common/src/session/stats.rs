//! Statistics of a client.

use ws_core::Stats;

/// The counts of a client: totals over all its connections, which outlive each of them, and the counts of the present connection.
///
/// The totals count from the beginning of the client. Handshakes, proxies and TLS are a part of the totals of bytes, and not of
/// [`connection`](Self::connection).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ClientStats {
    /// Number of bytes read from transports.
    pub bytes_read: u64,
    /// Number of bytes that transports have taken.
    pub bytes_written: u64,
    /// Number of data messages received.
    pub messages_received: u64,
    /// Number of messages that a transport has taken whole. A message that is sent again on a later connection counts again.
    pub messages_sent: u64,
    /// Number of attempts to connect. An attempt includes the redirects that it follows.
    pub attempts: u64,
    /// Number of messages that wait in the outbox: for a connection, for the transport, or for a proof.
    pub outbox_messages: u64,
    /// Their size in bytes, as on the wire without compression.
    pub outbox_bytes: u64,
    /// Number of messages that were not sent before their time to live was over.
    pub messages_expired: u64,
    /// Number of messages that were dropped with a connection ([`OutboxPolicy::Drop`](super::OutboxPolicy::Drop)).
    pub messages_dropped: u64,
    /// Number of connections that were open.
    pub connections: u64,
    /// The counts of the connection that is open or closing; `None` while there is none.
    pub connection: Option<Stats>,
}
