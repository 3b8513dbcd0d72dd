//! Private keys under a passphrase.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem;

use super::error::TlsConfigError;
use super::pem::{ENCRYPTED_KEY, key};

/// Decrypts a private key in PEM (PKCS #8, `ENCRYPTED PRIVATE KEY`), as [`TlsAcceptor::new`](super::TlsAcceptor::new) and
/// [`TlsOptions::client_certificate`](super::TlsOptions::client_certificate) take it. A key that is not encrypted stays as it is.
///
/// It knows PBES2 (RFC 8018 §6.2) with PBKDF2 (HMAC with SHA-2) or scrypt, and AES. `openssl pkcs8 -topk8` and `openssl req -newkey` make
/// such keys. The file determines how long it takes, often a tenth of a second and more, so an asynchronous program decrypts a key
/// before it serves, or on a thread for blocking work.
///
/// It needs the feature `encrypted-keys`, which is off by default.
///
/// ```no_run
/// use ws_common::tls::{TlsAcceptor, decrypt_key};
///
/// let key = decrypt_key(&std::fs::read("server.key")?, b"open sesame")?;
/// let acceptor = TlsAcceptor::new(&std::fs::read("server.pem")?, &key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The text holds no private key, or the passphrase is wrong, or the encryption is not supported.
pub fn decrypt_key(pem: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, TlsConfigError> {
    let Some(encrypted) = encrypted(pem)? else {
        return match key(pem) {
            // The way of OpenSSL before PKCS #8 hashes the passphrase only once, with MD5.
            Err(TlsConfigError::EncryptedKey) => Err(TlsConfigError::KeyEncryption),
            Err(error) => Err(error),
            Ok(_) => Ok(pem.to_vec()),
        };
    };
    let info =
        EncryptedPrivateKeyInfoRef::try_from(&encrypted[..]).map_err(|_| TlsConfigError::KeyEncryption)?;
    let decrypted = info.decrypt(passphrase).map_err(|error| match error {
        // A wrong passphrase shows in the padding, or in the text before it.
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
            TlsConfigError::Passphrase
        }
        _ => TlsConfigError::KeyEncryption,
    })?;
    let text = STANDARD.encode(decrypted.as_bytes());
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes())
}

/// The encrypted key in a PEM text, if there is one.
fn encrypted(text: &[u8]) -> Result<Option<Vec<u8>>, TlsConfigError> {
    const LABEL: &[u8] = b"ENCRYPTED PRIVATE KEY";
    let after = |text: &[u8], part: &[u8]| {
        text.windows(part.len()).position(|window| window == part).map(|at| (at, at + part.len()))
    };
    let Some((_, start)) = after(text, ENCRYPTED_KEY.as_bytes()) else { return Ok(None) };
    let body = &text[start..];
    let missing = || TlsConfigError::Pem(pem::Error::MissingSectionEnd { end_marker: LABEL.to_vec() });
    let (end, _) = after(body, b"-----END ENCRYPTED PRIVATE KEY-----").ok_or_else(missing)?;
    let body: Vec<u8> = body[..end].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let malformed = |_| TlsConfigError::Pem(pem::Error::Base64Decode("the body of a private key".to_owned()));
    STANDARD.decode(body).map(Some).map_err(malformed)
}
