//! How a text is not the URL of a proxy.

use std::fmt;

/// Why a text is not the URL of a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It is not a URL.
    Malformed(url::ParseError),
    /// It has no scheme, or no `//` after it.
    NoScheme,
    /// The scheme is none of `http`, `https`, `socks5`, `socks5h`; its first eight characters.
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
            Self::Malformed(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
