//! The failure of a client that has no connection.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use ws_core::{HandshakeError, InvalidHeader, ResponseError};

use super::tls::of_transport;
use super::{ConnectorError, PrepareError};
use crate::phase::{ConnectTimeout, OpenPhase, write_failures};
use crate::proxy::{Proxy, ProxyError, ProxyUrlError};
use crate::redirect::RedirectRefused;
use crate::target::TargetError;
use crate::tls::{TlsConfigError, TlsError, is_reset, write_tls};

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
        /// The proxy, without its user name and password. `None` if the setting is no URL of a proxy.
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

/// The failure of a local call, such as the one for the addresses of a socket.
impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}
