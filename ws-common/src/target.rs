//! Where a client connects to: a URL, taken apart.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;
use ws_core::redacted::{EXCERPT, Uri};
use ws_core::{ClientRequest, InvalidHeader};

/// A WebSocket server and the resource on it, from a `ws` or `wss` URL (RFC 6455 §3; `http` and `https` are taken as their
/// synonyms, as the WHATWG standard has it). Internationalised names are in their ASCII form, percent signs are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    is_secure: bool,
    host: Host,
    port: u16,
    path_and_query: String,
    /// The value of `Authorization`, from user name and password.
    authorization: Option<String>,
}

/// The host of a URL.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A name to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Target {
    /// Whether the connection goes over TLS (`wss`).
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port: the URL's, else 80 for `ws` and 443 for `wss`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query, as they stand in the request line.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The URL with its query, without user name and password. For a log that may hold credentials.
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        Revealed(self)
    }

    /// The value of `Host`: with the port unless it is the scheme's default (RFC 6455 §4.1), IPv6 in brackets.
    pub fn host_field(&self) -> String {
        if self.port == default_port(self.is_secure) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The target of a reference that stands in a response of this one, such as in `Location`, without a user name and a password.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, TargetError> {
        let base = Url::parse(&self.reveal().to_string()).map_err(TargetError::Malformed)?;
        let mut url = base.join(reference).map_err(TargetError::Malformed)?;
        // RFC 9110 §10.2.2: a `Location` may have a fragment. It is no part of a request.
        url.set_fragment(None);
        let target: Self = url.as_str().parse()?;
        Ok(Self { authorization: None, ..target })
    }

    /// The same without user name and password.
    pub(crate) fn without_credentials(self) -> Self {
        Self { authorization: None, ..self }
    }

    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        (self.is_secure, &self.host, self.port) == (other.is_secure, &other.host, other.port)
    }

    /// The opening handshake for this target. User name and password of the URL become `Authorization: Basic`
    /// (RFC 7617); they stand nowhere else.
    pub fn request(&self) -> Result<ClientRequest, InvalidHeader> {
        let request = ClientRequest::new(&self.host_field(), &self.path_and_query)?;
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => Ok(request),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let parsed = Url::parse(url).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => TargetError::NoScheme,
            url::ParseError::EmptyHost => TargetError::NoHost,
            url::ParseError::InvalidIpv6Address if has_zone(url) => TargetError::Zone,
            error => TargetError::Malformed(error),
        })?;
        let is_secure = match parsed.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            other => return Err(TargetError::Scheme(shown_scheme(other))),
        };
        // RFC 6455 §3: fragment identifiers are meaningless in WebSocket URIs and MUST NOT be used on them.
        if parsed.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        let host = match parsed.host().ok_or(TargetError::NoHost)? {
            url::Host::Domain(name) => Host::Name(name.into()),
            url::Host::Ipv4(address) => Host::Address(address.into()),
            url::Host::Ipv6(address) => Host::Address(address.into()),
        };
        if let Host::Address(address) = &host
            && is_unspecified(*address)
        {
            return Err(TargetError::Unspecified(*address));
        }
        let port = parsed.port().unwrap_or(default_port(is_secure));
        if port == 0 {
            return Err(TargetError::PortZero);
        }
        let path_and_query = match parsed.query() {
            Some(query) => format!("{}?{query}", parsed.path()),
            None => parsed.path().into(),
        };
        Ok(Self { is_secure, host, port, path_and_query, authorization: authorization(&parsed) })
    }
}

/// Whether an address in brackets has a zone (RFC 6874), which the WHATWG URL standard excludes.
fn has_zone(url: &str) -> bool {
    let address = url.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    address.is_some_and(|(address, _)| address.contains('%'))
}

