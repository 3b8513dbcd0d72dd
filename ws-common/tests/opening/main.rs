//! From options to an open connection, through proxies and TLS, as machines: no sockets, and a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

#[cfg(unix)]
mod bounded;
mod connector;
mod connector_deadlines;
mod defaults;
mod far;
mod inward;
mod late;
mod life;
mod proxied;
mod proxy;
mod secrets;
mod steps;
mod support;
mod trusted;

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tls {
    #[allow(dead_code, reason = "it is shared with the tests of TLS")]
    #[path = "../../tls/authority.rs"]
    pub(crate) mod authority;
    mod mistaken;
    mod order;
    mod routes;
    mod secrets;
    mod secured;
    mod server;
    mod session;
    mod trust;
    mod trusted;
    pub(crate) mod ways;
}
