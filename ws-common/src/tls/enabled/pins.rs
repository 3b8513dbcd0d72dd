//! Pins: SHA-256 hashes of the certificates, or of the public keys, that a server may have.

use std::sync::Arc;
use std::{error, fmt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error, OtherError};

use super::error::TlsConfigError;
use super::provider;

type Sha256 = [u8; 32];

/// The pins of a client. Without any, every certificate passes.
#[derive(Clone, Default, Debug)]
pub(super) struct Pins {
    certificates: Vec<Sha256>,
    public_keys: Vec<Sha256>,
}

impl Pins {
    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.public_keys.is_empty()
    }

    /// Adds the hash of a certificate: 64 hexadecimal digits, with colons between the bytes or without.
    pub(super) fn add_certificate(&mut self, pin: &str) -> Result<(), TlsConfigError> {
        const EXPECTED: &str =
            "64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them after the `=`";
        let hash = of_hex(pin).ok_or_else(|| TlsConfigError::pin(pin, EXPECTED))?;
        self.certificates.push(hash);
        Ok(())
    }

    /// Adds the hash of a public key: `sha256//` and 44 characters of base64.
    pub(super) fn add_public_key(&mut self, pin: &str) -> Result<(), TlsConfigError> {
        const EXPECTED: &str =
            "\"sha256//\" and 44 characters of base64, as curl's `--pinnedpubkey` takes them";
        let hash = pin.strip_prefix("sha256//").and_then(|text| STANDARD.decode(text).ok());
        let hash = hash.and_then(|hash| hash.try_into().ok());
        self.public_keys.push(hash.ok_or_else(|| TlsConfigError::pin(pin, EXPECTED))?);
        Ok(())
    }

    /// Compares the server's own certificate with the pins, one of which must match.
    pub(super) fn verify(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let sha256 = sha256(&provider());
        let hash = sha256.hash(certificate);
        let public_key = webpki::EndEntityCert::try_from(certificate)
            .map(|certificate| sha256.hash(&certificate.subject_public_key_info()));
        let has = |pins: &[Sha256], hash: &[u8]| pins.iter().any(|pin| pin == hash);
        if has(&self.certificates, hash.as_ref()) {
            return Ok(());
        }
        if public_key.as_ref().is_ok_and(|hash| has(&self.public_keys, hash.as_ref())) {
            return Ok(());
        }
        let seen = SeenHashes {
            certificate: to_hex(hash.as_ref()),
            public_key: public_key.map_or_else(|_| String::new(), |hash| to_pin(hash.as_ref())),
        };
        Err(CertificateError::Other(OtherError(Arc::new(seen))).into())
    }
}

/// The hashes of a certificate that no pin matches.
#[derive(Clone, Debug)]
pub(super) struct SeenHashes {
    pub(super) certificate: String,
    /// Empty if the certificate cannot be read.
    pub(super) public_key: String,
}

impl fmt::Display for SeenHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no pin matches the certificate")
    }
}

impl error::Error for SeenHashes {}

fn sha256(provider: &CryptoProvider) -> &'static dyn Hash {
    let mut hashes = provider
        .cipher_suites
        .iter()
        .filter_map(|suite| suite.tls13())
        .map(|suite| suite.common.hash_provider);
    // RFC 8446 §9.1: TLS_AES_128_GCM_SHA256 is mandatory, and both providers have it.
    hashes.find(|hash| hash.algorithm() == HashAlgorithm::SHA256).expect("a cipher suite with SHA-256")
}

fn of_hex(text: &str) -> Option<Sha256> {
    let digits: Vec<u8> = if text.contains(':') {
        let bytes: Vec<&str> = text.split(':').collect();
        if bytes.iter().any(|byte| byte.len() != 2) {
            return None;
        }
        bytes.concat().into_bytes()
    } else {
        text.into()
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, []) = digits.as_chunks() else { return None };
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

fn to_hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn to_pin(hash: &[u8]) -> String {
    format!("sha256//{}", STANDARD.encode(hash))
}
