//! Words for the causes for which a certificate is not accepted, each with its remedy.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use ws_core::redacted::words;

use super::of_webpki;

/// Number of names of a certificate that an error shows.
const SHOWN_NAMES: usize = 5;

/// The server's certificate is for others.
pub(super) fn write_wrong_name(
    f: &mut fmt::Formatter<'_>,
    expected: &str,
    presented: &[String],
) -> fmt::Result {
    if presented.is_empty() {
        let kind = if expected.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
        return write!(
            f,
            "the certificate is not for {expected}, because it has no subjectAltName (a common name does not count); \
             the server needs a certificate with a name, as from `openssl req -x509 -addext subjectAltName={kind}:{expected}`"
        );
    }
    write!(f, "the certificate is not for {expected}")?;
    for (n, name) in presented.iter().take(SHOWN_NAMES).enumerate() {
        write!(f, "{}{}", if n == 0 { ", but for " } else { ", " }, words(name))?;
    }
    if presented.len() > SHOWN_NAMES {
        write!(f, " and {} more", presented.len() - SHOWN_NAMES)?;
    }
    f.write_str("; is it the right server? A name can be set by `server_name`")
}

/// A name in a certificate, without the name of its kind.
pub(super) fn bare_name(name: String) -> String {
    let inner = |kind: &str, end: &str| name.strip_prefix(kind).and_then(|name| name.strip_suffix(end));
    match inner("DnsName(\"", "\")").or_else(|| inner("IpAddress(", ")")) {
        Some(bare) => bare.to_owned(),
        None => name,
    }
}

pub(super) fn write_expired(f: &mut fmt::Formatter<'_>, error: &CertificateError) -> fmt::Result {
    f.write_str("the peer's certificate, or one of its issuers', expired")?;
    if let CertificateError::ExpiredContext { time, not_after } = error {
        write!(f, " {} ago, on {}", Span::between(*not_after, *time), Date(*not_after))?;
    }
    f.write_str("; the peer needs a new one, unless the clock of this system is wrong")
}

pub(super) fn write_not_yet_valid(f: &mut fmt::Formatter<'_>, error: &CertificateError) -> fmt::Result {
    f.write_str("the peer's certificate, or one of its issuers', is not valid yet")?;
    if let CertificateError::NotValidYetContext { time, not_before } = error {
        write!(f, ", but in {}, from {}", Span::between(*time, *not_before), Date(*not_before))?;
    }
    f.write_str("; is the clock of this system right?")
}

/// Every other cause.
pub(super) fn write_unacceptable(f: &mut fmt::Formatter<'_>, error: &CertificateError) -> fmt::Result {
    write!(f, "the peer's certificate is not accepted: {}", Cause(error))
}

/// Why a certificate cannot be used.
pub(super) struct Cause<'a>(pub(super) &'a CertificateError);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CertificateError::*;
        if let Some(error) = of_webpki(self.0) {
            return f.write_str(webpki_cause(error));
        }
        let cause = match self.0 {
            BadEncoding => "it is malformed",
            Revoked => "it, or one of its issuers', was revoked",
            UnhandledCriticalExtension => "it has a critical extension that is not supported",
            UnknownIssuer => "it is of no authority that is trusted",
            UnknownRevocationStatus => {
                "no certificate revocation list covers it; each authority of its chain needs a list in `crls`"
            }
            ExpiredRevocationList | ExpiredRevocationListContext { .. } => {
                "the certificate revocation list of its issuer has expired"
            }
            BadSignature => {
                "a signature is wrong: that of the certificate, or that of the handshake by its key"
            }
            UnsupportedSignatureAlgorithmContext { .. } => {
                "it is signed by an algorithm that is not supported, such as SHA-1; the peer needs a new one"
            }
            UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "its key is of a kind that is not supported, or it does not fit the algorithm of the signature"
            }
            InvalidPurposeContext { required, .. } => {
                return write!(f, "its extended key usage does not include {required}");
            }
            InvalidPurpose => "its extended key usage does not include this purpose",
            Expired | ExpiredContext { .. } => "it has expired",
            NotValidYet | NotValidYetContext { .. } => "it is not valid yet",
            NotValidForName | NotValidForNameContext { .. } => "it is not for the name of the server",
            InvalidOcspResponse => "the OCSP response with it is not valid",
            ApplicationVerificationFailure => "the program's own verifier refuses it",
            // A text of the platform, or of a verifier that belongs to the program.
            Other(other) => return f.write_str(&words(&other.0.to_string())),
            _ => "it uses an algorithm that is not supported",
        };
        f.write_str(cause)
    }
}

fn webpki_cause(error: &webpki::Error) -> &'static str {
    use webpki::Error::*;
    match error {
        CaUsedAsEndEntity => {
            "it is an authority's (basicConstraints CA:TRUE, as `openssl req -x509` makes them), used as the peer's own; \
             a client trusts it if it is given as `ca`"
        }
        UnsupportedCertVersion => {
            "it, or one of its issuers', is of X.509 version 1, which has no names (subjectAltName); \
             the peer needs one of version 3, as from `openssl req -x509 -addext subjectAltName=DNS:…`"
        }
        EndEntityUsedAsCa => "a certificate in its chain is not an authority's (basicConstraints CA:TRUE)",
        PathLenConstraintViolated => {
            "its chain has more authorities than one of them allows (pathLenConstraint)"
        }
        NameConstraintViolation | MalformedNameConstraint | InvalidNetworkMaskConstraint => {
            "an authority of its chain is not allowed to certify its names (nameConstraints)"
        }
        CertDistrusted => "a key in its chain is distrusted",
        SignatureAlgorithmMismatch => "it names two different algorithms for its signature",
        UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        MaximumPathBuildCallsExceeded | MaximumPathDepthExceeded | MaximumSignatureChecksExceeded => {
            "its chain is too long"
        }
        MaximumNameConstraintComparisonsExceeded => "it has too many names",
        _ => "it is malformed",
    }
}

/// A point in time, as in HTTP.
struct Date(UnixTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The last second of the year 9999, which is the last one in a certificate as well (RFC 5280 §4.1.2.5).
        const LAST: u64 = 253_402_300_799;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.as_secs().min(LAST));
        httpdate::HttpDate::from(time).fmt(f)
    }
}

/// A time span in its largest unit, rounded down.
struct Span(u64);

impl Span {
    fn between(from: UnixTime, to: UnixTime) -> Self {
        Self(to.as_secs().saturating_sub(from.as_secs()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.0 {
            seconds @ ..60 => (seconds, "second"),
            seconds @ ..3600 => (seconds / 60, "minute"),
            seconds @ ..86_400 => (seconds / 3600, "hour"),
            seconds => (seconds / 86_400, "day"),
        };
        write!(f, "{n} {unit}{}", if n == 1 { "" } else { "s" })
    }
}
