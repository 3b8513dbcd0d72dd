//! The servers that a client trusts.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

#[cfg(feature = "dangerous-tls")]
use super::dangerous::AnyCertificate;
use super::error::TlsConfigError;
use super::pins::Pins;
use super::provider;
use super::verifier::Verifier;

/// The settings by which a client verifies a server, apart from revocation lists. These can change.
pub(super) struct Trust {
    /// Root certificates that replace the platform's.
    pub(super) roots: Option<Arc<RootCertStore>>,
    /// Certificates that were given as `ca`.
    pub(super) given: Arc<[CertificateDer<'static>]>,
    pub(super) pins: Pins,
    /// Without the feature `dangerous-tls`, nothing sets it.
    pub(super) accepts_any_certificate: bool,
}

impl Trust {
    /// A verifier with these revocation lists. They need roots of the program's own.
    pub(super) fn verifier(
        &self,
        crls: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        let inner = self.authorities(crls)?;
        if self.pins.is_empty() && self.given.is_empty() {
            return Ok(inner);
        }
        Ok(Arc::new(Verifier { inner, given: self.given.clone(), pins: self.pins.clone() }))
    }

    fn authorities(
        &self,
        crls: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        let Some(roots) = &self.roots else {
            if !crls.is_empty() {
                return Err(TlsConfigError::CrlsWithoutRoots);
            }
            #[cfg(feature = "dangerous-tls")]
            if self.accepts_any_certificate {
                return Ok(Arc::new(AnyCertificate(provider())));
            }
            let verifier = rustls_platform_verifier::Verifier::new(provider());
            return Ok(Arc::new(verifier.map_err(TlsConfigError::Platform)?));
        };
        if self.accepts_any_certificate {
            return Err(TlsConfigError::RootsAndAnyCertificate);
        }
        let builder = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider());
        Ok(builder.with_crls(crls).build().map_err(TlsConfigError::Verifier)?)
    }
}
