//! The gate out: every frame that is queued passes [`Send::admit_frame`], and the payload of every data message passes
//! [`Queued::payload`]. They are counted here and nowhere else: the counts are private to this file.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::frame::{Header, Opcode, Role};
use crate::mask::{self, MaskKey};
use crate::outbound::Outbound;
use crate::stats::{FrameCounts, Traffic};

use super::{LARGE, Lead, Send};

/// The payload of a frame, not masked, and the way in which it is queued.
pub(super) enum Payload<'a> {
    /// Copied: behind the queued bytes, or from `LARGE` on into a buffer of its own.
    Borrowed(&'a [u8]),
    /// A buffer of its own, which is masked in place.
    Owned(Vec<u8>),
    /// A buffer that others share. Invariant: only on a server, which does not mask.
    Shared(Bytes),
}

impl Payload<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Borrowed(payload) => payload.len(),
            Self::Owned(payload) => payload.len(),
            Self::Shared(payload) => payload.len(),
        }
    }

    /// A masked buffer of its own.
    fn into_masked(self, key: Option<MaskKey>) -> Bytes {
        match (self, key) {
            (Self::Borrowed(payload), Some(key)) => {
                let mut masked = Vec::with_capacity(payload.len());
                mask::append(&mut masked, payload, key);
                masked.into()
            }
            (Self::Borrowed(payload), None) => Bytes::copy_from_slice(payload),
            (Self::Owned(mut payload), key) => {
                if let Some(key) = key {
                    mask::apply(&mut payload, key, 0);
                }
                // A queued buffer counts by its length.
                if payload.capacity() > 2 * payload.len() {
                    payload.shrink_to_fit();
                }
                payload.into()
            }
            (Self::Shared(payload), _) => payload,
        }
    }
}

/// The counts of the frames and payloads that were queued.
#[derive(Default)]
pub(super) struct Queued(FrameCounts);

impl Queued {
    /// Lets out bytes of a data message, not compressed.
    #[inline(always)]
    pub(super) fn payload(&mut self, n: usize) {
        self.0.add_payload(n);
    }
}

impl Send {
    /// The frames and the bytes so far, without those of the opening handshake.
    pub(crate) fn traffic(&self, outbound: &Outbound) -> Traffic {
        self.queued.0.traffic(outbound.written().saturating_sub(self.handshake_end))
    }

    /// Lets a frame out: checks its limits, traces it, and counts it. Its header is the permission to queue it.
    ///
    /// The limits of a frame are 125 bytes of payload for a control frame and 2^63 - 1 for others: `None` beyond them. The room for a
    /// message and the number of pongs are limits of units, and are checked where a unit begins.
    #[inline(always)]
    fn admit_frame(&mut self, lead: Lead, fin: bool, key: Option<MaskKey>, len: usize) -> Option<Header> {
        let header = match Header::data(lead.opcode, fin, key, len as u64) {
            Some(header) => header.with_rsv1(lead.compressed),
            None => Header::control(lead.opcode, key, len)?,
        };
        self.scope.sending(&header);
        self.queued.0.add_frame(&header);
        Some(header)
    }

    /// Queues a message in one frame that is appended, and returns its length in bytes. Each role has its own copy of the gate, in
    /// which most of the header is constant.
    #[inline(always)]
    pub(super) fn append_short(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) -> usize {
        let lead = Lead { opcode, compressed: false };
        match self.role {
            Role::Client => {
                let key = Some(self.random.mask_key());
                let Some(header) = self.admit_frame(lead, true, key, payload.len()) else { return 0 };
                append_inline(outbound, header, payload)
            }
            Role::Server => {
                let Some(header) = self.admit_frame(lead, true, None, payload.len()) else { return 0 };
                append_inline(outbound, header, payload)
            }
        }
    }

    /// Queues a frame with a fresh masking key where one is needed, and returns its length in bytes.
    pub(super) fn queue_frame(
        &mut self,
        outbound: &mut Outbound,
        lead: Lead,
        fin: bool,
        payload: Payload<'_>,
    ) -> usize {
        let key = (self.role == Role::Client).then(|| self.random.mask_key());
        let Some(header) = self.admit_frame(lead, fin, key, payload.len()) else { return 0 };
        match payload {
            Payload::Borrowed(payload) if payload.len() < LARGE => append(outbound, header, payload),
            payload => push(outbound, header, payload.into_masked(key)),
        }
    }

    /// Queues a payload as one frame, or as several if it is longer than `max_frame_size`. The last one has the FIN bit, if `fin`.
    pub(super) fn queue_fragments(
        &mut self,
        outbound: &mut Outbound,
        mut lead: Lead,
        fin: bool,
        mut payload: &[u8],
    ) -> usize {
        let mut len = 0;
        while payload.len() > self.max_frame_size {
            let (fragment, rest) = payload.split_at(self.max_frame_size);
            len += self.queue_frame(outbound, lead, false, Payload::Borrowed(fragment));
            (lead, payload) = (lead.next(), rest);
        }
        len + self.queue_frame(outbound, lead, fin, Payload::Borrowed(payload))
    }

    /// Queues a control frame, and returns its length in bytes. Invariant of all callers: the payload has at most 125 bytes.
    pub(super) fn queue_control(&mut self, outbound: &mut Outbound, opcode: Opcode, payload: &[u8]) -> usize {
        self.queue_frame(outbound, Lead { opcode, compressed: false }, true, Payload::Borrowed(payload))
    }
}

fn append(outbound: &mut Outbound, header: Header, payload: &[u8]) -> usize {
    append_inline(outbound, header, payload)
}

/// Copies a frame behind the queued bytes, and returns its length.
#[inline(always)]
fn append_inline(outbound: &mut Outbound, header: Header, payload: &[u8]) -> usize {
    let room = Header::MAX_LEN + payload.len();
    let tail = outbound.tail(room);
    let before = tail.len();
    tail.reserve(room);
    header.append_to(tail);
    match header.mask() {
        Some(key) => mask::append(tail, payload, key),
        None => tail.extend_from_slice(payload),
    }
    let n = tail.len() - before;
    outbound.appended(n);
    n
}

/// Queues a frame whose payload is a buffer of its own, and returns its length.
fn push(outbound: &mut Outbound, header: Header, masked: Bytes) -> usize {
    let (bytes, n) = header.encode();
    let len = n + masked.len();
    outbound.push_copied(&bytes[..n]);
    outbound.push(masked);
    len
}
