//! TLS (RFC 8446, RFC 5246) as a machine around a machine, so that no driver knows about it.
//!
//! A build without TLS has the same types without a value ([`absent`]), so that nothing else of the crate depends on features.

mod failure;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
mod absent;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod present;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub use absent::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError};
pub use failure::TlsFailure;
pub(crate) use failure::of_transport;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use present::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsOptions};

/// Whether this build has TLS.
pub(crate) const IS_SUPPORTED: bool = cfg!(any(feature = "ring", feature = "aws-lc-rs"));

/// In a build without TLS there is none.
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub(crate) fn default_connector() -> Option<Result<TlsConnector, TlsConfigError>> {
    None
}

/// The client's TLS where nothing else was set: that of the platform's roots, which are loaded once. So the sessions of all
/// connections that set nothing are resumed.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) fn default_connector() -> Option<Result<TlsConnector, TlsConfigError>> {
    use std::sync::OnceLock;
    static CONNECTOR: OnceLock<TlsConnector> = OnceLock::new();
    Some(match CONNECTOR.get() {
        Some(connector) => Ok(connector.clone()),
        None => TlsOptions::new().build().map(|connector| CONNECTOR.get_or_init(|| connector).clone()),
    })
}
