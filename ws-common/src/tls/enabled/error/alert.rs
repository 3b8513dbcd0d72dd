//! Names of alerts, as RFC 8446 §6 and its predecessors write them.

use std::fmt;

use rustls::AlertDescription;

/// The name of an alert, with its number.
pub(super) struct Alert(pub(super) AlertDescription);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u8::from(self.0);
        match name(self.0) {
            Some(name) => write!(f, "{name} ({number})"),
            None => write!(f, "number {number}"),
        }
    }
}

fn name(alert: AlertDescription) -> Option<&'static str> {
    use AlertDescription::*;
    Some(match alert {
        CloseNotify => "close_notify",
        UnexpectedMessage => "unexpected_message",
        BadRecordMac => "bad_record_mac",
        DecryptionFailed => "decryption_failed",
        RecordOverflow => "record_overflow",
        DecompressionFailure => "decompression_failure",
        HandshakeFailure => "handshake_failure",
        NoCertificate => "no_certificate",
        BadCertificate => "bad_certificate",
        UnsupportedCertificate => "unsupported_certificate",
        CertificateRevoked => "certificate_revoked",
        CertificateExpired => "certificate_expired",
        CertificateUnknown => "certificate_unknown",
        IllegalParameter => "illegal_parameter",
        UnknownCA => "unknown_ca",
        AccessDenied => "access_denied",
        DecodeError => "decode_error",
        DecryptError => "decrypt_error",
        ExportRestriction => "export_restriction",
        ProtocolVersion => "protocol_version",
        InsufficientSecurity => "insufficient_security",
        InternalError => "internal_error",
        InappropriateFallback => "inappropriate_fallback",
        UserCanceled => "user_canceled",
        NoRenegotiation => "no_renegotiation",
        MissingExtension => "missing_extension",
        UnsupportedExtension => "unsupported_extension",
        CertificateUnobtainable => "certificate_unobtainable",
        UnrecognisedName => "unrecognized_name",
        BadCertificateStatusResponse => "bad_certificate_status_response",
        BadCertificateHashValue => "bad_certificate_hash_value",
        UnknownPSKIdentity => "unknown_psk_identity",
        CertificateRequired => "certificate_required",
        NoApplicationProtocol => "no_application_protocol",
        EncryptedClientHelloRequired => "ech_required",
        _ => return None,
    })
}

/// The cause of an alert and its remedy, if the alert tells them.
pub(super) fn remedy(alert: AlertDescription) -> Option<&'static str> {
    use AlertDescription::*;
    Some(match alert {
        NoApplicationProtocol => {
            "the peer does not speak HTTP/1.1 here (ALPN http/1.1); a server that speaks only HTTP/2 must allow HTTP/1.1"
        }
        ProtocolVersion => "the peer does not speak the same versions of TLS; this side speaks 1.2 and 1.3",
        HandshakeFailure | InsufficientSecurity => {
            "the peer and this side share no cipher suite, key exchange or kind of certificate"
        }
        UnrecognisedName => {
            "the server has no certificate for this name; another one can be set by `server_name`"
        }
        _ => return None,
    })
}
