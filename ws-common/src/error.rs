//! How opening a connection fails.

mod client;
mod connector;
mod hook;
mod prepare;
#[cfg(test)]
mod tests;
mod tls;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{fmt, io};

use ws_core::{HandshakeError, Initiator, InvalidHeader, RequestError, ResponseError, TransportError};

use crate::phase::write_failures;
pub use crate::phase::{ConnectTimeout, OpenPhase};
use crate::proxy::{Proxy, ProxyError, ProxyUrlError};
use crate::redirect::RedirectRefused;
use crate::system::socket::LocalFailure;
use crate::target::TargetError;
use crate::tls::{TlsConfigError, TlsError, write_tls};
use crate::trusted_proxy::TrustedProxyError;
pub use client::ClientError;
pub use connector::ConnectorError;
pub use prepare::PrepareError;
use tls::of_transport;
pub use websocket::WebSocketError;

/// Why a client has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be connected to.
    Url(TargetError),
    /// `wss`, or an `https` proxy, in a build without TLS.
    TlsUnsupported,
    /// TLS cannot be set up as it was asked for. Nothing was sent.
    TlsConfig(TlsConfigError),
    /// The request cannot be made.
    Request(InvalidHeader),
    /// The server's name was not resolved to any address.
    Resolve {
        /// The name.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// No address of the server took the connection: each with its error, in the order in which they failed, and at least one.
    Connect(Vec<(SocketAddr, io::Error)>),
    /// Not even the connecting began: no local socket, or no random numbers.
    Local(io::Error),
    /// The proxy is no help, or not there.
    Proxy {
        /// Which one, without its user name and password. None if what was set for it is no URL of a proxy.
        proxy: Option<Box<Proxy>>,
        /// Why not.
        source: ProxyError,
    },
    /// TLS with the server failed.
    Tls {
        /// The address of the server. `None` behind a proxy, and over a transport that the user opened.
        peer: Option<SocketAddr>,
        /// Why.
        source: TlsError,
    },
    /// The opening handshake failed.
    Handshake {
        /// The address of the server. `None` behind a proxy, and over a transport that the user opened.
        peer: Option<SocketAddr>,
        /// Why.
        source: HandshakeError,
    },
    /// A redirect was not followed: the hook [`on_redirect`](crate::ConnectOptions::on_redirect) refused it, or it leads from a public
    /// address to a private one.
    Redirect(Box<RedirectRefused>),
    /// The hook [`prepare`](crate::session::ClientBuilder::prepare) failed. Nothing was sent.
    Prepare(PrepareError),
    /// The hook [`prepare`](crate::session::ClientBuilder::prepare) took longer than this
    /// [`prepare_timeout`](crate::session::ClientBuilder::prepare_timeout). Nothing was sent.
    PrepareTimeout(Duration),
    /// The [connector](crate::session::ClientBuilder::connector) of the program has supplied no transport.
    Connector(ConnectorError),
    /// A proxy is set beside a [connector](crate::session::ClientBuilder::connector), which would go past it.
    ConnectorWithProxy,
    /// It took longer than `open_timeout`.
    Timeout {
        /// The phase in which the time passed.
        phase: OpenPhase,
        /// The value of `open_timeout`.
        open_timeout: Duration,
        /// The address of the server. `None` if it is not known yet, behind a proxy, and over a transport that the user opened.
        peer: Option<SocketAddr>,
    },
    /// `open_timeout` passed while addresses were tried.
    ConnectTimeout(ConnectTimeout),
}

impl ConnectError {
    /// In which phase it happened.
    pub fn phase(&self) -> OpenPhase {
        match self {
            Self::Url(_) | Self::TlsUnsupported | Self::TlsConfig(_) | Self::Request(_) | Self::Local(_) => {
                OpenPhase::Setup
            }
            Self::ConnectorWithProxy => OpenPhase::Setup,
            Self::Prepare(_) | Self::PrepareTimeout(_) => OpenPhase::Prepare,
            Self::Resolve { .. } => OpenPhase::Resolve,
            Self::Connect(_) | Self::Connector(_) => OpenPhase::Connect,
            Self::Proxy { source, .. } => source.phase(),
            Self::Tls { .. } => OpenPhase::Tls,
            Self::Handshake { .. } | Self::Redirect(_) => OpenPhase::Handshake,
            Self::Timeout { phase, .. } => *phase,
            Self::ConnectTimeout(_) => OpenPhase::Connect,
        }
    }
}

