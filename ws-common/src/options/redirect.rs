//! The options after a redirect.

use super::ConnectOptions;
use crate::error::ConnectError;
use crate::target::{Host, TargetError, is_private};
use crate::tls;

impl ConnectOptions {
    /// The same options for a redirect that came from a public address. `None` if the target is a private address.
    pub(crate) fn public_only(mut self) -> Option<Self> {
        self.is_public_only = true;
        match self.target.host() {
            Host::Address(address) if is_private(*address) && self.addresses.is_empty() => None,
            Host::Address(_) | Host::Name(_) => Some(self),
        }
    }

    /// Whether private addresses of the target are passed over, unless they were set apart from the URL.
    pub(crate) fn is_public_only(&self) -> bool {
        self.is_public_only
    }

    /// Where a redirect leads: the same options for another URL, which may be relative to this one.
    ///
    /// To another origin, of the header fields only `User-Agent` and `Origin` go along, since any other may hold a secret
    /// that is meant for the first server, and so may a subprotocol. Nor does an address or a TLS name that was set apart from the URL,
    /// nor a certificate of the client, nor the permission to accept any certificate. A user name and a password in `location` are
    /// ignored, because they are the redirecting server's choice. Never from `wss` to `ws`.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, ConnectError> {
        let target = self.target.join(location)?;
        if self.target.is_secure() && !target.is_secure() {
            return Err(ConnectError::Url(TargetError::Scheme("ws".into())));
        }
        if target.is_secure() && !tls::IS_SUPPORTED {
            return Err(ConnectError::TlsUnsupported);
        }
        let is_same = self.target.is_same_origin(&target);
        let keep = |name: &str| {
            is_same || ["User-Agent", "Origin"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
        };
        let request = self.request.redirected(&target.host_field(), target.path_and_query(), keep)?;
        let addresses = if is_same { self.addresses.clone() } else { Vec::new() };
        let tls = match &self.tls {
            Some(tls) if !is_same => tls.for_other_origin(),
            tls => tls.clone(),
        };
        Ok(Self { target, request, addresses, tls, ..self.clone() })
    }
}
