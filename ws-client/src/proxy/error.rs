//! How a proxy is no help.

use std::fmt;

use ws_core::bytes::Bytes;
use ws_core::{Broken, Response};

use crate::tls::TlsError;

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
    /// The target's name is over 255 bytes; its length.
    NameTooLong(usize),
    /// The target's name is not one that a proxy can be given.
    Name(String),
    /// The proxy asks for authentication (407).
    AuthenticationRequired {
        /// Its answer.
        response: Box<Response>,
        /// Whether it was told user name and password.
        had_credentials: bool,
    },
    /// The proxy's status is neither 2xx nor 407.
    Refused(Box<Response>),
    /// The answer is not of HTTP/1.1 or HTTP/1.0; the beginning of its first line.
    NotHttp(Bytes),
    /// The head of the answer is malformed.
    Malformed(&'static str),
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
    /// The proxy did not answer by the deadline.
    Timeout,
    /// The transport to the proxy failed.
    Transport(Broken),
    /// TLS with an `https` proxy failed.
    Tls(TlsError),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Environment { variable, source } => write!(f, "the variable {variable}: {source}"),
            Self::NameTooLong(n) => {
                write!(f, "a host name of {n} bytes is over the limit of 255 that a proxy can be given")
            }
            Self::Name(name) => write!(f, "{name:?} is not a host name that a proxy can be given"),
            Self::AuthenticationRequired { response, had_credentials } => {
                write_authentication(f, response, *had_credentials)
            }
            Self::Refused(response) => write_refused(f, response),
            Self::NotHttp(start) => {
                let start = String::from_utf8_lossy(start);
                write!(
                    f,
                    "the proxy does not speak HTTP/1.1, but begins with {start:?}; \
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
            Self::Timeout => f.write_str("the proxy did not connect in time"),
            Self::Transport(broken) => write!(f, "to the proxy, {broken}"),
            Self::Tls(error) => write!(f, "TLS with the proxy: {error}"),
        }
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
        let schemes: String = schemes.join(", ").chars().take(80).collect();
        return write!(f, "the proxy asks for authentication by {schemes:?} (407), and there is only Basic");
    }
    f.write_str(if had_credentials {
        "the proxy refused user name and password (407); check them"
    } else {
        "the proxy asks for authentication (407); \
         write user name and password in its URL, as in http://user:password@host"
    })
}