impl ConnectError {
    /// The side that ended the attempt. The peer's, if the peer or the network did: a connection that was refused or reset, the end of the
    /// stream, an alert of TLS, a refusal by the server (a status other than 101) or by the proxy. Ours, if we gave up: before anything
    /// was sent, after a deadline, and after an answer or a certificate that we do not accept.
    pub(crate) fn side(&self) -> Initiator {
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

    /// Tells a failure of TLS or of the handshake, or a time-out, the server.
    pub(crate) fn with_peer(self, peer: Option<SocketAddr>) -> Self {
        match self {
            Self::Tls { source, .. } => Self::Tls { peer, source },
            Self::Handshake { source, .. } => Self::Handshake { peer, source },
            Self::Timeout { phase, open_timeout, .. } => Self::Timeout { phase, open_timeout, peer },
            error => error,
        }
    }

    /// Says which proxy it was, if it was the proxy.
    pub(crate) fn through(self, proxy: &Proxy) -> Self {
        match self {
            Self::Proxy { source, .. } => {
                Self::Proxy { proxy: Some(Box::new(proxy.without_credentials())), source }
            }
            error => error,
        }
    }
}

/// Whether we ended an attempt of which each address failed so: no address could be dialed at all.
pub(crate) fn are_ours(failures: &[(SocketAddr, io::Error)]) -> bool {
    failures.iter().all(|(_, error)| LocalFailure::is(error))
}

/// Whether a transport failed because we ended its TLS.
pub(crate) fn is_tls_of_ours(broken: &TransportError) -> bool {
    TlsError::find(broken).is_some_and(TlsError::is_ours)
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str("this build has no TLS; choose the feature `tls`"),
            Self::TlsConfig(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Resolve { host, source } => write!(f, "the name {host:?} was not resolved: {source}"),
            Self::Connect(failures) => write_failures(f, "", failures),
            Self::Local(source) => write!(f, "the connection could not be begun: {source}"),
            Self::Proxy { proxy: Some(proxy), source } => write!(f, "through {proxy}: {source}"),
            Self::Proxy { proxy: None, source } => source.fmt(f),
            Self::Tls { peer: Some(peer), source } => {
                write!(f, "TLS with {peer} failed: ")?;
                write_tls_of_server(f, source)
            }
            Self::Tls { peer: None, source } => {
                f.write_str("TLS failed: ")?;
                write_tls_of_server(f, source)
            }
            Self::Handshake { peer, source } => {
                if let Some(peer) = peer {
                    write!(f, "the handshake with {peer} failed: ")?;
                }
                write_handshake(f, source)
            }
            Self::Redirect(refused) => refused.fmt(f),
            Self::Prepare(error) => error.fmt(f),
            Self::Connector(error) => error.fmt(f),
            Self::ConnectorWithProxy => f.write_str(
                "a proxy is set beside a connector; the connector has to go through the proxy itself",
            ),
            Self::PrepareTimeout(timeout) => {
                write!(f, "prepare took longer than {timeout:?} (prepare_timeout)")
            }
            Self::Timeout { phase, open_timeout, peer } => {
                f.write_str("the connection ")?;
                if let Some(peer) = peer {
                    write!(f, "to {peer} ")?;
                }
                write!(f, "was not open in {open_timeout:?} (open_timeout); it got as far as: {phase}")
            }
            Self::ConnectTimeout(timeout) => timeout.fmt(f),
        }
    }
}

fn write_handshake(f: &mut fmt::Formatter<'_>, error: &HandshakeError) -> fmt::Result {
    match error {
        HandshakeError::Response(ResponseError::NotHttp(start)) if is_tls(start) => {
            f.write_str("the server speaks TLS; write wss:// in its URL")
        }
        // So do servers that speak something else.
        HandshakeError::Transport(broken) if is_reset(broken) => {
            write!(f, "{error}{WRONG_PORT}")
        }
        error => write!(f, "{error}"),
    }
}

fn write_tls_of_server(f: &mut fmt::Formatter<'_>, error: &TlsError) -> fmt::Result {
    if error.is_reset() { write!(f, "{error}{WRONG_PORT}") } else { write_tls(f, error, "ws, not wss") }
}

