//! TLS by rustls.

mod acceptor;
mod connector;
mod dangerous;
mod error;
mod machine;
mod options;
mod pem;
mod receive;
mod records;
mod send;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use acceptor::TlsAcceptor;
pub use connector::TlsConnector;
pub use error::{TlsConfigError, TlsError};
pub use machine::Tls;
pub use options::TlsOptions;

/// RFC 7301, RFC 6455 §1.3: the opening handshake is HTTP/1.1.
const ALPN: &[u8] = b"http/1.1";

/// The provider that the features chose. It is passed on to every configuration, and never made the default of the process,
/// which would be a matter between all crates of an application.
fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}
