//! Traces of a connection: an event for each frame, without its payload, and one for the end.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Span, debug, field};

use crate::close::{ABNORMAL, Closed, Initiator};
use crate::error::Error;
use crate::frame::{Header, Role};
use crate::stats::Stats;
use crate::time::Instant;

/// The span of a connection, and the time of its opening. A clone is the same span. Without one, events belong to the span of the caller.
#[derive(Clone, Default)]
pub(crate) struct TraceScope(Option<Arc<(Span, Instant)>>);

impl TraceScope {
    pub(crate) fn new(span: Span, opened: Instant) -> Self {
        Self(Some(Arc::new((span, opened))))
    }

    /// A frame is queued.
    #[inline(always)]
    pub(crate) fn sending(&self, header: &Header) {
        if is_wanted() {
            let role = if header.mask().is_some() { Role::Client } else { Role::Server };
            self.frame("sending", role, header);
        }
    }

    /// A frame has come, or its header has, if the payload is looked at as it comes.
    #[inline(always)]
    pub(crate) fn received(&self, header: &Header) {
        if is_wanted() {
            let role = if header.mask().is_some() { Role::Server } else { Role::Client };
            self.frame("received", role, header);
        }
    }

    #[cold]
    #[inline(never)]
    fn frame(&self, what: &str, role: Role, header: &Header) {
        self.within(|| {
            tracing::trace!(
                target: "ws_core",
                ?role,
                opcode = ?header.opcode(),
                fin = header.fin(),
                rsv1 = header.rsv1(),
                payload_len = header.payload_len(),
                "{what} frame"
            );
        });
    }

    /// The connection has ended.
    #[cold]
    pub(crate) fn closed(&self, closed: &Closed, error: &ErrorText, stats: &Stats, now: Instant) {
        let Some(scope) = &self.0 else { return };
        let (span, opened) = &**scope;
        let side = match closed.initiator {
            Initiator::Local => "local",
            Initiator::Remote => "remote",
        };
        debug!(
            target: "ws_core",
            parent: span,
            code = closed.code,
            side,
            clean = closed.clean,
            error = error.0.as_ref().map(field::display),
            duration = ?(now - *opened),
            messages_sent = stats.sent.messages,
            messages_received = stats.received.messages,
            bytes_sent = stats.sent.bytes,
            bytes_received = stats.received.bytes,
            "closed"
        );
    }

    /// The connection is dropped before its end was reported.
    #[cold]
    pub(crate) fn dropped(&self, stats: &Stats, now: Instant) {
        let dropped = ErrorText(Some("dropped".to_string()));
        self.closed(&Closed::abrupt(ABNORMAL, Initiator::Local), &dropped, stats, now);
    }

    /// Whether the end of the connection is to be told.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    fn within(&self, tell: impl FnOnce()) {
        match &self.0 {
            Some(scope) => scope.0.in_scope(tell),
            None => tell(),
        }
    }
}

/// All that frames cost while nobody traces them.
#[inline(always)]
fn is_wanted() -> bool {
    LevelFilter::TRACE <= STATIC_MAX_LEVEL && LevelFilter::TRACE <= LevelFilter::current()
}

/// The error of a connection, without words of the peer.
#[derive(Default)]
pub(crate) struct ErrorText(Option<String>);

impl ErrorText {
    #[cold]
    pub(crate) fn set(&mut self, error: &Error) {
        self.0 = Some(match error {
            // The rest is the text of a Close frame.
            Error::Violation(violation) => {
                alloc::format!("the peer sent {} at byte {}", violation.kind, violation.offset)
            }
            error => error.to_string(),
        });
    }
}