/// The remedy for a server that breaks off the connection in place of an answer.
const WRONG_PORT: &str = "; is this the right port and scheme (ws or wss)?";

/// Whether the peer has broken off the connection.
pub(crate) fn is_reset(broken: &TransportError) -> bool {
    broken.reason().downcast_ref::<io::Error>().is_some_and(|source| {
        matches!(
            source.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
        )
    })
}

/// RFC 8446 §5.1: whether it begins as an alert or a handshake of TLS does, as far as it came.
fn is_tls(start: &[u8]) -> bool {
    matches!(start, [0x15 | 0x16] | [0x15 | 0x16, 3, ..])
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => std::error::Error::source(error),
            Self::Resolve { source, .. } | Self::Local(source) => std::error::Error::source(source),
            Self::Connect(failures) => {
                failures.last().and_then(|(_, error)| std::error::Error::source(error))
            }
            Self::TlsConfig(error) => std::error::Error::source(error),
            Self::Proxy { source, .. } => std::error::Error::source(source),
            Self::Tls { source, .. } => std::error::Error::source(source),
            Self::Handshake { source, .. } => std::error::Error::source(source),
            Self::ConnectTimeout(timeout) => std::error::Error::source(timeout),
            // The error of the program itself was told by `Display`.
            Self::Prepare(error) => error.error().source(),
            Self::Connector(error) => error.error().source(),
            Self::Request(_)
            | Self::TlsUnsupported
            | Self::Redirect(_)
            | Self::ConnectorWithProxy
            | Self::PrepareTimeout(_)
            | Self::Timeout { .. } => None,
        }
    }
}

impl From<TargetError> for ConnectError {
    fn from(error: TargetError) -> Self {
        Self::Url(error)
    }
}

impl From<RedirectRefused> for ConnectError {
    fn from(refused: RedirectRefused) -> Self {
        Self::Redirect(Box::new(refused))
    }
}

impl From<InvalidHeader> for ConnectError {
    fn from(error: InvalidHeader) -> Self {
        Self::Request(error)
    }
}

/// A failure of TLS below the handshake is one of TLS.
impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Transport(broken) => of_transport(broken).unwrap_or_else(|broken| {
                Self::Handshake { peer: None, source: HandshakeError::Transport(broken) }
            }),
            source => Self::Handshake { peer: None, source },
        }
    }
}

/// A failure of TLS below the proxy's answer is one of TLS.
impl From<ProxyError> for ConnectError {
    fn from(error: ProxyError) -> Self {
        let of_proxy = |source| Self::Proxy { proxy: None, source };
        match error {
            ProxyError::Transport(broken) => {
                of_transport(broken).unwrap_or_else(|broken| of_proxy(ProxyError::Transport(broken)))
            }
            error => of_proxy(error),
        }
    }
}

impl From<ProxyUrlError> for ConnectError {
    fn from(error: ProxyUrlError) -> Self {
        ProxyError::Url(error).into()
    }
}

impl From<TlsConfigError> for ConnectError {
    fn from(error: TlsConfigError) -> Self {
        Self::TlsConfig(error)
    }
}

