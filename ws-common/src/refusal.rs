//! Refusals of clients whose requests were not read.

use ws_core::Reject;
use ws_core::bytes::Bytes;

/// A refusal as bytes. `status` is one of 300 to 599.
pub(crate) fn refusal(status: u16, text: impl Into<Bytes>) -> Bytes {
    Reject::new(status).map_or_else(|_| Bytes::new(), |reject| reject.body(text).to_bytes())
}

/// The refusal of a client over its limit.
pub(crate) fn too_many() -> Bytes {
    refusal(503, "this client has as many connections as it may have\n")
}
