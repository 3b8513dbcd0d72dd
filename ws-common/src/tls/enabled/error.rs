//! How TLS fails.

mod alert;
mod certificate;
#[cfg(test)]
mod tests;
mod text;

use std::error::Error;

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use rustls::{AlertDescription, CertificateError};
use ws_core::{FirstLine, TransportError};

use self::certificate::bare_name;
use self::text::is_told;
use super::pins::SeenHashes;
use crate::tls::is_reset;

/// Why a TLS configuration cannot be used. Nothing was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The text is not PEM. The error has no more than the marker (`-----BEGIN …-----`) of the text, which may be a private key.
    Pem(pem::Error),
    /// The text holds no certificate.
    NoCertificate,
    /// The text holds no private key.
    NoKey,
    /// The private key is encrypted.
    EncryptedKey,
    /// The passphrase does not decrypt the private key.
    Passphrase,
    /// The private key is encrypted in a way that is not supported.
    KeyEncryption,
    /// The text holds no certificate revocation list.
    NoCrl,
    /// Certificate revocation lists were set without authorities of the program's own.
    CrlsWithoutRoots,
    /// This is neither a host name nor an address.
    Name(String),
    /// The platform's roots cannot be used.
    Platform(rustls::Error),
    /// Certificate authorities cannot be used.
    Verifier(VerifierBuilderError),
    /// A certificate or a key cannot be used, or they do not belong together.
    Rustls(rustls::Error),
    /// This is no hash to pin.
    Pin {
        /// The text that was set.
        pin: String,
        /// The form of such a text.
        expected: &'static str,
    },
    /// Certificate authorities were set, and any certificate was to be accepted. Only one of the two can be meant.
    RootsAndAnyCertificate,
}

impl Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The text shows all of it.
            Self::Pem(_) | Self::Verifier(VerifierBuilderError::NoRootAnchors) => None,
            Self::Platform(source) | Self::Rustls(source) => untold(source),
            Self::Verifier(source) => Some(source),
            Self::NoCertificate | Self::NoKey | Self::NoCrl | Self::CrlsWithoutRoots | Self::Name(_) => None,
            Self::EncryptedKey | Self::Passphrase | Self::KeyEncryption => None,
            Self::Pin { .. } | Self::RootsAndAnyCertificate => None,
        }
    }
}

impl TlsConfigError {
    pub(super) fn pin(pin: &str, expected: &'static str) -> Self {
        Self::Pin { pin: pin.to_owned(), expected }
    }
}

/// Why a TLS connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer does not speak TLS: the beginning of the first line of what it said, at most 64 bytes.
    NotTls(FirstLine),
    /// The server's certificate is for others.
    WrongName {
        /// Whom it should be for.
        expected: String,
        /// Whom it is for, as far as that is known.
        presented: Vec<String>,
    },
    /// The peer's certificate, or one of its issuers', has expired.
    Expired(CertificateError),
    /// The peer's certificate, or one of its issuers', is not valid yet.
    NotYetValid(CertificateError),
    /// The peer's certificate is of no authority that is trusted.
    UnknownIssuer,
    /// The server's certificate matches no pin of the client.
    PinMismatch {
        /// Its SHA-256 hash, as [`TlsOptions::pin_certificate_sha256`](super::TlsOptions::pin_certificate_sha256) takes it.
        certificate: String,
        /// The hash of its public key, as [`TlsOptions::pin_public_key_sha256`](super::TlsOptions::pin_public_key_sha256) takes it. Empty
        /// if the certificate cannot be read.
        public_key: String,
    },
    /// The peer's certificate cannot be believed for another reason.
    Certificate(CertificateError),
    /// A certificate of the client is required, and there was none.
    ClientCertificateRequired,
    /// The server does not believe our certificate: its alert.
    ClientCertificateRefused(AlertDescription),
    /// The peer ended the session with this alert (RFC 8446 §6.2).
    Alert(AlertDescription),
    /// The peer shares no version, cipher suite or ALPN protocol with us.
    Incompatible(rustls::Error),
    /// The peer broke the protocol.
    Protocol(rustls::Error),
    /// The stream ended before TLS was up.
    UnexpectedEof,
    /// The transport failed before TLS was up.
    Transport(TransportError),
    /// The stream ended without a close_notify: what came may have been cut (RFC 8446 §6.1).
    Truncated,
    /// No more may be encrypted with the keys of this TLS 1.2 connection (RFC 9325 §4.4). Another connection has others.
    KeysExhausted,
}

