//! Proxies: which one, and how a connection through it begins.
//!
//! A proxy is asked by a machine of its own ([`HttpProxy`], [`Socks5`]), after whose one event the transport belongs to
//! the next machine: TLS, or the opening handshake.

mod environment;
mod error;
mod http;
mod socks5;
mod tunnel;
mod wire;

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::target::{Host, shown_scheme};

pub(crate) use environment::Environment;
pub use error::{ProxyError, ProxyRefusal, ProxyStep, ProxyUrlError, Socks5Reply};
pub use http::HttpProxy;
pub use socks5::Socks5;
pub(crate) use tunnel::Tunnel;
pub use wire::{Leftover, ProxyConnected};

/// The longest user name or password for SOCKS5, in bytes (RFC 1929 §2).
const MAX_SOCKS5_CREDENTIAL: usize = 255;

/// A proxy, from a URL: `http://`, `https://`, `socks5://` or `socks5h://` (`socks://` is the same), then `user:password@` if it
/// asks for them, the host, and the port unless it is 80, 443 (`https`) or 1080 (`socks5`, `socks5h`).
///
/// Desktops write `socks://` into `ALL_PROXY` for version 5. curl takes it for version 4, which this client does not speak.
///
/// User name and password are percent-decoded. `Display` and `Debug` do not show them.
///
/// ```
/// use ws_common::proxy::{Proxy, ProxyScheme};
///
/// let proxy: Proxy = "socks5h://user:p%40ss@proxy.example".parse()?;
/// assert_eq!(proxy.scheme(), ProxyScheme::Socks5h);
/// assert_eq!(proxy.port(), 1080);
/// assert_eq!(proxy.to_string(), "socks5h://proxy.example:1080");
/// # Ok::<(), ws_common::proxy::ProxyUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: ProxyScheme,
    host: Host,
    port: u16,
    credentials: Option<Credentials>,
}

/// What is spoken with a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProxyScheme {
    /// HTTP/1.1 with CONNECT ([`HttpProxy`]), in the clear.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS5 ([`Socks5`]) with addresses: names are resolved here.
    Socks5,
    /// SOCKS5 with names: the proxy resolves them.
    Socks5h,
}

/// What a proxy is told about who asks: a user name and a password, as bytes.
///
/// Invariant: if they came with a URL, they are fit for its scheme. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Proxy {
    /// What is spoken with it.
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// User name and password, if the URL has any.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same for those who need not know user name and password.
    pub(crate) fn without_credentials(&self) -> Self {
        Self { scheme: self.scheme, host: self.host.clone(), port: self.port, credentials: None }
    }

    /// Whether the proxy is given the target's name. If not (`socks5`), it is given an address, which the client has
    /// resolved before.
    pub fn resolves_names(&self) -> bool {
        self.scheme != ProxyScheme::Socks5
    }
}

impl ProxyScheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Socks5, Self::Socks5h];

    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// The port if a URL names none: 80, 443, or 1080 (RFC 1928 §3).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

impl Credentials {
    /// A user name and a password. Whether they are fit for a proxy is seen by the machine that is to send them.
    pub fn new(user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// RFC 7617 §2: the user name ends at the first colon, and neither has control characters.
    fn check_basic(&self) -> Result<(), ProxyUrlError> {
        if self.user.contains(&b':') {
            return Err(ProxyUrlError::UserHasColon);
        }
        let is_control = |byte: &u8| byte.is_ascii_control();
        if self.user.iter().any(is_control) || self.password.iter().any(is_control) {
            return Err(ProxyUrlError::ControlInCredentials);
        }
        Ok(())
    }

    /// RFC 1929 §2: lengths are one byte, and the user name is not empty. An empty password is let through, as by other
    /// clients, since there are proxies that take a token as the user name.
    fn check_socks5(&self) -> Result<(), ProxyUrlError> {
        for (what, value) in [("user name", &self.user), ("password", &self.password)] {
            if value.len() > MAX_SOCKS5_CREDENTIAL {
                return Err(ProxyUrlError::CredentialTooLong { what, len: value.len() });
            }
        }
        if self.user.is_empty() { Err(ProxyUrlError::NoUser) } else { Ok(()) }
    }
}

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    fn from_str(url: &str) -> Result<Self, ProxyUrlError> {
        let scheme = scheme(url)?;
        let parsed = Url::parse(url).map_err(|error| match error {
            url::ParseError::EmptyHost => ProxyUrlError::NoHost,
            error => ProxyUrlError::Malformed(error),
        })?;
        if !matches!(parsed.path(), "" | "/") {
            return Err(ProxyUrlError::Path);
        }
        if parsed.query().is_some() {
            return Err(ProxyUrlError::Query);
        }
        if parsed.fragment().is_some() {
            return Err(ProxyUrlError::Fragment);
        }
        // To the URL standard, hosts of schemes that it does not know are opaque; those of socks5 are not.
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(ProxyUrlError::NoHost)?;
        let host = match url::Host::parse(host).map_err(ProxyUrlError::Malformed)? {
            url::Host::Domain(name) => Host::Name(name),
            url::Host::Ipv4(address) => Host::Address(address.into()),
            url::Host::Ipv6(address) => Host::Address(address.into()),
        };
        let port = parsed.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(ProxyUrlError::PortZero);
        }
        let credentials = credentials(&parsed);
        match (&credentials, scheme) {
            (None, _) => {}
            (Some(credentials), ProxyScheme::Http | ProxyScheme::Https) => credentials.check_basic()?,
            (Some(credentials), ProxyScheme::Socks5 | ProxyScheme::Socks5h) => credentials.check_socks5()?,
        }
        Ok(Self { scheme, host, port, credentials })
    }
}

/// What stands before `://`. It is shown in an error only if it looks like a scheme: it might be a password.
fn scheme(url: &str) -> Result<ProxyScheme, ProxyUrlError> {
    let (scheme, _) = url.trim_start().split_once("://").ok_or(ProxyUrlError::NoScheme)?;
    // Desktops write `socks` into the environment; such a proxy resolves names, as all of version 5 can.
    if scheme.eq_ignore_ascii_case("socks") {
        return Ok(ProxyScheme::Socks5h);
    }
    let known = ProxyScheme::ALL.into_iter().find(|known| scheme.eq_ignore_ascii_case(known.as_str()));
    known.ok_or_else(|| {
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let looks_like_one = !scheme.is_empty() && scheme.bytes().all(is_scheme);
        if looks_like_one { ProxyUrlError::Scheme(shown_scheme(scheme)) } else { ProxyUrlError::NoScheme }
    })
}

fn credentials(url: &Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    Some(Credentials::new(decoded(url.username()), decoded(url.password().unwrap_or_default())))
}

/// The URL without user name and password, always with the port.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Shows no credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for ProxyScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What a proxy is asked for must be a name that no proxy takes for something else.
///
/// Names of the DNS have at most 253 bytes; a SOCKS5 proxy can be told 255 (RFC 1928 §4).
fn check_name(name: &str) -> Result<u8, ProxyError> {
    let len = u8::try_from(name.len()).map_err(|_| ProxyError::NameTooLong(name.len()))?;
    let is_legal = |byte: u8| byte.is_ascii_graphic() && !b"\"#%/:<>?@[\\]^`{|}".contains(&byte);
    if len > 0 && name.bytes().all(is_legal) { Ok(len) } else { Err(ProxyError::Name(name.into())) }
}
