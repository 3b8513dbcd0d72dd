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
        CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(without_text)?;
    if certificates.is_empty() { Err(TlsConfigError::NoCertificate) } else { Ok(certificates) }
}

/// The certificate revocation lists in a PEM text, or the one that a DER encoding is. At least one.
pub(super) fn crls(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsConfigError> {
    if is_der(bytes) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let crls = CertificateRevocationListDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(without_text)?;
    if crls.is_empty() { Err(TlsConfigError::NoCrl) } else { Ok(crls) }
}

/// The first private key in a PEM text: PKCS #8, PKCS #1 or SEC 1.
pub(super) fn key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        _ if is_encrypted(bytes) => TlsConfigError::EncryptedKey,
        Error::NoItemsFound => TlsConfigError::NoKey,
        error => without_text(error),
    })
}

/// Marker of a private key under a passphrase (RFC 7468 §11).
pub(super) const ENCRYPTED_KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Whether a private key is encrypted, in PKCS #8 or in the way of OpenSSL before it (RFC 1421 §4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |part: &str| pem.windows(part.len()).any(|window| window == part.as_bytes());
    has(ENCRYPTED_KEY) || has("Proc-Type: 4,ENCRYPTED")
}

/// The error without the text that it was found in. A file whose line breaks were lost is one line, with the private key in it.
fn without_text(error: Error) -> TlsConfigError {
    TlsConfigError::Pem(match error {
        Error::IllegalSectionStart { mut line } => {
            line.truncate(marker_len(&line));
            Error::IllegalSectionStart { line }
        }
        Error::MissingSectionEnd { end_marker: mut label } => {
            if label_len(&label) != label.len() {
                label.clear();
            }
            Error::MissingSectionEnd { end_marker: label }
        }
        error => error,
    })
}

/// Length of the marker at the beginning of a line, or of the part of it that is certain.
fn marker_len(line: &[u8]) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----";
    let rest = line.strip_prefix(BEGIN).unwrap_or_default();
    let label = label_len(rest);
    BEGIN.len() + if rest[label..].starts_with(END) { label + END.len() } else { 0 }
}

/// Length of the label of a marker, such as `PRIVATE KEY`. 0 if it is too long for one.
fn label_len(text: &[u8]) -> usize {
    const MAX: usize = 30;
    let len = text.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b' ').count();
    if len > MAX { 0 } else { len }
}

/// X.690 §8.9: a certificate and a revocation list is a SEQUENCE, whose length takes more than one byte.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}