impl TlsError {
    /// Whether we ended the connection: we do not accept something of the peer's, or have used up the keys.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::NotTls(_) | Self::Incompatible(_) | Self::Protocol(_) => true,
            Self::WrongName { .. } | Self::Expired(_) | Self::NotYetValid(_) => true,
            Self::UnknownIssuer | Self::PinMismatch { .. } | Self::Certificate(_) => true,
            Self::KeysExhausted => true,
            Self::ClientCertificateRequired | Self::ClientCertificateRefused(_) | Self::Alert(_) => false,
            Self::UnexpectedEof | Self::Truncated => false,
            // Below may be the TLS of a proxy.
            Self::Transport(broken) => Self::find(broken).is_some_and(Self::is_ours),
        }
    }

    /// `is_client` says which end has seen it.
    pub(super) fn new(error: rustls::Error, is_client: bool) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::certificate(error),
            rustls::Error::NoCertificatesPresented => Self::ClientCertificateRequired,
            rustls::Error::AlertReceived(alert) => Self::alert(alert, is_client),
            rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => {
                Self::Incompatible(error)
            }
            _ => Self::Protocol(error),
        }
    }

    fn certificate(error: CertificateError) -> Self {
        use CertificateError::*;
        match error {
            NotValidForNameContext { expected, presented } => {
                let presented = presented.into_iter().map(bare_name).collect();
                Self::WrongName { expected: expected.to_str().into_owned(), presented }
            }
            Expired | ExpiredContext { .. } => Self::Expired(error),
            NotValidYet | NotValidYetContext { .. } => Self::NotYetValid(error),
            UnknownIssuer => Self::UnknownIssuer,
            Other(ref other) => match other.0.downcast_ref().cloned() {
                Some(SeenHashes { certificate, public_key }) => Self::PinMismatch { certificate, public_key },
                None => Self::Certificate(error),
            },
            error => Self::Certificate(error),
        }
    }

    /// RFC 8446 §6.2 says which alerts are about certificates. Those that a client gets are about its own.
    fn alert(alert: AlertDescription, is_client: bool) -> Self {
        use AlertDescription::*;
        match alert {
            CertificateRequired if is_client => Self::ClientCertificateRequired,
            BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | UnknownCA
            | AccessDenied
                if is_client =>
            {
                Self::ClientCertificateRefused(alert)
            }
            alert => Self::Alert(alert),
        }
    }

    /// Whether things may be different next time, as after any failure of the transport, and after a certificate that has expired
    /// or is not valid yet: it is replaced, or a clock is set. Not so after anything else that is about certificates, nor with a
    /// peer that speaks something else.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::UnexpectedEof | Self::Transport(_) | Self::Truncated | Self::KeysExhausted => true,
            Self::Expired(_)
            | Self::NotYetValid(_)
            | Self::ClientCertificateRefused(AlertDescription::CertificateExpired) => true,
            // RFC 8446 §6.2: an error that has nothing to do with us.
            Self::Alert(alert) => *alert == AlertDescription::InternalError,
            _ => false,
        }
    }

    /// Whether it is the transport that has ended or failed.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::UnexpectedEof | Self::Transport(_) | Self::Truncated)
    }

    /// Whether it is about a certificate, the peer's or our own.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::WrongName { .. }
                | Self::Expired(_)
                | Self::NotYetValid(_)
                | Self::UnknownIssuer
                | Self::PinMismatch { .. }
                | Self::Certificate(_)
                | Self::ClientCertificateRequired
                | Self::ClientCertificateRefused(_)
        )
    }

    /// Whether the peer speaks something else.
    pub(crate) fn is_not_tls(&self) -> bool {
        matches!(self, Self::NotTls(_))
    }

    /// Whether the peer has broken off the connection.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(self, Self::Transport(broken) if is_reset(broken))
    }

    /// Whether the peer has sent an HTTP request in the clear, as far as that can be seen.
    pub(crate) fn is_plain_http(&self) -> bool {
        const GET: &[u8] = b"GET ";
        matches!(self, Self::NotTls(start) if start.starts_with(GET) || GET.starts_with(start))
    }

    /// Whether the peer has sent a header of the PROXY protocol, as far as that can be seen. Version 2 begins with an empty line.
    pub(crate) fn is_proxy_header(&self) -> bool {
        const PROXY: &[u8] = b"PROXY ";
        matches!(self, Self::NotTls(start) if start.starts_with(PROXY) || PROXY.starts_with(start))
    }

    /// Hands a failure of the transport to `judge`. Returns every other failure, and a failure that `judge` hands back.
    pub(crate) fn try_transport<T>(
        self,
        judge: impl FnOnce(TransportError) -> Result<T, TransportError>,
    ) -> Result<T, Self> {
        match self {
            Self::Transport(broken) => judge(broken).map_err(Self::Transport),
            error => Err(error),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Incompatible(source) | Self::Protocol(source) => untold(source),
            Self::Transport(broken) => broken.source(),
            _ => None,
        }
    }
}

/// The source of an error whose text names the kind of this one alone.
fn untold(error: &rustls::Error) -> Option<&(dyn Error + 'static)> {
    (!is_told(error)).then_some(error)
}

/// Whether an authority's certificate is used as a server's or a client's own.
pub(super) fn is_ca_as_end_entity(error: &CertificateError) -> bool {
    matches!(of_webpki(error), Some(webpki::Error::CaUsedAsEndEntity))
}

/// The error of webpki, where rustls has no name for it.
fn of_webpki(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}
