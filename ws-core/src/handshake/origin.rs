//! The check of `Origin`, against cross-site hijacking (RFC 6455 §10.2).
//!
//! A browser lets every page connect to every server, and sends the cookies of that server along. Only `Origin` tells the
//! server which page it is.

use alloc::string::String;
use alloc::vec::Vec;

use bytestring::ByteString;

use super::error::{InvalidHeader, RequestError};
use super::headers::Headers;
use super::http::Request;

mod authority;

use authority::{Authority, Origin};

/// Web pages from which a server accepts clients, by their `Origin` (RFC 6454). The default is [`same`](Self::same).
///
/// A request without `Origin` is accepted in any case, because it comes from no web page. Two fields `Origin`, and one that is
/// neither `null` nor a scheme with a host and a port, are answered with 400.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    accepted: Accepted,
    trusts_forwarded_host: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Accepted {
    #[default]
    Same,
    /// Legal origins, separated by spaces. A clone shares the text, also on a target without atomics for an `Arc`.
    Only(ByteString),
    Any,
}

impl Origins {
    /// Pages of the server itself: `Origin` and `Host` have the same host and port. Case and scheme are not compared. A missing port of
    /// `Origin` is that of its scheme; a missing port of `Host` matches 80 and 443.
    pub fn same() -> Self {
        Self::default()
    }

    /// Pages of these origins and of no others, for example `https://example.com` or `null`. Case is not compared, and neither is a
    /// port that the scheme implies.
    ///
    /// # Errors
    ///
    /// One of them is no origin: for example, it has no scheme, or a path.
    pub fn only(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidHeader> {
        let mut text = String::new();
        for origin in origins {
            let origin = origin.as_ref();
            if Origin::parse(origin).is_none() {
                let reason = "an origin is `null`, or a scheme and a host with an optional port, such as https://example.com";
                return Err(InvalidHeader { name: "Origin".into(), reason });
            }
            text.push_str(origin);
            text.push(' ');
        }
        Ok(Self { accepted: Accepted::Only(text.into()), ..Self::default() })
    }

    /// Any page: for a public service without cookies, or for a program that compares `Origin` itself.
    pub fn any() -> Self {
        Self { accepted: Accepted::Any, ..Self::default() }
    }

    /// Whether the first host of `X-Forwarded-Host` stands for that of `Host`. Only for a server that no client can reach except
    /// through a proxy which sets the field. Default: no.
    #[must_use]
    pub fn trust_forwarded_host(mut self, trusted: bool) -> Self {
        self.trusts_forwarded_host = trusted;
        self
    }

    /// Checks that a request with exactly one `Host` is legal in its hosts and its origin, and that the origin is accepted.
    pub(super) fn check(&self, request: &Request) -> Result<(), RequestError> {
        let headers = request.headers();
        let host = self.forwarded_host(headers).unwrap_or(request.authority());
        // RFC 9112 §3.2: a `Host` that is not legal gets 400, with an `Origin` or without.
        let parse =
            |host| Authority::parse(host).ok_or_else(|| RequestError::InvalidHost(String::from(host)));
        headers.get("Host").map(parse).transpose()?;
        let own = parse(host)?;
        let Some(text) = headers.get("Origin") else { return Ok(()) };
        let origin = headers.only("Origin").and_then(Origin::parse).ok_or_else(|| {
            RequestError::InvalidOrigin(headers.all("Origin").collect::<Vec<_>>().join(", "))
        })?;
        let is_accepted = match &self.accepted {
            Accepted::Any => true,
            Accepted::Only(origins) => {
                origins.split(' ').filter_map(Origin::parse).any(|other| other == origin)
            }
            Accepted::Same => origin.is_of(&own),
        };
        if is_accepted {
            Ok(())
        } else {
            Err(RequestError::ForeignOrigin { origin: text.into(), host: host.into() })
        }
    }

    fn forwarded_host<'a>(&self, headers: &'a Headers) -> Option<&'a str> {
        headers.tokens("X-Forwarded-Host").next().filter(|_| self.trusts_forwarded_host)
    }
}