fn write_refused(f: &mut fmt::Formatter<'_>, response: &Response) -> fmt::Result {
    write!(f, "the proxy did not connect, but answered {}", response.status())?;
    let reason: String = response.reason().chars().take(80).collect();
    if !reason.is_empty() {
        write!(f, " {reason}")?;
    }
    match response.status() {
        // Some proxies say this of credentials that are wrong, in place of 407.
        401 => f.write_str("; check user name and password in its URL"),
        403 | 405 => f.write_str("; does it allow CONNECT to this host and port?"),
        400 | 404 | 501 => f.write_str("; is it a proxy?"),
        502..=504 => f.write_str("; it could not reach the target"),
        _ => Ok(()),
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => std::error::Error::source(error),
            Self::Environment { source, .. } => Some(source),
            Self::Transport(broken) => std::error::Error::source(broken),
            Self::Tls(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl ProxyError {
    /// Whether things may be different next time: after failures of the transport, time-outs, the statuses of a proxy that did
    /// not reach the target (502 to 504, and those of an overloaded server, 408, 429, 500), and the replies of a SOCKS5 proxy
    /// that say so. Not so where it refuses, or wants other credentials.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::UnexpectedEof(_) | Self::Timeout => true,
            // In TLS 1.3 a proxy refuses a client's certificate when TLS is up for the client.
            Self::Transport(broken) => TlsError::find(broken).is_none_or(TlsError::is_passing),
            Self::Refused(response) => matches!(response.status(), 408 | 429 | 500 | 502..=504),
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
}

impl ProxyError {
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

/// Why a SOCKS5 proxy did not connect (RFC 1928 §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Socks5Reply {
    /// 1: general SOCKS server failure.
    GeneralFailure,
    /// 2: connection not allowed by ruleset.
    NotAllowed,
    /// 3: network unreachable.
    NetworkUnreachable,
    /// 4: host unreachable.
    HostUnreachable,
    /// 5: connection refused.
    ConnectionRefused,
    /// 6: TTL expired.
    TtlExpired,
    /// 7: command not supported.
    CommandNotSupported,
    /// 8: address type not supported.
    AddressTypeNotSupported,
    /// A number without a meaning.
    Unknown(u8),
}

impl From<u8> for Socks5Reply {
    fn from(reply: u8) -> Self {
        match reply {
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Socks5Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeneralFailure => "it failed without saying why (1)",
            Self::NotAllowed => "its rules do not allow this target (2)",
            Self::NetworkUnreachable => "it does not reach the target's network (3)",
            Self::HostUnreachable => "it does not reach the target, or cannot resolve its name (4)",
            Self::ConnectionRefused => "the target refused the connection (5)",
            Self::TtlExpired => "the way to the target is too long, or it took too much time (6)",
            Self::CommandNotSupported => "it does not support CONNECT (7)",
            Self::AddressTypeNotSupported => {
                "it does not support this type of address (8); \
                 socks5h:// gives it the name, socks5:// an address"
            }
            Self::Unknown(reply) => return write!(f, "it answered {reply}, which has no meaning"),
        })
    }
}

/// Why a text is not the URL of a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It is not a URL.
    Malformed(url::ParseError),
    /// It has no scheme, or no `//` after it.
    NoScheme,
    /// The scheme is none of `http`, `https`, `socks5`, `socks5h`.
    Scheme(String),
    /// It has no host.
    NoHost,
    /// It has a path.
    Path,
    /// It has a query (`?…`).
    Query,
    /// It has a fragment (`#…`).
    Fragment,
    /// The port is 0.
    PortZero,
    /// User name or password is over the 255 bytes that SOCKS5 has room for (RFC 1929).
    CredentialTooLong {
        /// Which of them.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// There is a password without a user name, which SOCKS5 has no place for (RFC 1929).
    NoUser,
    /// The user name has a colon, which `Basic` would take for its end (RFC 7617).
    UserHasColon,
    /// User name or password has a control character, which `Basic` forbids (RFC 7617).
    ControlInCredentials,
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not the URL of a proxy: {error}"),
            Self::NoScheme => f.write_str(
                "the proxy's URL has no scheme; write http://host:port or socks5://host:port",
            ),
            Self::Scheme(scheme) => {
                let scheme: String = scheme.chars().take(40).collect();
                write!(f, "the proxy's scheme {scheme:?} is none of http, https, socks5, socks5h")
            }
            Self::NoHost => {
                f.write_str("the proxy's URL has no host; write http://host:port or socks5://host:port")
            }
            Self::Path => f.write_str(
                "a proxy's URL has no path; remove it, and write %2F for a slash in user name or password",
            ),
            Self::Query => f.write_str(
                "a proxy's URL has no query; remove it, and write %3F for a question mark in user name or password",
            ),
            Self::Fragment => f.write_str(
                "a proxy's URL has no fragment; remove it, and write %23 for a # in user name or password",
            ),
            Self::PortZero => f.write_str("port 0 is not a port to connect to; write the proxy's port"),
            Self::CredentialTooLong { what, len } => {
                write!(f, "a {what} of {len} bytes is over the limit of 255 that SOCKS5 has; use a shorter one")
            }
            Self::NoUser => f.write_str("SOCKS5 has no password without a user name; write user:password@host"),
            Self::UserHasColon => f.write_str("a user name for an HTTP proxy cannot have a colon; use another"),
            Self::ControlInCredentials => f.write_str(
                "user name and password for an HTTP proxy cannot have control characters; check them",
            ),
        }
    }
}

impl std::error::Error for ProxyUrlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            _ => None,
        }
    }
}
