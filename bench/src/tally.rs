//! What came out of a contender.

use std::hint::black_box;

use bytes::Bytes;

use crate::scenario::{Case, Kind};

/// Counts received messages up to the number that was sent.
pub struct Tally {
    kind: Kind,
    wanted: usize,
    messages: usize,
    bytes: usize,
    expected: Option<Bytes>,
}

impl Tally {
    pub fn new(case: &Case) -> Self {
        Tally { kind: case.kind(), wanted: case.count, messages: 0, bytes: 0, expected: None }
    }

    /// Compares every payload too, which a measured run does not.
    pub fn verifying(mut self, expected: Bytes) -> Self {
        self.expected = Some(expected);
        self
    }

    #[inline]
    pub fn take(&mut self, kind: Kind, payload: &[u8]) {
        assert!(kind == self.kind, "received a {kind:?} message, expected {:?}", self.kind);
        if let Some(expected) = &self.expected {
            assert!(payload == expected, "message {} differs from what was sent", self.messages);
        }
        self.messages += 1;
        self.bytes += black_box(payload).len();
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.messages >= self.wanted
    }

    pub fn messages(&self) -> usize {
        self.messages
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
