//! Hosts and origins, parsed without a crate for URLs.

use core::net::Ipv6Addr;

/// A host with an optional port (RFC 9110 §7.2): an authority without userinfo.
#[derive(Clone, Copy)]
pub(super) struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

/// A serialized origin (RFC 6454 §6.2).
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A page that has no origin or hides it, for example a file.
    Null,
    Of {
        scheme: &'a str,
        host: &'a str,
        /// That of the scheme if none is written.
        port: Option<u16>,
    },
}

impl<'a> Authority<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let end =
            if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
        let (host, port) = text.split_at(end);
        let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => is_ipv6(address),
            None => host.bytes().all(is_of_name),
        };
        if !is_host {
            return None;
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            // RFC 3986 §3.2.3: the port may be empty.
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { host, port })
    }
}

/// An address, with a zone (RFC 6874) or without.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse::<Ipv6Addr>().is_ok() && zone.bytes().all(is_of_name)
}

/// RFC 3986 §3.2.2: a byte of a name or of an IPv4 address.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
}

impl<'a> Origin<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let (scheme, rest) = text.split_once("://")?;
        let mut bytes = scheme.bytes();
        // RFC 3986 §3.1.
        let is_scheme = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let Authority { host, port } = Authority::parse(rest).filter(|_| is_scheme)?;
        let default = default_port(scheme);
        // A scheme of the web has a host. Others may have none: `file://` is sent by some embedded browsers.
        if host.is_empty() && default.is_some() {
            return None;
        }
        Some(Self::Of { scheme, host, port: port.or(default) })
    }

    /// Compares host and port with an authority of the server. The scheme is not compared, because a proxy may end TLS.
    pub(super) fn is_of(&self, server: &Authority<'_>) -> bool {
        match self {
            Self::Null => false,
            Self::Of { host, port: Some(port), .. } if host.eq_ignore_ascii_case(server.host) => {
                server.port.map_or(matches!(port, 80 | 443), |own| own == *port)
            }
            Self::Of { .. } => false,
        }
    }
}

impl PartialEq for Origin<'_> {
    /// RFC 6454 §4, §5: scheme, host and port, in lower case.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (
                Self::Of { scheme, host, port },
                Self::Of { scheme: other_scheme, host: other_host, port: other_port },
            ) => {
                scheme.eq_ignore_ascii_case(other_scheme)
                    && host.eq_ignore_ascii_case(other_host)
                    && port == other_port
            }
            _ => false,
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    let is = |other| scheme.eq_ignore_ascii_case(other);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}
