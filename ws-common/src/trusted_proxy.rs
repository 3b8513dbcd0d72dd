//! The address of a client behind a proxy: the PROXY protocol, `Forwarded` and `X-Forwarded-For`.

use std::fmt;
use std::net::SocketAddr;

use ws_core::Request;

mod forwarded;
mod proxy_header;

#[cfg(test)]
mod tests;

/// The client, if the proxy knows it.
type KnownClient = Option<SocketAddr>;

pub(crate) use proxy_header::ProxyHeader;

/// Form in which a trusted proxy in front of a server tells the address of each client.
///
/// Only for a server that no client can reach except through that proxy. Otherwise a client chooses its own address. An address that the
/// proxy does not know leaves that of the transport in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TrustedProxy {
    /// The PROXY protocol, version 1 or 2: a header before the first byte of TLS or HTTP. HAProxy calls it `send-proxy` and
    /// `send-proxy-v2`, nginx `proxy_protocol on`. A connection without it is refused.
    ProxyProtocol,
    /// The last `for` of the field `Forwarded` (RFC 7239). A request without it is refused with 400.
    Forwarded,
    /// The last address of the field `X-Forwarded-For`. A request without it is refused with 400.
    XForwardedFor,
}

impl TrustedProxy {
    /// Reads the address of the client off a request. `None` if the proxy does not know it.
    pub(crate) fn client_of(self, request: &Request) -> Result<KnownClient, TrustedProxyError> {
        let (name, parse): (_, fn(&str) -> Option<KnownClient>) = match self {
            Self::ProxyProtocol => return Ok(None),
            Self::Forwarded => ("Forwarded", forwarded::last_for),
            Self::XForwardedFor => ("X-Forwarded-For", forwarded::last_address),
        };
        // A proxy adds its own field, or an element at the end of the last one.
        let value = request.headers().all(name).last().ok_or(TrustedProxyError::NoField(name))?;
        parse(value).ok_or(TrustedProxyError::InvalidField(name))
    }
}

/// Why a connection is not from the trusted proxy that [`AcceptOptions::trusted_proxy`](crate::AcceptOptions::trusted_proxy) announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TrustedProxyError {
    /// The connection does not begin with a header of the PROXY protocol.
    NoHeader,
    /// The header of the PROXY protocol is not legal: the part that is wrong.
    InvalidHeader(&'static str),
    /// The request has no field of this name.
    NoField(&'static str),
    /// The last element in the field of this name is no address.
    InvalidField(&'static str),
}

impl fmt::Display for TrustedProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => {
                f.write_str("the connection does not begin with a header of the PROXY protocol")
            }
            Self::InvalidHeader(what) => write!(f, "the header of the PROXY protocol is not legal: {what}"),
            Self::NoField(name) => write!(f, "the request has no {name}"),
            Self::InvalidField(name) => write!(f, "the last element of {name} is no address"),
        }?;
        f.write_str("; it does not come from the proxy that the setting `trusted_proxy` announces")
    }
}

impl std::error::Error for TrustedProxyError {}
