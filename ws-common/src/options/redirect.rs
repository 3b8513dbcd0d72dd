//! The options after a redirect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ws_core::HandshakeError;

use super::CheckedOptions;
use super::setters::setters;
use super::step::{PublicStep, Redirect};
use crate::error::ConnectError;
use crate::redirect::{RedirectDecision, RedirectHook, RedirectStep};
use crate::route::Route;
use crate::target::{Host, TargetError, is_private};
use crate::tls;

setters! {
    //! Redirects.

    /// Largest number of redirects in a row that a client follows (301, 302, 303, 307, 308), within the one `open_timeout`. Default: 0; a
    /// redirect is then an error like any other status. No redirect leads from `wss` to `ws`. A connection over a transport of the user
    /// follows none. Each attempt of a client that reconnects begins at the original URL.
    ///
    /// To another origin (scheme, host and port), only the header fields `User-Agent` and `Origin` go along. Other header fields,
    /// subprotocols, the addresses and the TLS name that were set, the client's certificate and the permission to accept any certificate
    /// stay behind. A client that [requires a subprotocol](Self::require_subprotocol) does not follow a redirect to another origin. User
    /// name and password in a `Location` are ignored. A `rustls::ClientConfig` of the program applies to every origin, except for its
    /// client certificate.
    ///
    /// A redirect from a public address does not lead to a private, loopback or link-local one, unless the program
    /// [has set it](Self::address) or [a hook](Self::on_redirect) says so. An address that only a proxy knows counts as public, and a name
    /// that only a proxy resolves is not checked.
    fn max_redirects(redirects: u32) = set(|options| options.max_redirects = redirects);

    /// Asks `hook` about each redirect that [`max_redirects`](Self::max_redirects) allows, before the step is made. The default is
    /// [`RedirectDecision::Follow`]. A refusal is the error [`ConnectError::Redirect`].
    ///
    /// The hook sees URLs, and no addresses: the next name is resolved after it. With [`RedirectDecision::Follow`], the addresses are
    /// checked then. A name that only a proxy resolves is not checked at all, so a client behind such a proxy should compare names in the
    /// hook.
    ///
    /// The hook runs without a lock, and its time counts toward `open_timeout`. With `connect`, it runs on the task or the thread that
    /// connects. A hook of a `Client` that panics ends the client, and the panic goes on to the caller that waits on the client.
    ///
    /// ```
    /// use ws_common::{ConnectOptions, Host, redirect::RedirectDecision};
    ///
    /// let options = ConnectOptions::new("ws://example.com/feed").max_redirects(3).on_redirect(|step| match step.to.host() {
    ///     Host::Name(name) if name.ends_with(".example.com") => RedirectDecision::Follow,
    ///     _ => RedirectDecision::Refuse("it leaves example.com".into()),
    /// });
    /// ```
    fn on_redirect(hook: impl Fn(&RedirectStep<'_>) -> RedirectDecision + Send + Sync + 'static) =
        set(|options| options.redirect_hook = Some(RedirectHook(Arc::new(hook))));
}

/// Redirects.
impl CheckedOptions {
    /// For drivers of one attempt: the options of the next step after this failure of a handshake over a transport to `peer`. It runs
    /// the hook. Without a redirect, and after one that is refused, the error that is to be reported.
    #[doc(hidden)]
    pub fn follow(
        &self,
        mut failed: ConnectError,
        route: &Route,
        peer: SocketAddr,
    ) -> Result<Self, ConnectError> {
        match self.redirect(&mut failed, route.server_address(peer).is_some_and(is_private)) {
            Some(redirect) => redirect.decide(),
            None => Err(failed),
        }
    }

    /// The step that a failed handshake leads to, if the settings allow one. Else the failure names the setting that does not. `is_private`
    /// is a fact about the address of the server.
    pub(crate) fn redirect(&self, failed: &mut ConnectError, is_private: bool) -> Option<Redirect> {
        let ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } = failed else {
            return None;
        };
        let status = rejected.response.status();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let options = self.redirected(rejected.response.headers().get("Location")?).ok()?;
        if self.redirects >= self.max_redirects {
            rejected.reaches_max_redirects(self.max_redirects);
            return None;
        }
        let is_public = !is_private || self.public_step.is_some();
        let options = Self { redirects: self.redirects + 1, ..options };
        Some(Redirect { from: self.target.clone(), status, is_public, options })
    }

    /// The same options for the next step of an attempt, which has the rest of the time to open.
    pub(crate) fn rest_of_open_timeout(mut self, rest: Duration) -> Self {
        self.set_open_timeout = Some(self.whole_open_timeout());
        self.open_timeout = rest;
        self
    }

    /// The time to open as the program has set it.
    pub(crate) fn whole_open_timeout(&self) -> Duration {
        self.set_open_timeout.unwrap_or(self.open_timeout)
    }

    pub(crate) fn redirect_hook(&self) -> Option<&RedirectHook> {
        self.redirect_hook.as_ref()
    }

    /// The same options for a step from a public address. An error if the target is a private address.
    pub(crate) fn public_only(mut self, step: PublicStep) -> Result<Self, ConnectError> {
        match self.target.host() {
            Host::Address(address) if is_private(*address) && self.addresses.is_empty() => {
                return Err(step.refused(*address));
            }
            Host::Address(_) | Host::Name(_) => {}
        }
        self.public_step = Some(Arc::new(step));
        Ok(self)
    }

    /// The same options for a redirect to any address.
    pub(crate) fn anywhere(mut self) -> Self {
        self.public_step = None;
        self
    }

    /// The step from a public address that led here, after which private addresses of the target are passed over. Addresses that were set
    /// apart from the URL are not.
    pub(crate) fn public_step(&self) -> Option<&Arc<PublicStep>> {
        self.public_step.as_ref()
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
