//! Redirects: the steps that a client makes or refuses.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ws_core::redacted;

use crate::target::Target;

/// A step of a redirect, before it is made. A hook decides about it
/// ([`ConnectOptions::on_redirect`](crate::ConnectOptions::on_redirect)).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RedirectStep<'a> {
    /// The URL whose server redirects. [`Target::reveal`] gives its query.
    pub from: &'a Target,
    /// The URL that the server names, without user name and password.
    pub to: &'a Target,
    /// The status of the response: 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// The decision about a [`RedirectStep`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedirectDecision {
    /// Makes the step, unless it leads from a public address to a private, loopback or link-local one. It is the decision where there is
    /// no hook.
    Follow,
    /// Makes the step, wherever it leads. For a server that is known to redirect to an address of the own network.
    FollowAnywhere,
    /// Does not make the step, for this reason.
    Refuse(String),
}

/// A redirect that the client did not follow, although [`max_redirects`](crate::ConnectOptions::max_redirects) allows it.
///
/// `Display` names both URLs without their queries.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RedirectRefused {
    /// The URL whose server redirected, without user name and password.
    pub from: Target,
    /// The URL that the server named.
    pub to: Target,
    /// The status of the response.
    pub status: u16,
    /// The reason of the refusal.
    pub reason: RedirectRefusal,
}

/// The reason why a redirect was not followed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedirectRefusal {
    /// It leads from a public address to this private, loopback or link-local one.
    Private(IpAddr),
    /// The hook said so, with this text.
    Hook(String),
}

impl fmt::Display for RedirectRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, status, reason } = self;
        write!(f, "the redirect ({status}) from {from} to {to} is refused: ")?;
        match reason {
            RedirectRefusal::Private(address) => write!(
                f,
                "{address} is not a public address; the hook `on_redirect` can allow it by `FollowAnywhere`"
            ),
            RedirectRefusal::Hook(text) => f.write_str(&redacted::words(text)),
        }
    }
}

impl std::error::Error for RedirectRefused {}

type DecideRedirect = dyn Fn(&RedirectStep<'_>) -> RedirectDecision + Send + Sync;

/// A hook of [`on_redirect`](crate::ConnectOptions::on_redirect).
#[derive(Clone)]
pub(crate) struct RedirectHook(pub(crate) Arc<DecideRedirect>);

impl fmt::Debug for RedirectHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedirectHook(..)")
    }
}
