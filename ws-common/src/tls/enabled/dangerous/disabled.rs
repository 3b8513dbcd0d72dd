//! A build without the feature: the permission has no value.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

/// The permission of an application to accept any certificate, which it cannot give.
#[derive(Clone, Copy)]
pub(in crate::tls::enabled) enum AnyCertificate {}

impl AnyCertificate {
    /// A verifier that accepts every certificate.
    pub(in crate::tls::enabled) fn verifier(self, _: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
        match self {}
    }
}