/// What a local call says, such as that for the addresses of a socket.
impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// Why a server has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// From `Listener::accept`: the listening socket can accept no client, now or later. From `Incoming::accept`: the system gave no
    /// random numbers.
    Io(io::Error),
    /// TLS cannot be set up as it was asked for.
    TlsConfig(TlsConfigError),
    /// TLS with the client failed.
    Tls(TlsError),
    /// The opening handshake failed; the client was answered as fits.
    Handshake(HandshakeError),
    /// The client did not get so far in `open_timeout`, or did not take the answer.
    Timeout {
        /// The phase in which the time passed.
        phase: OpenPhase,
        /// The value of `open_timeout`.
        open_timeout: Duration,
    },
    /// The connection does not come from the proxy that
    /// [`trusted_proxy`](crate::AcceptOptions::trusted_proxy) announces. The client was answered with 400, unless it awaits TLS.
    TrustedProxy(TrustedProxyError),
    /// The client behind a trusted proxy is at
    /// [`max_connections_per_client`](crate::AcceptOptions::max_connections_per_client). It was answered with 503, unless it awaits TLS.
    ClientLimit {
        /// The client.
        client: IpAddr,
        /// The value of `max_connections_per_client`.
        limit: usize,
    },
    /// The program took longer for its decision than this `decide_timeout`. The client was answered with 503.
    DecideTimeout(Duration),
    /// The server refused the request with this status.
    Rejected(u16),
    /// The listener is shutting down.
    Shutdown,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(source) => write!(f, "accepting a connection failed: {source}"),
            Self::TlsConfig(error) => error.fmt(f),
            Self::Tls(error) => {
                f.write_str("TLS failed: ")?;
                write_tls(f, error, "ws, not wss")
            }
            Self::Handshake(HandshakeError::UnexpectedEof(0)) => {
                f.write_str("the client ended the stream without a request")
            }
            Self::Handshake(error) => error.fmt(f),
            Self::Timeout { phase, open_timeout } => {
                write!(f, "the client was not done in {open_timeout:?} (open_timeout) with: {phase}")
            }
            Self::TrustedProxy(error) => error.fmt(f),
            Self::ClientLimit { client, limit } => {
                let s = if *limit == 1 { "" } else { "s" };
                write!(
                    f,
                    "the client {client} has {limit} connection{s} (max_connections_per_client) already"
                )
            }
            Self::DecideTimeout(limit) => {
                write!(f, "the program took longer for its decision than decide_timeout ({limit:?})")
            }
            Self::Rejected(status) => write!(f, "the request was refused with {status}"),
            Self::Shutdown => f.write_str("the listener is shutting down"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(source) => std::error::Error::source(source),
            Self::TlsConfig(error) => std::error::Error::source(error),
            Self::Tls(error) => std::error::Error::source(error),
            Self::Handshake(error) => std::error::Error::source(error),
            Self::TrustedProxy(error) => std::error::Error::source(error),
            Self::Timeout { .. } | Self::ClientLimit { .. } | Self::DecideTimeout(_) => None,
            Self::Rejected(_) | Self::Shutdown => None,
        }
    }
}

impl From<TlsConfigError> for AcceptError {
    fn from(error: TlsConfigError) -> Self {
        Self::TlsConfig(error)
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl ProxyError {
    /// The error of a client that goes through this proxy.
    pub(crate) fn of(self, proxy: &Proxy) -> ConnectError {
        ConnectError::from(self).through(proxy)
    }
}

/// The part of an error that traces may show. They show the status of a refusal by itself, and no text that quotes the peer, which may
/// repeat secrets.
impl ConnectError {
    pub(crate) fn rejection(&self) -> Option<u16> {
        match self {
            Self::Handshake { source, .. } => rejection(source),
            Self::Proxy { source: ProxyError::Refused(refusal), .. } => Some(refusal.response.status()),
            _ => None,
        }
    }

    pub(crate) fn traced(&self) -> &dyn fmt::Display {
        match self {
            Self::Handshake { source, .. } => traced(source),
            Self::Tls { source, .. } if source.is_not_tls() => NOT_TLS,
            Self::Proxy { source, .. } => source.traced().unwrap_or(self),
            Self::Redirect(_) => &"the redirect is refused",
            error => error,
        }
    }
}

impl AcceptError {
    pub(crate) fn rejection(&self) -> Option<u16> {
        match self {
            Self::Handshake(error) => rejection(error),
            _ => None,
        }
    }

    pub(crate) fn traced(&self) -> &dyn fmt::Display {
        match self {
            Self::Handshake(error) => traced(error),
            Self::Tls(error) if error.is_not_tls() => NOT_TLS,
            error => error,
        }
    }
}

const NOT_TLS: &&str = &"the peer does not speak TLS";

fn rejection(error: &HandshakeError) -> Option<u16> {
    match error {
        HandshakeError::Rejected(rejected) => Some(rejected.response.status()),
        _ => None,
    }
}

fn traced(error: &HandshakeError) -> &dyn fmt::Display {
    match error {
        // An operator needs both values to see which setting is missing. Neither is a secret.
        HandshakeError::Request(RequestError::ForeignOrigin { .. }) => error,
        HandshakeError::Response(_) | HandshakeError::Request(_) => &"it is no WebSocket handshake",
        error => error,
    }
}
