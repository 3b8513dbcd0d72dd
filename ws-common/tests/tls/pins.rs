//! Pins: SHA-256 hashes of certificates and of public keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::hash::HashAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ws_common::{
    rustls,
    tls::{TlsConfigError, TlsError, TlsOptions},
};

use crate::certificates::{is_up, meet};
use crate::own_certificate::own;
use crate::support::{Authority, Identity, failure, provider};

fn sha256(bytes: &[u8]) -> Vec<u8> {
    let provider = provider();
    let mut suites = provider.cipher_suites.iter().filter_map(|suite| suite.tls13());
    let suite = suites.find(|suite| suite.common.hash_provider.algorithm() == HashAlgorithm::SHA256).unwrap();
    suite.common.hash_provider.hash(bytes).as_ref().to_vec()
}

/// The pins of a certificate: of itself, and of its public key.
fn pins(identity: &Identity) -> (String, String) {
    let certificate = CertificateDer::from_pem_slice(identity.chain.as_bytes()).unwrap();
    let key = rcgen::KeyPair::from_pem(&identity.key).unwrap();
    let hex: Vec<String> = sha256(&certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    let public_key = sha256(&rcgen::PublicKeyData::subject_public_key_info(&key));
    (hex.join(":"), format!("sha256//{}", STANDARD.encode(public_key)))
}

#[test]
fn one_of_the_pins_must_match_the_certificate_or_its_public_key() {
    let authority = Authority::new();
    let [right, other] = [authority.issue(&["localhost"]), authority.issue(&["localhost"])];
    let ((certificate, public_key), (other_certificate, other_public_key)) = (pins(&right), pins(&other));
    let acceptor = right.acceptor();
    let trusting = || authority.options();
    let by = |options: TlsOptions, pin: &str| options.pin_certificate_sha256(pin).unwrap();
    let by_key = |options: TlsOptions, pin: &str| options.pin_public_key_sha256(pin).unwrap();
    let bare = certificate.replace(':', "").to_lowercase();
    for options in [
        by(trusting(), &certificate),
        by(trusting(), &bare),
        by_key(trusting(), &public_key),
        by(by(trusting(), &other_certificate), &certificate),
        by_key(by(trusting(), &other_certificate), &public_key),
        by(by_key(trusting(), &other_public_key), &certificate),
    ] {
        assert!(is_up(&meet(&options.build().unwrap(), "localhost", &acceptor)));
    }
    for options in [
        by(trusting(), &other_certificate),
        by_key(trusting(), &other_public_key),
        by(by_key(trusting(), &other_public_key), &other_certificate),
    ] {
        let error = failure(meet(&options.build().unwrap(), "localhost", &acceptor).client_seen);
        let error = error.tls().unwrap();
        assert!(error.is_certificate() && !error.is_passing());
        let TlsError::PinMismatch { certificate: seen, public_key: seen_key } = error else {
            panic!("{error:?}")
        };
        assert_eq!((seen, seen_key), (&certificate, &public_key));
        let text = error.to_string();
        assert!(text.contains(&certificate) && text.contains(&public_key), "{text}");
    }
}

#[test]
fn a_pin_does_not_stand_for_the_other_checks() {
    let identity = own(&["example.org"], |_| {});
    let (certificate, _) = pins(&identity);
    let pinned = |options: TlsOptions| options.pin_certificate_sha256(&certificate).unwrap().build().unwrap();
    let given = || TlsOptions::new().ca(identity.chain.as_bytes()).unwrap();
    assert!(is_up(&meet(&pinned(given()), "example.org", &identity.acceptor())));
    let error = failure(meet(&pinned(given()), "localhost", &identity.acceptor()).client_seen);
    assert!(matches!(error.tls(), Some(TlsError::WrongName { .. })), "{error:?}");
    let strange = pinned(Authority::new().options());
    let error = failure(meet(&strange, "example.org", &identity.acceptor()).client_seen);
    assert!(matches!(error.tls(), Some(TlsError::Certificate(_))), "{error:?}");
}

#[cfg(feature = "dangerous-tls")]
#[test]
fn a_pin_holds_where_any_certificate_is_accepted() {
    let [right, other] = [own(&["elsewhere"], |_| {}), own(&["elsewhere"], |_| {})];
    let options = TlsOptions::new().dangerous_accept_any_certificate();
    let connector = options.pin_certificate_sha256(&pins(&right).0).unwrap().build().unwrap();
    assert!(is_up(&meet(&connector, "localhost", &right.acceptor())));
    let error = failure(meet(&connector, "localhost", &other.acceptor()).client_seen);
    assert!(matches!(error.tls(), Some(TlsError::PinMismatch { .. })), "{error:?}");
}

#[test]
fn a_text_that_is_no_hash_is_an_error() {
    let hex = "ab".repeat(32);
    let colons = vec!["ab"; 32].join(":");
    let base64 = STANDARD.encode([0xab; 32]);
    assert!(TlsOptions::new().pin_certificate_sha256(&hex).is_ok());
    assert!(TlsOptions::new().pin_certificate_sha256(&colons).is_ok());
    for pin in [
        "",
        ":",
        &hex[1..],
        &hex[2..],
        &format!("{hex}ab"),
        &hex.replacen('a', "g", 1),
        &hex.replacen('a', "ä", 1),
        &colons.replacen("ab", "b", 1),
        &format!("{colons}:"),
        &format!("SHA256 Fingerprint={colons}"),
        &base64,
        &format!("sha256//{base64}"),
    ] {
        let error = TlsOptions::new().pin_certificate_sha256(pin).unwrap_err();
        assert!(matches!(&error, TlsConfigError::Pin { pin: seen, .. } if seen == pin), "{error:?}");
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    }
    assert!(TlsOptions::new().pin_public_key_sha256(&format!("sha256//{base64}")).is_ok());
    for pin in
        ["", "sha256//", &base64, &hex, &format!("sha256//{}", STANDARD.encode([0xab; 20])), "sha256//!"]
    {
        let error = TlsOptions::new().pin_public_key_sha256(pin).unwrap_err();
        assert!(matches!(&error, TlsConfigError::Pin { pin: seen, .. } if seen == pin), "{error:?}");
        assert!(error.to_string().contains("sha256//"), "{error}");
    }
}
