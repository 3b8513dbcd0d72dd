//! The permission to accept any certificate. A build without the feature `dangerous-tls` has the type without a value.

#[cfg(not(feature = "dangerous-tls"))]
mod disabled;
#[cfg(feature = "dangerous-tls")]
mod enabled;

#[cfg(not(feature = "dangerous-tls"))]
pub(super) use disabled::AnyCertificate;
#[cfg(feature = "dangerous-tls")]
pub(super) use enabled::AnyCertificate;
