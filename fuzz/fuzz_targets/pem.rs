//! Certificates and keys in PEM: text around them and the form of line ends do not matter, no error shows a key, and only a key goes
//! with a certificate that belongs to it.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_common::tls::{TlsAcceptor, TlsConfigError, TlsOptions};
use ws_fuzz::tls::IDENTITY;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    has_crlf: bool,
    has_certificate: bool,
    has_key: bool,
    /// One bit of the whole file is changed.
    flip: Option<u16>,
    text: &'a [u8],
}

impl Input<'_> {
    fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        if self.has_certificate {
            file.extend_from_slice(IDENTITY.certificate.as_bytes());
        }
        if self.has_key {
            file.extend_from_slice(IDENTITY.key.as_bytes());
        }
        file.extend_from_slice(self.text);
        if let Some(place) = self.flip
            && !file.is_empty()
        {
            let len = file.len();
            file[usize::from(place >> 3) % len] ^= 1 << (place & 7);
        }
        if self.has_crlf {
            file = file.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        }
        file
    }
}

fn describe<T>(result: Result<T, TlsConfigError>) -> Result<(), String> {
    result.map(|_| ()).map_err(|error| format!("{error:?}: {error}"))
}

fn authorities(file: &[u8]) -> Result<(), String> {
    describe(TlsOptions::new().ca(file))
}

fn identity(chain: &[u8], key: &[u8]) -> Result<(), String> {
    describe(TlsOptions::new().client_certificate(chain, key))
}

/// No part of the key is in a description, neither as text nor as a list of numbers.
fn hides_key(text: &str) {
    for line in IDENTITY.key.lines().filter(|line| !line.starts_with('-')) {
        for part in line.as_bytes().chunks_exact(20) {
            let numbers = format!("{part:?}");
            assert!(
                !text.contains(numbers.trim_matches(['[', ']']))
                    && !text.contains(&*part.escape_ascii().to_string())
            );
        }
    }
}

fuzz_target!(|input: Input<'_>| {
    let file = input.file();
    let is_pem = !matches!(file[..], [0x30, 0x81..=0x84, ..]);
    let certificates = authorities(&file);
    let keys = identity(IDENTITY.certificate.as_bytes(), &file);
    let both = TlsAcceptor::new(&file, &file);
    if both.is_ok() {
        assert!(identity(&file, &file).is_ok());
    }
    if let Err(error) = &certificates {
        hides_key(error);
    }
    if let Err(error) = &keys {
        hides_key(error);
    }
    if let Ok(options) = TlsOptions::new().client_certificate(&file, &file) {
        hides_key(&format!("{options:?}"));
        assert!(keys.is_ok(), "the key of one file is that of another");
        let built = options.ca(IDENTITY.certificate.as_bytes()).expect("a certificate").build();
        assert_eq!(built.is_ok(), both.is_ok(), "client and server take the same");
    }
    // Only the key that was made for the certificate belongs to it.
    if let Ok(acceptor) = TlsAcceptor::new(IDENTITY.certificate.as_bytes(), &file) {
        assert!(input.has_key, "{acceptor:?}");
    }
    if !is_pem {
        return;
    }
    // Text in front of a file, and the form of its line ends.
    let explained = [b"subject=CN = localhost\n", &file[..]].concat();
    assert_eq!(authorities(&explained), certificates, "with an explanation");
    assert_eq!(identity(IDENTITY.certificate.as_bytes(), &explained), keys, "with an explanation");
    if !file.contains(&b'\r') {
        let lines = file.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        assert_eq!(authorities(&lines).is_ok(), certificates.is_ok(), "with other line ends");
    }
    if certificates.is_ok() && file.ends_with(b"\n") {
        assert!(authorities(&file.repeat(2)).is_ok(), "twice");
        assert!(identity(&file, IDENTITY.key.as_bytes()).is_ok(), "a chain is a file of certificates");
    }
});
