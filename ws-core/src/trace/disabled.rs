//! A build in which nobody traces: there is nothing to tell, and nothing of it is left.

use crate::frame::Header;

#[inline(always)]
pub(crate) fn sending(_header: &Header) {}

#[inline(always)]
pub(crate) fn received(_header: &Header) {}
