//! Certificates and keys in the forms in which they lie about.

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::error::TlsConfigError;

/// The certificates in a PEM text, or the one that a DER encoding is. At least one.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    if is_der(bytes) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    let certificates =
        CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    if certificates.is_empty() { Err(TlsConfigError::NoCertificate) } else { Ok(certificates) }
}

/// The certificate revocation lists in a PEM text, or the one that a DER encoding is. At least one.
pub(super) fn crls(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsConfigError> {
    if is_der(bytes) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let crls = CertificateRevocationListDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(TlsConfigError::Pem)?;
    if crls.is_empty() { Err(TlsConfigError::NoCrl) } else { Ok(crls) }
}

/// The first private key in a PEM text: PKCS #8, PKCS #1 or SEC 1.
pub(super) fn key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        Error::NoItemsFound => TlsConfigError::NoKey,
        error => invalid(error),
    })
}

/// The fault without the line that has it, in which there may be a key.
fn invalid(error: Error) -> TlsConfigError {
    TlsConfigError::Pem(match error {
        Error::IllegalSectionStart { .. } => Error::IllegalSectionStart { line: Vec::new() },
        Error::MissingSectionEnd { .. } => Error::MissingSectionEnd { end_marker: Vec::new() },
        error => error,
    })
}

/// X.690 §8.9: a certificate and a revocation list is a SEQUENCE, whose length takes more than one byte.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}
