//! The servers that a client trusts.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

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
    pub(super) any_certificate: Option<AnyCertificate>,
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
        if self.roots.is_none() && !crls.is_empty() {
            return Err(TlsConfigError::CrlsWithoutRoots);
        }
        Ok(match (&self.roots, self.any_certificate) {
            (Some(_), Some(_)) => return Err(TlsConfigError::RootsAndAnyCertificate),
            (None, Some(any_certificate)) => any_certificate.verifier(&provider()),
            (Some(roots), None) => WebPkiServerVerifier::builder_with_provider(roots.clone(), provider())
                .with_crls(crls)
                .build()
                .map_err(TlsConfigError::Verifier)?,
            (None, None) => {
                let verifier = rustls_platform_verifier::Verifier::new(provider());
                Arc::new(verifier.map_err(TlsConfigError::Platform)?)
            }
        })
    }
}
