//! How a proxy is no help.

mod refusal;
mod reply;
mod url;

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use ws_core::redacted::Excerpt;
use ws_core::{FirstLine, Response, TransportError};

use crate::phase::{ConnectTimeout, OpenPhase, write_failures, write_timeout};
use crate::tls::{TlsError, write_tls};
pub use refusal::ProxyRefusal;
pub use reply::Socks5Reply;
pub use url::ProxyUrlError;

/// Why there is no tunnel through a proxy. No text of it shows user name or password.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// What was set for the proxy cannot be used.
    Url(ProxyUrlError),
    /// What a variable of the environment says cannot be used.
    Environment {
        /// Its name, as it was found.
        variable: &'static str,
        /// What is wrong with its value.
        source: ProxyUrlError,
    },
    /// The proxy's name was not resolved to any address.
    Resolve(io::Error),
    /// None of the proxy's addresses took the connection: each with its error, in the order in which they failed, and at least
    /// one.
    Connect(Vec<(SocketAddr, io::Error)>),
    /// The target's name is over 255 bytes; its length.
    NameTooLong(usize),
    /// The target's name is not one that a proxy can be given.
    Name(String),
    /// The proxy asks for authentication (407).
    AuthenticationRequired {
        /// Its answer.
        refusal: Box<ProxyRefusal>,
        /// Whether it was told user name and password.
        had_credentials: bool,
    },
    /// The proxy's status is neither 2xx nor 407.
    Refused(Box<ProxyRefusal>),
    /// The answer is not of HTTP/1.1 or HTTP/1.0; the beginning of its first line.
    NotHttp(FirstLine),
    /// The head of the answer is malformed: the part, with the name of the field if that is known.
    Malformed(String),
    /// The head of the answer is over 16 KiB.
    HeadTooLong,
    /// The head of the answer has over 100 headers.
    TooManyHeaders,
    /// The answer is not of SOCKS5: the first byte of a message is not its version.
    Version {
        /// The byte.
        seen: u8,
        /// 5, or 1 in the negotiation of user name and password.
        expected: u8,
    },
    /// The SOCKS5 proxy takes none of the ways to authenticate that it was offered.
    NoAcceptableMethod {
        /// Whether user name and password were offered.
        had_credentials: bool,
    },
    /// The SOCKS5 proxy chose a way to authenticate that it was not offered; its number.
    Method(u8),
    /// The SOCKS5 proxy refused user name and password; the status, which has no defined meaning but is not 0.
    CredentialsRefused(u8),
    /// The SOCKS5 proxy did not connect to the target.
    Reply(Socks5Reply),
    /// The SOCKS5 proxy is bound to an address of a type that does not exist.
    AddressType(u8),
    /// The proxy sent over 16 KiB before it had the whole request.
    Early,
    /// The stream ended before the answer, after this many bytes of it.
    UnexpectedEof(usize),
    /// The deadline passed.
    Timeout {
        /// The step that was not done.
        step: ProxyStep,
        /// The value of `open_timeout`. `None` from a machine alone, which knows no setting.
        open_timeout: Option<Duration>,
    },
    /// The transport to the proxy failed.
    Transport(TransportError),
    /// TLS with an `https` proxy failed.
    Tls(TlsError),
    /// The deadline passed while the proxy's addresses were tried.
    ConnectTimeout(ConnectTimeout),
    /// A variable of the environment is not UTF-8; its name, as it was found.
    UnreadableVariable(&'static str),
}

