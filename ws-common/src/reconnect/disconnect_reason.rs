//! What a policy decides about.

use std::time::Duration;

use ws_core::{Closed, Error, HandshakeError};

use super::retry_after::retry_after;
use crate::error::{ClientError, ConnectError};
use crate::http_status::is_transient_status;
use crate::proxy::ProxyError;
use crate::tls::TlsError;

/// RFC 9110 §15.5.8.
const PROXY_AUTHENTICATION: u16 = 407;

/// How an attempt to connect, or a connection, has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DisconnectReason<'a> {
    /// It was never open.
    Failed(&'a ConnectError),
    /// It was open.
    Closed {
        /// How it was closed.
        closed: &'a Closed,
        /// Why it failed: any error but [`Connect`](ClientError::Connect). `None` if Close frames were exchanged without a failure.
        error: Option<&'a ClientError>,
    },
}

impl DisconnectReason<'_> {
    /// Whether the end is of a kind that passes by itself: failures of the name service, of TCP and of TLS, a proxy that did not
    /// reach the server, errors of a connector, errors and time-outs of `prepare`, time-outs, the end of the stream, a certificate that has expired or is not valid yet, the statuses 408,
    /// 425, 429 and 5xx except 501 and 505, and the close codes 1001, 1005, 1006 and 1011 to 1014. Not transient are another
    /// failure that is about a certificate, another status, a wrong response, a violation of the protocol, and other close codes. No final end ([`is_final`](Self::is_final)) is transient.
    ///
    /// A time-out of an open connection is transient, and the code that the peer was told or has answered does not matter:
    /// [`Timeout::Message`](ws_core::Timeout::Message), [`Unconfirmed`](ClientError::Unconfirmed) and [`Idle`](ClientError::Idle), too.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Failed(error) => is_passing(error),
            // We closed it, for what the peer would do again.
            Self::Closed {
                error:
                    Some(
                        ClientError::Connection(Error::Violation(_))
                        | ClientError::Unconfirmable
                        | ClientError::OpeningTooLarge { .. },
                    ),
                ..
            } => false,
            // The peer has missed a deadline, and the code that it was told or has answered does not matter.
            Self::Closed {
                error:
                    Some(
                        ClientError::Connection(Error::Timeout(_))
                        | ClientError::Unconfirmed(_)
                        | ClientError::Idle(_),
                    ),
                ..
            } => true,
            Self::Closed { closed, .. } => matches!(closed.code, 1001 | 1005 | 1006 | 1011..=1014),
        }
    }

    /// Whether no attempt can succeed with the same settings: a URL, a request or a TLS setting that cannot be used, a proxy
    /// that wants other credentials (407, and the same of SOCKS5; also a 407 in answer to the handshake, which comes from a proxy of the
    /// network that the client was not told of), an error of `prepare` or of a connector that says so
    /// ([`PrepareError::final_error`](crate::PrepareError::final_error)), a proxy beside a connector, a peer that cannot be used with confirmed delivery
    /// ([`ClientError::Unconfirmable`]), and messages of `on_open` over the limit ([`ClientError::OpeningTooLarge`]).
    pub fn is_final(&self) -> bool {
        match self {
            Self::Failed(error) => match error {
                ConnectError::Url(_)
                | ConnectError::TlsUnsupported
                | ConnectError::TlsConfig(_)
                | ConnectError::ConnectorWithProxy
                | ConnectError::Request(_) => true,
                ConnectError::Prepare(error) => error.is_final(),
                ConnectError::Connector(error) => error.is_final(),
                ConnectError::Proxy { source, .. } => source.is_final(),
                ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } => {
                    rejected.response.status() == PROXY_AUTHENTICATION
                }
                _ => false,
            },
            Self::Closed { error, .. } => {
                matches!(error, Some(ClientError::Unconfirmable | ClientError::OpeningTooLarge { .. }))
            }
        }
    }

    /// How long the server asks to be left alone, if it refused the handshake with a valid `Retry-After` (RFC 9110 §10.2.3). The same of
    /// a proxy that refused to connect. A date counts from the response's `Date`, and says nothing without it. It may be any length.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. }) => {
                retry_after(rejected.response.headers())
            }
            Self::Failed(ConnectError::Proxy { source: ProxyError::Refused(refusal), .. }) => {
                retry_after(refusal.response.headers())
            }
            _ => None,
        }
    }
}

fn is_passing(error: &ConnectError) -> bool {
    match error {
        ConnectError::Resolve { .. }
        | ConnectError::Connect { .. }
        | ConnectError::Local(_)
        | ConnectError::PrepareTimeout(_)
        | ConnectError::Timeout { .. }
        | ConnectError::ConnectTimeout(_) => true,
        ConnectError::Url(_)
        | ConnectError::TlsUnsupported
        | ConnectError::TlsConfig(_)
        | ConnectError::Redirect(_)
        | ConnectError::ConnectorWithProxy
        | ConnectError::Request(_) => false,
        ConnectError::Prepare(error) => !error.is_final(),
        ConnectError::Connector(error) => !error.is_final(),
        ConnectError::Proxy { source, .. } => source.is_passing(),
        ConnectError::Tls { source: error, .. } => error.is_passing(),
        ConnectError::Handshake { source, .. } => is_passing_in_handshake(source),
    }
}

fn is_passing_in_handshake(error: &HandshakeError) -> bool {
    match error {
        HandshakeError::Rejected(rejected) => is_transient_status(rejected.response.status()),
        HandshakeError::UnexpectedEof(_) | HandshakeError::Timeout => true,
        // In TLS 1.3 a server refuses a client's certificate when TLS is up for the client.
        HandshakeError::Transport(_) => TlsError::find(error).is_none_or(TlsError::is_passing),
        // What is left is a server that does not speak the protocol.
        _ => false,
    }
}
