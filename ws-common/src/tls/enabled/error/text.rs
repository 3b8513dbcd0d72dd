//! The texts of the errors. No text shows the `Debug` of an error of rustls or webpki.

use std::fmt;

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use rustls::{AlertDescription, Error, InconsistentKeys, PeerIncompatible};
use ws_core::redacted::{Excerpt, words};

use super::alert::{Alert, remedy};
use super::certificate::{
    CertificateCause, write_expired, write_not_yet_valid, write_unacceptable, write_wrong_name,
};
use super::{TlsConfigError, TlsError};

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(source) => {
                f.write_str("a certificate, key or revocation list is not valid PEM: ")?;
                match source {
                    pem::Error::IllegalSectionStart { line } => {
                        write!(f, "a line break is missing after \"{}\"", line.escape_ascii())
                    }
                    pem::Error::MissingSectionEnd { end_marker } if end_marker.is_empty() => {
                        f.write_str("a section has no end; is a line break missing?")
                    }
                    pem::Error::MissingSectionEnd { end_marker } => {
                        write!(f, "there is no line \"-----END {}-----\"", end_marker.escape_ascii())
                    }
                    source => source.fmt(f),
                }
            }
            Self::NoCertificate => f.write_str("there is no certificate in the PEM that was given"),
            Self::NoKey => f.write_str("there is no private key in the PEM that was given"),
            Self::EncryptedKey => f.write_str(
                "the private key is encrypted; `tls::decrypt_key` (feature `encrypted-keys`) decrypts it, \
                 or `openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW_KEY`",
            ),
            Self::Passphrase => f.write_str("the passphrase does not decrypt the private key"),
            Self::KeyEncryption => f.write_str(
                "the private key is encrypted in a way that is not supported; \
                 `openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW_KEY` encrypts it in a supported one",
            ),
            Self::NoCrl => f.write_str("there is no certificate revocation list in the PEM that was given"),
            Self::CrlsWithoutRoots => f.write_str(
                "certificate revocation lists need authorities of the program's own (`ca`, `webpki_roots` or `with_client_ca`)",
            ),
            Self::Name(name) => write!(f, "{name:?} is neither a host name nor an address"),
            Self::Platform(source) => {
                let cause = RustlsCause(source);
                write!(f, "the platform's certificate authorities cannot be used; set some by `ca`: {cause}")
            }
            Self::Verifier(VerifierBuilderError::InvalidCrl(_)) => {
                f.write_str("a certificate revocation list is malformed or not supported")
            }
            Self::Verifier(_) => f.write_str("there are no certificate authorities that can be used"),
            Self::Rustls(source) => write!(f, "the TLS configuration cannot be used: {}", RustlsCause(source)),
            Self::Pin { pin, expected } => write!(f, "the pin {} is not {expected}", Excerpt::words(pin)),
            Self::RootsAndAnyCertificate => f.write_str(
                "`ca` (or `webpki_roots`) and `dangerous_accept_any_certificate` exclude each other; remove one of them",
            ),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls(start) => {
                write!(f, "the peer does not speak TLS, but began with {start}")
            }
            Self::WrongName { expected, presented } => write_wrong_name(f, expected, presented),
            Self::Expired(source) => write_expired(f, source),
            Self::NotYetValid(source) => write_not_yet_valid(f, source),
            Self::Certificate(source) => write_unacceptable(f, source),
            Self::UnknownIssuer => f.write_str(
                "the peer's certificate is of no authority that is trusted; \
                 its authority, or a self-signed certificate itself, can be given as `ca` (to a server: by `with_client_ca`)",
            ),
            Self::PinMismatch { certificate, public_key } => {
                write!(f, "the server's certificate matches no pin; its SHA-256 is {certificate}")?;
                if public_key.is_empty() { Ok(()) } else { write!(f, ", that of its public key {public_key}") }
            }
            Self::ClientCertificateRequired => f.write_str(
                "the server requires a certificate of the client, which is set by `client_certificate`",
            ),
            Self::ClientCertificateRefused(alert) => {
                write!(f, "the server refused the client's certificate: {}", Alert(*alert))
            }
            Self::Alert(alert) => write_alert(f, *alert),
            Self::Incompatible(source) => write_incompatible(f, source),
            Self::Protocol(source) => write!(f, "the peer broke TLS: {}", RustlsCause(source)),
            Self::UnexpectedEof => {
                f.write_str("the peer ended the stream before TLS was up; does it speak TLS at this port?")
            }
            Self::Transport(broken) => write!(f, "{broken}, before TLS was up"),
            Self::Truncated => f.write_str("the stream was cut: it ended without TLS's close_notify"),
            Self::KeysExhausted => {
                f.write_str("no more may be encrypted with the keys of this TLS 1.2 connection")
            }
        }
    }
}

