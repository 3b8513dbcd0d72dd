//! TLS by rustls.

mod acceptor;
mod connector;
mod dangerous;
#[cfg(feature = "encrypted-keys")]
mod decrypt;
mod error;
mod framing;
mod machine;
mod options;
mod pem;
mod pins;
mod receive;
mod records;
mod send;
mod trust;
mod verifier;

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring::default_provider;

pub use acceptor::TlsAcceptor;
pub use connector::TlsConnector;
#[cfg(feature = "encrypted-keys")]
pub use decrypt::decrypt_key;
pub use error::{TlsConfigError, TlsError};
pub use machine::Tls;
pub use options::TlsOptions;

/// RFC 7301, RFC 6455 §1.3: the opening handshake is HTTP/1.1.
const ALPN: &[u8] = b"http/1.1";

/// Whether this build has TLS.
pub(crate) const IS_SUPPORTED: bool = true;

/// The client's TLS where nothing else was set: that of the platform's roots, which are loaded once. So the sessions of all
/// connections that set nothing are resumed.
pub(crate) fn default_connector() -> Option<Result<TlsConnector, TlsConfigError>> {
    static CONNECTOR: OnceLock<TlsConnector> = OnceLock::new();
    Some(match CONNECTOR.get() {
        Some(connector) => Ok(connector.clone()),
        None => TlsOptions::new().build().map(|connector| CONNECTOR.get_or_init(|| connector).clone()),
    })
}

/// The provider that the features chose. It is passed on to every configuration, and never made the default of the process,
/// which would be a matter between all crates of an application.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}
