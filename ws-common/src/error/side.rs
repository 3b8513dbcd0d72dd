//! The side that ended an attempt to connect.

use std::io;
use std::net::SocketAddr;

use ws_core::{HandshakeError, Initiator, TransportError};

use super::ConnectError;
use crate::proxy::ProxyError;
use crate::system::socket::LocalFailure;
use crate::tls::TlsError;

impl ConnectError {
    /// The side that ended the attempt. The peer's, if the peer or the network did: a connection that was refused or reset, the end of the
    /// stream, an alert of TLS, a refusal by the server (a status other than 101) or by the proxy. Ours, if we gave up: before anything
    /// was sent, after a deadline, and after an answer or a certificate that we do not accept.
    #[doc(hidden)]
    pub fn side(&self) -> Initiator {
        let is_ours = match self {
            Self::Url(_) | Self::TlsUnsupported | Self::TlsConfig(_) | Self::Request(_) | Self::Local(_) => {
                true
            }
            Self::Prepare(_) | Self::PrepareTimeout(_) => true,
            Self::Connector(_) | Self::ConnectorWithProxy => true,
            Self::Resolve { .. } | Self::Timeout { .. } | Self::ConnectTimeout(_) | Self::Redirect(_) => true,
            Self::Connect(failures) => are_ours(failures),
            Self::Tls { source, .. } => source.is_ours(),
            Self::Proxy { source, .. } => source.is_ours(),
            Self::Handshake { source: HandshakeError::Transport(broken), .. } => is_tls_of_ours(broken),
            Self::Handshake {
                source: HandshakeError::Rejected(_) | HandshakeError::UnexpectedEof(_),
                ..
            } => false,
            // Everything else is a deadline or a response that breaks a rule.
            Self::Handshake { .. } => true,
        };
        if is_ours { Initiator::Local } else { Initiator::Remote }
    }
}

impl ProxyError {
    /// Whether we ended the attempt, as [`ConnectError::side`](ConnectError::side) tells.
    fn is_ours(&self) -> bool {
        match self {
            Self::Url(_) | Self::Environment { .. } | Self::UnreadableVariable(_) => true,
            Self::NameTooLong(_) | Self::Name(_) | Self::Resolve(_) => true,
            Self::Timeout { .. } | Self::ConnectTimeout(_) => true,
            // Answers that we do not accept.
            Self::NotHttp(_) | Self::Malformed(_) | Self::HeadTooLong | Self::TooManyHeaders => true,
            Self::Version { .. } | Self::Method(_) | Self::AddressType(_) | Self::Early => true,
            // Refusals. RFC 1928 §3: a proxy that takes no method leaves it to the client to close.
            Self::AuthenticationRequired { .. } | Self::Refused(_) | Self::NoAcceptableMethod { .. } => false,
            Self::CredentialsRefused(_) | Self::Reply(_) | Self::UnexpectedEof(_) => false,
            Self::Connect(failures) => are_ours(failures),
            Self::Transport(broken) => is_tls_of_ours(broken),
            Self::Tls(error) => error.is_ours(),
        }
    }
}

/// Whether we ended an attempt of which each address failed so: no connect to any address began.
fn are_ours(failures: &[(SocketAddr, io::Error)]) -> bool {
    failures.iter().all(|(_, error)| LocalFailure::is(error))
}

/// Whether a transport failed because we ended its TLS.
fn is_tls_of_ours(broken: &TransportError) -> bool {
    TlsError::find(broken).is_some_and(TlsError::is_ours)
}
