//! A build in which nobody traces: there is nothing to tell, and nothing of it is left.

use crate::close::Closed;
use crate::error::Error;
use crate::frame::Header;
use crate::stats::Stats;
use crate::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct TraceScope(());

impl TraceScope {
    #[inline(always)]
    pub(crate) fn sending(&self, _header: &Header) {}

    #[inline(always)]
    pub(crate) fn received(&self, _header: &Header) {}

    #[inline(always)]
    pub(crate) fn closed(&self, _closed: &Closed, _error: &ErrorText, _stats: &Stats, _now: Instant) {}
}

#[derive(Default)]
pub(crate) struct ErrorText(());

impl ErrorText {
    #[inline(always)]
    pub(crate) fn set(&mut self, _error: &Error) {}
}
