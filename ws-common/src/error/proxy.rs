//! Failures of a proxy as failures of the attempt that goes through it.

use super::ConnectError;
use crate::http_status::is_transient_status;
use crate::proxy::{Proxy, ProxyError, Socks5Reply};
use crate::tls::TlsError;

impl ProxyError {
    /// The error of a client that goes through this proxy.
    pub(crate) fn of(self, proxy: &Proxy) -> ConnectError {
        ConnectError::from(self).through(proxy)
    }

    /// Whether things may be different next time: after it was not reached, failures of the transport, time-outs, the statuses 408,
    /// 425, 429 and 5xx except 501 and 505, as for a server, and the replies of a SOCKS5 proxy that say so. Not so where it refuses,
    /// or wants other credentials.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Connect(_) | Self::UnexpectedEof(_) => true,
            Self::Timeout { .. } | Self::ConnectTimeout(_) => true,
            // In TLS 1.3 a proxy refuses a client's certificate when TLS is up for the client.
            Self::Transport(broken) => TlsError::find(broken).is_none_or(TlsError::is_passing),
            Self::Refused(refusal) => is_transient_status(refusal.response.status()),
            Self::Reply(reply) => matches!(
                reply,
                Socks5Reply::GeneralFailure
                    | Socks5Reply::NetworkUnreachable
                    | Socks5Reply::HostUnreachable
                    | Socks5Reply::ConnectionRefused
                    | Socks5Reply::TtlExpired
            ),
            Self::Tls(error) => error.is_passing(),
            _ => false,
        }
    }

    /// Whether no attempt can succeed with the same settings: they cannot be used, or the proxy wants other credentials.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Url(_)
                | Self::Environment { .. }
                | Self::UnreadableVariable(_)
                | Self::NameTooLong(_)
                | Self::Name(_)
                | Self::AuthenticationRequired { .. }
                | Self::NoAcceptableMethod { .. }
                | Self::CredentialsRefused(_)
        )
    }
}
