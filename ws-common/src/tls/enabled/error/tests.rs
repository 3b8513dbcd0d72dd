use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, Error, InconsistentKeys, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

use super::{TlsConfigError, TlsError};

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn of_webpki(error: webpki::Error) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

const DAY: u64 = 86_400;

#[test]
fn dates_are_told_as_dates_and_as_time_spans() {
    let expired =
        |after| CertificateError::ExpiredContext { time: at(10 * DAY + after), not_after: at(10 * DAY) };
    for (after, span) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (2 * 3600, "2 hours"),
        (DAY - 1, "23 hours"),
        (DAY, "1 day"),
        (800 * DAY, "800 days"),
    ] {
        let text = TlsError::new(expired(after).into(), true).to_string();
        assert!(text.contains(&format!("expired {span} ago, on Sun, 11 Jan 1970 00:00:00 GMT; ")), "{text}");
    }
    let early = CertificateError::NotValidYetContext { time: at(0), not_before: at(2 * DAY + 5) };
    let text = TlsError::new(early.into(), true).to_string();
    assert!(text.contains("not valid yet, but in 2 days, from Sat, 03 Jan 1970 00:00:05 GMT; "), "{text}");
    // No date of a peer is too much.
    let late = CertificateError::NotValidYetContext { time: at(0), not_before: at(u64::MAX) };
    let text = TlsError::new(late.into(), true).to_string();
    assert!(text.contains("Fri, 31 Dec 9999 23:59:59 GMT"), "{text}");
}

#[test]
fn names_of_a_certificate_are_shown_in_one_line_and_not_all_of_many() {
    let text = |presented: Vec<String>| {
        let expected = ServerName::try_from("server.test").unwrap();
        let error = CertificateError::NotValidForNameContext { expected, presented };
        TlsError::new(error.into(), true).to_string()
    };
    let presented = ["DnsName(\"a.test\")", "IpAddress(192.0.2.1)", "DnsName(\"*.b.test\")"];
    let shown = text(presented.map(String::from).into());
    assert!(
        shown.starts_with("the certificate is not for server.test, but for a.test, 192.0.2.1, *.b.test; "),
        "{shown}"
    );
    let many = text((0..1000).map(|n| format!("DnsName(\"{n}\n{}\")", "x".repeat(1000))).collect());
    assert!(many.len() < 1000 && !many.contains('\n') && many.contains(" and 995 more"), "{many}");
    let none = text(Vec::new());
    assert!(
        none.contains("has no subjectAltName") && none.contains("-addext subjectAltName=DNS:server.test"),
        "{none}"
    );
}

#[test]
#[allow(deprecated, reason = "a verifier that belongs to the program may still use it")]
fn no_text_has_the_debug_of_a_dependency_and_no_chain_says_a_thing_twice() {
    use CertificateError::*;
    let certificates = [
        BadEncoding,
        Expired,
        ExpiredContext { time: at(2), not_after: at(1) },
        NotValidYet,
        NotValidYetContext { time: at(1), not_before: at(2) },
        Revoked,
        UnhandledCriticalExtension,
        UnknownIssuer,
        UnknownRevocationStatus,
        ExpiredRevocationList,
        ExpiredRevocationListContext { time: at(2), next_update: at(1) },
        BadSignature,
        UnsupportedSignatureAlgorithm,
        UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![1, 2],
            supported_algorithms: Vec::new(),
        },
        UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1, 2],
            public_key_algorithm_id: vec![3],
        },
        NotValidForName,
        InvalidPurpose,
        InvalidPurposeContext { required: rustls::ExtendedKeyPurpose::ServerAuth, presented: Vec::new() },
        InvalidOcspResponse,
        ApplicationVerificationFailure,
    ];
    let webpki = [
        webpki::Error::CaUsedAsEndEntity,
        webpki::Error::UnsupportedCertVersion,
        webpki::Error::EndEntityUsedAsCa,
        webpki::Error::PathLenConstraintViolated,
        webpki::Error::NameConstraintViolation,
        webpki::Error::CertDistrusted,
        webpki::Error::MaximumPathDepthExceeded,
        webpki::Error::MalformedExtensions,
    ];
    let errors = certificates.into_iter().map(Error::from).chain(webpki.into_iter().map(of_webpki)).chain([
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
        Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(None)),
        Error::NoApplicationProtocol,
        Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests),
        Error::InvalidMessage(InvalidMessage::InvalidContentType),
        Error::AlertReceived(AlertDescription::HandshakeFailure),
        Error::AlertReceived(AlertDescription::UnknownCA),
        Error::AlertReceived(AlertDescription::Unknown(200)),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::InappropriateMessage { expect_types: Vec::new(), got_type: rustls::ContentType::Heartbeat },
        Error::General("no key".into()),
        Error::NoCertificatesPresented,
    ]);
    // Words of `Debug`, such as `CaUsedAsEndEntity`: a capital letter within a word.
    let is_debug = |text: &str| {
        let is_camel = |word: &str| {
            let letters: Vec<char> = word.chars().collect();
            letters.windows(2).any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase())
        };
        let known = [
            "pathLenConstraint",
            "nameConstraints",
            "basicConstraints",
            "subjectAltName",
            "subjectAltName=DNS",
        ];
        text.split(|c: char| !c.is_alphanumeric() && c != '=')
            .any(|word| is_camel(word) && !known.contains(&word))
    };
    for error in errors {
        let shown = [
            (TlsError::new(error.clone(), true).to_string(), None),
            (TlsError::new(error.clone(), false).to_string(), None),
            of_config(TlsConfigError::Rustls(error.clone())),
            of_config(TlsConfigError::Platform(error)),
        ];
        for (text, source) in shown {
            assert!(!is_debug(&text) && !text.contains(['{', '[', '\n']), "{text}");
            assert!(source.is_none_or(|source| !text.contains(&source)), "{text}");
        }
    }
}

fn of_config(error: TlsConfigError) -> (String, Option<String>) {
    (error.to_string(), error.source().map(ToString::to_string))
}