/// What a client waits for on its way through a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProxyStep {
    /// The addresses for the proxy's name.
    Resolve,
    /// A connection to the proxy.
    Connect,
    /// TLS with an `https` proxy.
    Tls,
    /// An HTTP proxy's response to CONNECT.
    Response,
    /// A SOCKS5 proxy's answer to the greeting: how to authenticate (RFC 1928 §3).
    Method,
    /// A SOCKS5 proxy's answer to user name and password (RFC 1929 §2).
    Credentials,
    /// A SOCKS5 proxy's reply to the request: whether it has connected to the target (RFC 1928 §6).
    Reply,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Environment { variable, source } => write!(f, "the variable {variable}: {source}"),
            Self::UnreadableVariable(variable) => write!(f, "the variable {variable} is not UTF-8"),
            Self::Resolve(source) => write!(f, "the proxy's name was not resolved: {source}"),
            Self::Connect(failures) => write_failures(f, "the proxy at ", failures),
            Self::NameTooLong(n) => {
                write!(f, "a host name of {n} bytes is over the limit of 255 that a proxy can be given")
            }
            Self::Name(name) => write!(f, "{name:?} is not a host name that a proxy can be given"),
            Self::AuthenticationRequired { refusal, had_credentials } => {
                write_authentication(f, &refusal.response, *had_credentials)?;
                refusal.write_body(f)
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotHttp(start) => {
                write!(
                    f,
                    "the proxy does not speak HTTP/1.1, but begins with {start}; \
                     is it a SOCKS proxy, or one over TLS?"
                )
            }
            Self::Malformed(what) => write!(f, "the head of the proxy's answer is malformed ({what})"),
            Self::HeadTooLong => f.write_str("the head of the proxy's answer is over the limit of 16 KiB"),
            Self::TooManyHeaders => f.write_str("the proxy's answer has over 100 headers"),
            Self::Version { seen: b'H', .. } => f.write_str(
                "the proxy does not speak SOCKS5, but perhaps HTTP; write http:// in its URL then",
            ),
            Self::Version { seen, expected: 5 } => {
                write!(f, "the proxy does not speak SOCKS5: its answer begins with {seen}, not with 5")
            }
            Self::Version { seen, expected } => {
                write!(
                    f,
                    "the proxy's answer to user name and password begins with {seen}, not with {expected}"
                )
            }
            Self::NoAcceptableMethod { had_credentials: false } => f.write_str(
                "the proxy asks for authentication; \
                 write user name and password in its URL, as in socks5://user:password@host",
            ),
            Self::NoAcceptableMethod { had_credentials: true } => f.write_str(
                "the proxy asks for another authentication than by user name and password, and there is none",
            ),
            Self::Method(method) => {
                write!(f, "the proxy chose to authenticate by method {method}, which it was not offered")
            }
            Self::CredentialsRefused(status) => {
                write!(f, "the proxy refused user name and password (status {status}); check them")
            }
            Self::Reply(reply) => write!(f, "the proxy did not connect: {reply}"),
            Self::AddressType(kind) => {
                write!(f, "the proxy's answer has an address of type {kind}, which does not exist")
            }
            Self::Early => f.write_str("the proxy sent data before it had the whole request"),
            Self::UnexpectedEof(0) => f.write_str("the proxy ended the stream without an answer"),
            Self::UnexpectedEof(n) => {
                write!(f, "the proxy ended the stream after {n} bytes, within its answer")
            }
            Self::Timeout { step, open_timeout } => write_step(f, *step, *open_timeout),
            Self::Transport(broken) => write!(f, "to the proxy, {broken}"),
            Self::Tls(error) => {
                f.write_str("TLS with the proxy: ")?;
                write_tls(f, error, "http, not https")
            }
            Self::ConnectTimeout(timeout) => write_timeout(f, "the proxy at ", timeout),
        }
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, step: ProxyStep, timeout: Option<Duration>) -> fmt::Result {
    let (failure, hint) = match step {
        ProxyStep::Resolve => ("the proxy's name was not resolved", ""),
        ProxyStep::Connect => ("the proxy took no connection", "; is it there?"),
        ProxyStep::Tls => ("TLS with the proxy was not up", "; does it speak TLS at this port?"),
        ProxyStep::Response => {
            ("the proxy did not answer CONNECT", "; is it an HTTP proxy, and does it reach the target?")
        }
        ProxyStep::Method => ("the proxy did not answer the greeting of SOCKS5", "; is it a SOCKS proxy?"),
        ProxyStep::Credentials => ("the proxy did not answer user name and password", ""),
        ProxyStep::Reply => ("the proxy did not connect to the target", ""),
    };
    match timeout {
        Some(timeout) => write!(f, "{failure} in {timeout:?} (open_timeout){hint}"),
        None => write!(f, "{failure} in time{hint}"),
    }
}

fn write_authentication(
    f: &mut fmt::Formatter<'_>,
    response: &Response,
    had_credentials: bool,
) -> fmt::Result {
    let mut schemes: Vec<&str> = Vec::new();
    for challenge in response.headers().all("Proxy-Authenticate") {
        schemes.extend(challenge.split([' ', ',']).next());
    }
    if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic")) {
        f.write_str("the proxy asks for authentication by ")?;
        // A list of many challenges says no more.
        for (n, scheme) in schemes.iter().take(4).enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { ", " }, Excerpt::new(scheme))?;
        }
        return f.write_str(" (407), and there is only Basic");
    }
    f.write_str(if had_credentials {
        "the proxy refused user name and password (407); check them"
    } else {
        "the proxy asks for authentication (407); \
         write user name and password in its URL, as in http://user:password@host"
    })
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => std::error::Error::source(error),
            Self::Environment { source, .. } => std::error::Error::source(source),
            Self::Resolve(source) => std::error::Error::source(source),
            Self::Connect(failures) => {
                failures.last().and_then(|(_, error)| std::error::Error::source(error))
            }
            Self::Transport(broken) => std::error::Error::source(broken),
            Self::Tls(error) => std::error::Error::source(error),
            Self::ConnectTimeout(timeout) => std::error::Error::source(timeout),
            _ => None,
        }
    }
}

impl ProxyError {
    /// Tells a machine's time-out the setting.
    pub(crate) fn within(self, timeout: Duration) -> Self {
        match self {
            Self::Timeout { step, .. } => Self::Timeout { step, open_timeout: Some(timeout) },
            error => error,
        }
    }

    /// The text for traces of an error that quotes the proxy.
    pub(crate) fn traced(&self) -> Option<&dyn fmt::Display> {
        match self {
            Self::AuthenticationRequired { .. } => Some(&"the proxy asks for another authentication (407)"),
            Self::NotHttp(_) => Some(&"the proxy does not speak HTTP/1.1"),
            Self::Tls(error) if error.is_not_tls() => Some(&"the proxy does not speak TLS"),
            _ => None,
        }
    }

    /// In which phase of opening it happened.
    pub(crate) fn phase(&self) -> OpenPhase {
        match self {
            Self::Resolve(_) | Self::Timeout { step: ProxyStep::Resolve, .. } => OpenPhase::Resolve,
            Self::Connect(_) | Self::ConnectTimeout(_) | Self::Timeout { step: ProxyStep::Connect, .. } => {
                OpenPhase::Connect
            }
            _ => OpenPhase::Proxy,
        }
    }

    /// Whether it is the transport below TLS with the proxy that has ended or failed.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Tls(error) if error.is_end())
    }
}

impl From<ProxyUrlError> for ProxyError {
    fn from(error: ProxyUrlError) -> Self {
        Self::Url(error)
    }
}
