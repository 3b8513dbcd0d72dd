//! The compression that all adapters share. A build without the feature `deflate` has the same items, which do nothing.

#[cfg(not(feature = "deflate"))]
mod disabled;
#[cfg(feature = "deflate")]
mod enabled;

#[cfg(not(feature = "deflate"))]
pub(crate) use disabled::*;
#[cfg(feature = "deflate")]
pub(crate) use enabled::*;