fn write_alert(f: &mut fmt::Formatter<'_>, alert: AlertDescription) -> fmt::Result {
    write!(f, "the peer ended TLS with an alert: {}", Alert(alert))?;
    remedy(alert).map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
}

fn write_incompatible(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    let Error::PeerIncompatible(lack) = error else {
        return f.write_str(
            "the peer offers other protocols than HTTP/1.1 (ALPN http/1.1), such as HTTP/2 alone",
        );
    };
    let lack = lack_words(lack).unwrap_or("it lacks a part of TLS that is required");
    write!(f, "the peer has no TLS in common with us: {lack}")
}

/// The part of TLS that a peer lacks. `None` if there are no words for it.
fn lack_words(lack: &PeerIncompatible) -> Option<&'static str> {
    use PeerIncompatible::*;
    Some(match lack {
        ServerDoesNotSupportTls12Or13 | ServerTlsVersionIsDisabledByOurConfig => {
            "it speaks neither TLS 1.2 nor TLS 1.3, as far as they are allowed here"
        }
        Tls12NotOffered | Tls12NotOfferedOrEnabled | SupportedVersionsExtensionRequired => {
            "it offers neither TLS 1.2 nor TLS 1.3, as far as they are allowed here"
        }
        NoCipherSuitesInCommon => "no cipher suite",
        NoKxGroupsInCommon | KeyShareExtensionRequired | NamedGroupsExtensionRequired => "no key exchange",
        NoSignatureSchemesInCommon
        | SignatureAlgorithmsExtensionRequired
        | NoCertificateRequestSignatureSchemesInCommon => "no signature scheme for the certificates",
        ExtendedMasterSecretExtensionRequired => "it lacks extended_master_secret (RFC 7627)",
        _ => return None,
    })
}

/// Whether the text of an error tells all that the error of rustls does. Then that one is not told once more, as its source.
pub(super) fn is_told(error: &Error) -> bool {
    match error {
        Error::PeerIncompatible(lack) => lack_words(lack).is_some(),
        // A text of its own.
        Error::InvalidCertificate(_) | Error::NoApplicationProtocol | Error::General(_) | Error::Other(_) => {
            true
        }
        // The kind of a fault, which has a name in rustls.
        Error::InvalidCertRevocationList(_) | Error::InvalidMessage(_) | Error::PeerMisbehaved(_) => false,
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => false,
        error => cause_words(error).is_some(),
    }
}

/// The cause of a failure in words.
struct RustlsCause<'a>(&'a Error);

impl fmt::Display for RustlsCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::InvalidCertificate(error) => {
                write!(f, "a certificate is not accepted: {}", CertificateCause(error))
            }
            // A text of the platform, or of the provider.
            Error::General(text) => f.write_str(&words(text)),
            Error::Other(other) => f.write_str(&words(&other.0.to_string())),
            error => f.write_str(cause_words(error).unwrap_or("a rule of TLS is broken")),
        }
    }
}

fn cause_words(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::InvalidCertRevocationList(_) => "a certificate revocation list is not valid",
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key does not belong to the certificate"
        }
        Error::InconsistentKeys(_) => "it is not certain that the private key belongs to the certificate",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "a message came out of order"
        }
        Error::InvalidMessage(_) => "a message is malformed",
        Error::PeerMisbehaved(_) => "a message breaks a rule",
        Error::DecryptError => "a record cannot be decrypted",
        Error::EncryptError => "a record cannot be encrypted",
        Error::PeerSentOversizedRecord => "a record is over 16 KiB",
        Error::NoCertificatesPresented => "there is no certificate",
        Error::UnsupportedNameType => "the name of the server is of a kind that is not supported",
        Error::FailedToGetCurrentTime => "the system has no clock",
        Error::FailedToGetRandomBytes => "the system has no random numbers",
        Error::BadMaxFragmentSize => "max_fragment_size is too small or too large",
        _ => return None,
    })
}
