//! Private keys under a passphrase. The keys are of no one, and OpenSSL has encrypted them; the passphrase is "sesame".

use ws_common::tls::{TlsAcceptor, TlsConfigError};

use crate::support::Authority;

/// `openssl pkcs8 -topk8 -iter 100`
const PBKDF2: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAgPnG1wVmK/bwIBZDAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQT5z+fCd2oPhAyTzJhqMa7ASBkOXm
/uOrUCbFVktzQmmFJUDTSh0q7/NOVg1SzfwSdUoA+41VeeVoxPevLnDewJeWnfhz
vjOer++nspUuQjVkwZhqw784GfqzSQb7D4JTVx85dOFQINicleQ3nR7g8u0ceYia
Ja7hQLBH9JKKNo6dGOO3up6FIpPWaMegXpblznONxa9JDULlG3SjCoPJZkpvig==
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl pkcs8 -topk8 -scrypt -scrypt_N 16`
const SCRYPT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCAGCSsGAQQB2kcECzATBAhy8HfWk4dhsgIBEAIB
CAIBATAdBglghkgBZQMEASoEENJhDSi0G8IgbUoQmpVCYhAEgZBILpllhsEOiMmU
zWUKWBTKA6WHax21VkEXsf6P85+uI1dt13ZmQRxIBe2u9L+v5Ydenh9KhUGkwBg9
SzQu0q7tGE36lF+kjNC3cTN/8rMBoIQ+CbYJsFBFJn9kQ+vcA9iMs04QVzmAjzEP
Zv9+m0ja75XixuBCwC92pCYNicG+mG+6mDAEMS4682/cXk/xCIU=
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES`
const PBES1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQIlnZTVteK6PYCAggABIGQbm2CLdnsXTfyfJYn
6gdPFJmjmSqQKfh3gmIcAwNPShVrcG7dcLOoHvr0bt5t+N1VWJQyEHu+kcvSSzAg
jFOb/SERsItUJHQdcIs0r7mvaVgMUxLrMwfbIX2Jns6amVuacfaDB6D7y4dXD5N5
kcYGx9be+pl0SHoD6md3C+4OBZzaeRzOWRH80GbahpxyLaT9
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl ec -aes128`
const TRADITIONAL: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,0B897904C091DDAE2CA5D99498A28A51

e5xApoW3v8bU6Ja7aWXg2lQAGO31ZCHtwz/XoHjJXe29qZDP8GoFRao1KM1bLCfA
Xo1MTv6dhs0XuBBQZdhORfZJKtp/3G9sMGhQgON8+EWn/YoEWidEGmLSUlTu0xaP
nJShY1jDtbWWsWhd7xG0K5/K3GZ02fhmsu9urAoEHiY=
-----END EC PRIVATE KEY-----
";

#[test]
fn an_encrypted_key_is_an_error_that_names_the_remedies() {
    let chain = Authority::new().issue(&["localhost"]).chain;
    for key in [PBKDF2, SCRYPT, PBES1, TRADITIONAL] {
        let error = TlsAcceptor::new(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(matches!(error, TlsConfigError::EncryptedKey), "{error:?}");
        let text = error.to_string();
        for part in [
            "encrypted",
            "`tls::decrypt_key` (feature `encrypted-keys`)",
            "`openssl pkcs8 -topk8 -nocrypt -in KEY",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[cfg(feature = "encrypted-keys")]
mod decrypted {
    use rcgen::{CertificateParams, KeyPair};
    use ws_common::tls::{TlsAcceptor, TlsConfigError, TlsOptions, decrypt_key};

    use super::{PBES1, PBKDF2, SCRYPT, TRADITIONAL};
    use crate::certificates::{is_up, meet};

    /// The key of all of them.
    const PLAIN: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFBh3sulQTu99kdma
cd1WoMxA0g0irl81IqoiLJC2haWhRANCAATo2HdNWbRN83QlwQaXX0K28eFka47n
DWAOGZY2upMrI0sdFpHZbXCwYTs9zVeuNk5uUGqj0vIcHMCJA6ODjH3B
-----END PRIVATE KEY-----
";

    #[test]
    fn the_passphrase_decrypts_a_key() {
        let key = KeyPair::from_pem(PLAIN).unwrap();
        let chain =
            CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        let (chain, connector) =
            (chain.as_bytes(), TlsOptions::new().ca(chain.as_bytes()).unwrap().build().unwrap());
        let with_text_around = format!("a key\n{PBKDF2}and more\n");
        let without_line_breaks = PBKDF2.replace('\n', "\r\n");
        for key in [PBKDF2, SCRYPT, PLAIN, &with_text_around, &without_line_breaks] {
            let key = decrypt_key(key.as_bytes(), b"sesame").unwrap();
            let acceptor = TlsAcceptor::new(chain, &key).unwrap();
            assert!(is_up(&meet(&connector, "localhost", &acceptor)));
        }
    }

    #[test]
    fn each_failure_names_its_cause() {
        for key in [PBKDF2, SCRYPT] {
            for passphrase in ["", "Sesame", "sesame\n"] {
                let error = decrypt_key(key.as_bytes(), passphrase.as_bytes()).unwrap_err();
                assert!(matches!(error, TlsConfigError::Passphrase), "{error:?}");
            }
        }
        for key in [PBES1, TRADITIONAL] {
            let error = decrypt_key(key.as_bytes(), b"sesame").unwrap_err();
            assert!(matches!(error, TlsConfigError::KeyEncryption), "{error:?}");
            assert!(error.to_string().contains("`openssl pkcs8 -topk8 -v2 aes-256-cbc"), "{error}");
        }
        let error = decrypt_key(b"no key", b"sesame").unwrap_err();
        assert!(matches!(error, TlsConfigError::NoKey), "{error:?}");
        let cut = &PBKDF2[..PBKDF2.len() - 20];
        let error = decrypt_key(cut.as_bytes(), b"sesame").unwrap_err();
        assert!(matches!(error, TlsConfigError::Pem(_)), "{error:?}");
    }

    /// The cost of a key is a number in its file, so that only a part of the bytes is damaged here.
    #[test]
    fn a_damaged_key_is_an_error_and_never_a_panic() {
        let body_at = PBKDF2.find("MIH").unwrap();
        for at in (body_at..body_at + 40).chain((body_at + 110..PBKDF2.len() - 2).step_by(3)) {
            let mut key = PBKDF2.as_bytes().to_vec();
            key[at] = if key[at] == b'B' { b'C' } else { b'B' };
            if let Ok(key) = decrypt_key(&key, b"sesame") {
                let key = String::from_utf8(key).unwrap();
                assert!(!key.is_empty());
            }
            assert!(decrypt_key(&key[..at], b"sesame").is_err());
        }
    }
}