/// The beginning of a scheme, which may be a user name or a password of a URL that lacks its scheme.
pub(crate) fn shown_scheme(scheme: &str) -> String {
    scheme.chars().take(EXCERPT).chain(scheme.chars().nth(EXCERPT).map(|_| '…')).collect()
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

pub(crate) fn is_unspecified(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == Ipv4Addr::UNSPECIFIED,
        IpAddr::V6(address) => {
            address == Ipv6Addr::UNSPECIFIED || address.to_ipv4_mapped() == Some(Ipv4Addr::UNSPECIFIED)
        }
    }
}

/// Whether an address belongs to a private network, to a link or to this machine. An IPv6 address that contains an IPv4 address is
/// judged by that one, because a gateway may send to it.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    // RFC 1122 §3.2.1.3: this network. The system takes 0.0.0.0 for this machine.
    first == 0
        // RFC 6598: addresses that are shared behind the NAT of a provider.
        || (first == 100 && second & 0xC0 == 64)
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    let embedded = match (a, b) {
        // IPv4-compatible and IPv4-mapped addresses (RFC 4291 §2.5.5), `::` and `::1` included.
        (0, 0) if (c, d, e) == (0, 0, 0) && (f == 0 || f == 0xFFFF) => Some(v4(g, h)),
        // RFC 6052 §2.1: NAT64.
        (0x64, 0xFF9B) if (c, d, e, f) == (0, 0, 0, 0) => Some(v4(g, h)),
        // RFC 3056 §2: 6to4.
        (0x2002, _) => Some(v4(b, c)),
        _ => None,
    };
    embedded.is_some_and(is_private_v4)
        // RFC 8215: NAT64 within a network. RFC 3879: site-local addresses.
        || (a, b, c) == (0x64, 0xFF9B, 1)
        || a & 0xFFC0 == 0xFEC0
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

fn authorization(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decoded(url.username());
    credentials.push(b':');
    credentials.extend(percent_decoded(url.password().unwrap_or_default()));
    Some(format!("Basic {}", BASE64.encode(credentials)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

/// As it stands in a URL and in `Host`: IPv6 in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The URL of a target with its query.
struct Revealed<'a>(&'a Target);

impl fmt::Display for Revealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Target { is_secure, path_and_query, .. }) = self;
        let scheme = if *is_secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{path_and_query}", self.0.host_field())
    }
}

/// The URL without user name and password, and with `?…` for its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uri(&self.reveal().to_string()).fmt(f)
    }
}

/// Shows no credentials, and no query.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// Why a text is not the URL of a WebSocket server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TargetError {
    /// It is not a URL.
    Malformed(url::ParseError),
    /// It has no scheme.
    NoScheme,
    /// The scheme is none of `ws`, `wss`, `http`, `https`. The first eight characters of it, because a URL without a scheme may begin with a
    /// user name.
    Scheme(String),
    /// It has no host.
    NoHost,
    /// It has a fragment (`#…`).
    Fragment,
    /// The host is the unspecified address, to which one cannot connect.
    Unspecified(IpAddr),
    /// The IPv6 address has a zone (`%eth0`), which cannot stand in a URL.
    Zone,
    /// The port is 0.
    PortZero,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not a URL: {error}"),
            Self::NoScheme => f.write_str("the URL has no scheme; write ws://host or wss://host"),
            Self::Scheme(scheme) => write!(f, "the scheme {scheme:?} is not ws or wss"),
            Self::NoHost => f.write_str("the URL has no host; write ws://host or wss://host"),
            Self::Fragment => f.write_str(
                "a WebSocket URL has no fragment; remove it from the # on, or write %23 for the character",
            ),
            Self::Unspecified(address) => write!(
                f,
                "{address} is not the address of a host, so one cannot connect to it; \
                 use 127.0.0.1 or [::1] for this machine, and a Listener to accept connections"
            ),
            Self::Zone => f.write_str(
                "the zone of an IPv6 address cannot stand in a URL; leave it out there, \
                 and set the address with the number of the zone by `address`, as in \"[fe80::1%2]:80\"",
            ),
            Self::PortZero => f.write_str("port 0 is not a port to connect to"),
        }
    }
}

