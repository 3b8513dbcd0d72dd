//! The step of a redirect, from its decision to its options.

use std::net::IpAddr;

use super::CheckedOptions;
use crate::error::ConnectError;
use crate::redirect::{RedirectDecision, RedirectRefusal, RedirectRefused, RedirectStep};
use crate::target::Target;

/// A step from a public address.
#[derive(Debug)]
pub(crate) struct PublicStep {
    from: Target,
    to: Target,
    status: u16,
}

impl PublicStep {
    /// The error for a target that has this private address.
    pub(crate) fn refused(&self, address: IpAddr) -> ConnectError {
        let (from, to) = (self.from.clone(), self.to.clone());
        let reason = RedirectRefusal::Private(address);
        RedirectRefused { from, to, status: self.status, reason }.into()
    }
}

/// A step that the program's settings allow, and about which nobody has decided yet.
pub(crate) struct Redirect {
    pub(crate) from: Target,
    pub(crate) status: u16,
    /// The server that redirects has a public address, or came behind one.
    pub(crate) is_public: bool,
    /// The options of the step.
    pub(crate) options: CheckedOptions,
}

impl Redirect {
    /// The next options, or the reason why there are none. It runs the hook, if there is one: the caller holds no lock.
    pub(crate) fn decide(self) -> Result<CheckedOptions, ConnectError> {
        let Self { from, status, is_public, options } = self;
        let to = options.target().clone();
        let decision = match options.redirect_hook() {
            Some(hook) => hook.0(&RedirectStep { from: &from, to: &to, status }),
            None => RedirectDecision::Follow,
        };
        let from = from.without_credentials();
        match decision {
            RedirectDecision::Refuse(text) => {
                Err(RedirectRefused { from, to, status, reason: RedirectRefusal::Hook(text) }.into())
            }
            RedirectDecision::Follow if is_public => options.public_only(PublicStep { from, to, status }),
            RedirectDecision::Follow | RedirectDecision::FollowAnywhere => Ok(options.anywhere()),
        }
    }
}
