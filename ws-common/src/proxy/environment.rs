//! The proxy that the environment names: the variables and the rules are curl's, with ports in `NO_PROXY` besides.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use super::error::ProxyError;
use super::{Proxy, ProxyScheme};
use crate::target::{Host, Target};

/// What [`Proxy::from_environment`] asks for.
const VARIABLES: [&str; 9] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "REQUEST_METHOD",
];

/// The variables of the environment as they were at one time.
#[derive(Clone)]
pub(crate) struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    /// Asks `lookup` for the value of each variable.
    pub(crate) fn new(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        Self(VARIABLES.iter().filter_map(|&name| Some((name, lookup(name)?))).collect())
    }

    pub(crate) fn proxy(&self, target: &Target) -> Result<Option<Proxy>, ProxyError> {
        let value =
            |name: &str| self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Proxy::from_environment(target, value)
    }
}

impl Proxy {
    /// The proxy that the environment names for `target`, if it names one. `lookup` gives the value of a variable; for
    /// the variables of the process it is `|name| std::env::var_os(name)`.
    ///
    /// A variable that counts for this target and is not UTF-8 is an error. It never means "no proxy", because a client that goes past
    /// its proxy shows the target to a network that must not see it.
    ///
    /// For `wss` it is that of `HTTPS_PROXY`, for `ws` that of `HTTP_PROXY`, for both that of `ALL_PROXY` if the other is
    /// not set. Names in lower case come first, an empty value counts as none, and a value without a scheme is of
    /// `http://`. `HTTP_PROXY` in upper case is ignored if `REQUEST_METHOD` is set: to a CGI program, its client
    /// could set it with a header `Proxy` (CVE-2016-5385). So is the other on Windows, where names have no case.
    ///
    /// There is no proxy for what `NO_PROXY` lists, separated by commas or spaces:
    ///
    /// | Entry | Meaning |
    /// | --- | --- |
    /// | `example.com`, `.example.com`, `*.example.com` | this name and all that end in `.example.com` |
    /// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address |
    /// | `192.0.2.0/24`, `2001:db8::/32` | every address of the range |
    /// | any of them but a range, and `:8080` (IPv6 in brackets) | the same, at this port alone |
    /// | `*` | everything |
    ///
    /// Addresses and ranges stand for targets whose URL has an address: no name is resolved for them. An entry of another
    /// form stands for nothing. `localhost` goes through the proxy, too, unless it is listed.
    ///
    /// ```
    /// use ws_common::{proxy::Proxy, Target};
    ///
    /// let variables = |name: &str| match name {
    ///     "HTTPS_PROXY" => Some("http://proxy.example:3128".to_owned()),
    ///     "NO_PROXY" => Some("internal.example, 10.0.0.0/8".to_owned()),
    ///     _ => None,
    /// };
    /// let target: Target = "wss://example.com/feed".parse()?;
    /// let proxy = Proxy::from_environment(&target, variables)?;
    /// assert_eq!(proxy.map(|proxy| proxy.to_string()).as_deref(), Some("http://proxy.example:3128"));
    ///
    /// let target: Target = "wss://10.1.2.3/feed".parse()?;
    /// assert_eq!(Proxy::from_environment(&target, variables)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The variable for this target has a value that is not the URL of a proxy ([`ProxyError::Environment`]), or a variable that counts
    /// is not UTF-8 ([`ProxyError::UnreadableVariable`]).
    pub fn from_environment<V: Into<OsString>>(
        target: &Target,
        lookup: impl Fn(&str) -> Option<V>,
    ) -> Result<Option<Self>, ProxyError> {
        let first = |names: &[&'static str]| {
            let set = names.iter().find_map(|&variable| {
                let value = lookup(variable)?.into();
                (!value.is_empty()).then_some((variable, value))
            });
            let Some((variable, value)) = set else { return Ok(None) };
            match value.into_string() {
                Ok(value) => Ok(Some((variable, value))),
                Err(_) => Err(ProxyError::UnreadableVariable(variable)),
            }
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let own: &[_] = match target.is_secure() {
            true => &["https_proxy", "HTTPS_PROXY"],
            false if is_cgi && cfg!(windows) => &[],
            false if is_cgi => &["http_proxy"],
            false => &["http_proxy", "HTTP_PROXY"],
        };
        let own = first(own)?;
        let chosen = if own.is_some() { own } else { first(&["all_proxy", "ALL_PROXY"])? };
        let Some((variable, value)) = chosen else { return Ok(None) };
        if first(&["no_proxy", "NO_PROXY"])?.is_some_and(|(_, list)| is_exempt(target, &list)) {
            return Ok(None);
        }
        let value = value.trim();
        let url =
            if value.contains("://") { value.into() } else { format!("{}://{value}", ProxyScheme::Http) };
        url.parse().map(Some).map_err(|source| ProxyError::Environment { variable, source })
    }
}

/// Without values, in which there may be passwords.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn is_exempt(target: &Target, list: &str) -> bool {
    let mut entries = list.split([',', ' ', '\t', '\n']).filter_map(NoProxyEntry::parse);
    entries.any(|entry| {
        entry.hosts.contains(target.host()) && entry.port.is_none_or(|port| port == target.port())
    })
}

/// What an entry of `NO_PROXY` stands for.
struct NoProxyEntry {
    hosts: Hosts,
    port: Option<u16>,
}

enum Hosts {
    All,
    /// In lower case, in the ASCII form, without a dot at either end.
    Domain(String),
    /// The addresses that have so many first bits in common with this one; none, if that is more than it has.
    Range(IpAddr, u32),
}

impl NoProxyEntry {
    fn parse(text: &str) -> Option<Self> {
        if let Some(hosts) = Hosts::parse(text) {
            return Some(Self { hosts, port: None });
        }
        let (hosts, port) = text.rsplit_once(':')?;
        if hosts.contains('/') {
            return None;
        }
        Some(Self { hosts: Hosts::parse(hosts)?, port: Some(port.parse().ok()?) })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            return Some(Self::Range(address_of(address)?, bits.parse().ok()?));
        }
        if let Some(address) = address_of(text) {
            return Some(Self::Range(address, width(address)));
        }
        let domain = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        let domain = domain.trim_matches('.');
        // In the form that the target's name has.
        match url::Host::parse(domain).ok()? {
            url::Host::Domain(name) => Some(Self::Domain(name)),
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
        }
    }

    fn contains(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Host::Name(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let rest = name.strip_suffix(&**domain);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Range(first, bits), Host::Address(address)) => {
                shares(*first, address.to_canonical(), *bits)
            }
            (Self::Domain(_), Host::Address(_)) | (Self::Range(..), Host::Name(_)) => false,
        }
    }
}

/// An address, IPv6 with or without brackets. One of IPv4 that is written as IPv6 is one of IPv4.
fn address_of(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => Some(IpAddr::V6(inner.parse().ok()?).to_canonical()),
        None => Some(text.parse::<IpAddr>().ok()?.to_canonical()),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the addresses are of one family and have the first `bits` in common.
fn shares(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let different = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    different >= bits
}
