//! What is told of frames to who traces: all but their payloads.

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

use crate::frame::{Header, Role};

/// A frame is queued.
#[inline(always)]
pub(crate) fn sending(header: &Header) {
    if is_wanted() {
        let role = if header.mask().is_some() { Role::Client } else { Role::Server };
        frame("sending", role, header);
    }
}

/// A frame has come, or its header has, if the payload is looked at as it comes.
#[inline(always)]
pub(crate) fn received(header: &Header) {
    if is_wanted() {
        let role = if header.mask().is_some() { Role::Server } else { Role::Client };
        frame("received", role, header);
    }
}

/// All that frames cost while nobody traces them.
#[inline(always)]
fn is_wanted() -> bool {
    LevelFilter::TRACE <= STATIC_MAX_LEVEL && LevelFilter::TRACE <= LevelFilter::current()
}

#[cold]
#[inline(never)]
fn frame(what: &str, role: Role, header: &Header) {
    tracing::trace!(
        target: "ws_core",
        ?role,
        opcode = ?header.opcode(),
        fin = header.fin(),
        rsv1 = header.rsv1(),
        payload_len = header.payload_len(),
        "{what} frame"
    );
}