impl std::error::Error for TargetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, TargetError> {
        url.parse()
    }

    #[test]
    fn a_url_becomes_host_port_and_request_target() {
        let cases = [
            ("ws://example.com", "example.com", 80, "/", false),
            ("wss://example.com", "example.com", 443, "/", true),
            ("http://example.com:80/a", "example.com", 80, "/a", false),
            ("https://example.com:443/a", "example.com", 443, "/a", true),
            ("ws://example.com:443/", "example.com:443", 443, "/", false),
            ("wss://example.com:80/", "example.com:80", 80, "/", true),
            ("WS://Example.COM:8080/A?B=c%20d&e", "example.com:8080", 8080, "/A?B=c%20d&e", false),
            ("ws://h?q", "h", 80, "/?q", false),
            ("ws://h/a b", "h", 80, "/a%20b", false),
            ("ws://[2001:db8::1]:9000/x", "[2001:db8::1]:9000", 9000, "/x", false),
            ("ws://[::1]/", "[::1]", 80, "/", false),
            ("ws://bücher.example/ü", "xn--bcher-kva.example", 80, "/%C3%BC", false),
            ("ws://127.1/", "127.0.0.1", 80, "/", false),
        ];
        for (url, host, port, path, is_secure) in cases {
            let target = parse(url).unwrap();
            assert_eq!(
                (target.host_field().as_str(), target.port(), target.path_and_query(), target.is_secure()),
                (host, port, path, is_secure),
                "{url}"
            );
            assert!(target.request().is_ok(), "{url}");
        }
    }

    #[test]
    fn what_one_cannot_connect_to_is_refused() {
        let cases = [
            ("example.com", TargetError::NoScheme),
            ("/path", TargetError::NoScheme),
            ("ftp://example.com", TargetError::Scheme("ftp".into())),
            ("ws://", TargetError::NoHost),
            ("ws://h/#top", TargetError::Fragment),
            ("ws://h/#", TargetError::Fragment),
            ("ws://0.0.0.0:8080", TargetError::Unspecified(Ipv4Addr::UNSPECIFIED.into())),
            ("ws://[::]:8080", TargetError::Unspecified(Ipv6Addr::UNSPECIFIED.into())),
            ("ws://0:8080", TargetError::Unspecified(Ipv4Addr::UNSPECIFIED.into())),
            ("ws://h:0/", TargetError::PortZero),
        ];
        for (url, error) in cases {
            assert_eq!(parse(url), Err(error), "{url}");
        }
        for url in ["ws://h:65536/", "ws://[::1/", "ws://a b/", "ws://%00/"] {
            assert!(matches!(parse(url), Err(TargetError::Malformed(_))), "{url}");
        }
    }

    #[test]
    fn a_zone_points_to_the_setting_that_takes_it() {
        for url in ["ws://[fe80::1%25eth0]/", "ws://[fe80::1%eth0]:8080", "wss://user:pass@[fe80::1%2]/a"] {
            let error = parse(url).unwrap_err();
            assert_eq!(error, TargetError::Zone, "{url}");
            assert!(error.to_string().contains("`address`"), "{error}");
        }
        for url in ["ws://[fe80::g]/", "ws://[fe80::1/%25", "ws://[]/"] {
            assert!(matches!(parse(url), Err(TargetError::Malformed(_))), "{url}");
        }
    }

    #[test]
    fn credentials_become_authorization_and_are_shown_nowhere() {
        let target = parse("ws://us%C3%A9r:p%40ss:w%0D%0A@h/x").unwrap();
        assert_eq!(target.to_string(), "ws://h/x");
        assert_eq!(format!("{target:?}"), "Target(ws://h/x)");
        let encoded = BASE64.encode("us\u{e9}r:p@ss:w\r\n");
        assert_eq!(target.authorization.as_deref(), Some(&*format!("Basic {encoded}")));
        assert!(!format!("{:?}", target.request().unwrap()).contains(&encoded));
    }

    #[test]
    fn an_unspecified_address_points_to_the_listener() {
        let error = parse("ws://0.0.0.0:8080").unwrap_err().to_string();
        assert!(error.contains("Listener") && error.contains("127.0.0.1"), "{error}");
    }
}
