//! TLS (RFC 8446, RFC 5246) as a machine around a machine, so that no driver knows about it.
//!
//! A build without TLS has the same types without a value (`disabled`), so that nothing else of the crate depends on features.

mod failure;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
mod disabled;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod enabled;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub(crate) use disabled::{IS_SUPPORTED, default_connector};
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub use disabled::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError};
#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "aws-lc-rs")))]
pub use enabled::decrypt_key;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) use enabled::{IS_SUPPORTED, default_connector};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use enabled::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsOptions};
pub use failure::TlsFailure;
pub(crate) use failure::{is_reset, write_tls};

/// Makes the error that a machine within TLS is told when TLS fails.
pub(crate) type Reason = fn(TlsError) -> Box<dyn std::error::Error + Send + Sync>;
