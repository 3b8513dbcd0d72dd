//! Files of certificates and keys that were damaged: no error shows a part of a private key.

use std::error::Error;

use ws_common::tls::{TlsAcceptor, TlsConfigError, TlsOptions};

use crate::support::Authority;

/// Bytes of a key that a description must not have.
const PART: usize = 12;

/// Everything that an error tells.
fn told(error: &TlsConfigError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

/// The texts of the body of a key in PEM, and their bytes as a list of numbers.
fn parts(key: &str) -> Vec<String> {
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let windows = body.as_bytes().windows(PART);
    let list = |part: &[u8]| format!("{part:?}").trim_matches(['[', ']']).to_owned();
    windows.flat_map(|part| [String::from_utf8_lossy(part).into_owned(), list(part)]).collect()
}

#[test]
fn no_error_shows_a_part_of_a_private_key() {
    let identity = Authority::new().issue(&["localhost"]);
    let (chain, key) = (&identity.chain, &identity.key);
    let parts = parts(key);
    let mut damaged = vec![
        // As in a variable of the environment whose line breaks were lost.
        key.replace('\n', ""),
        key.replace('\n', "\\n"),
        key.replace('\n', " "),
        key.replacen('\n', "", 1),
        key.replace("KEY-----\n", "KEY"),
        key.replace("-----BEGIN", "----BEGIN"),
        key.replace("PRIVATE KEY", ""),
        key.trim_end().trim_end_matches('-').to_owned(),
        format!("{}{key}", chain.trim_end()),
    ];
    damaged.extend((0..key.len()).map(|n| format!("{}{}", &key[..n], &key[n + 1..])));
    damaged.extend((0..key.len()).map(|n| key[..n].to_owned()));
    let mut errors = 0;
    for file in damaged {
        let bytes = file.as_bytes();
        let results = [
            TlsOptions::new().client_certificate(chain.as_bytes(), bytes).map(drop),
            TlsOptions::new().client_certificate(bytes, key.as_bytes()).map(drop),
            TlsOptions::new().ca(bytes).map(drop),
            TlsAcceptor::new(chain.as_bytes(), bytes).map(drop),
            TlsAcceptor::with_client_ca(chain.as_bytes(), key.as_bytes(), bytes).map(drop),
        ];
        for error in results.into_iter().filter_map(Result::err) {
            errors += 1;
            let told = told(&error);
            let shown = parts.iter().find(|part| told.contains(&**part));
            assert_eq!(shown, None, "{told}");
        }
    }
    assert!(errors > 1000, "{errors}");
}

#[test]
fn an_error_names_the_marker_that_is_damaged() {
    let identity = Authority::new().issue(&["localhost"]);
    for (file, expected) in [
        (identity.key.replace('\n', "\\n"), "a line break is missing after \"-----BEGIN PRIVATE KEY-----\""),
        (identity.key.replace("KEY-----\n", "KEY"), "a line break is missing after \"-----BEGIN \""),
        (identity.key.replace("-----END", "----END"), "there is no line \"-----END PRIVATE KEY-----\""),
        (identity.key.replace('\n', ""), "a section has no end; is a line break missing?"),
    ] {
        let error = TlsOptions::new().client_certificate(identity.chain.as_bytes(), file.as_bytes());
        let text = error.unwrap_err().to_string();
        assert_eq!(text, format!("a certificate, key or revocation list is not valid PEM: {expected}"));
    }
}
