//! A build in which nobody traces: there is nothing to tell, and nothing of it is left.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::{Reject, Request};

use crate::connector::Route;
use crate::error::{AcceptError, ConnectError, Phase};
use crate::happy_eyeballs::AttemptId;
use crate::options::ConnectOptions;
use crate::reconnect::GiveUp;

#[derive(Debug)]
pub(crate) struct Reaching;

impl Reaching {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn resolving(&mut self, _host: &str) {}

    pub(crate) fn resolved(&mut self, _result: &io::Result<Vec<SocketAddr>>) {}

    pub(crate) fn dialing(&mut self, _attempt: AttemptId, _address: SocketAddr) {}

    pub(crate) fn dialed<T>(&mut self, _attempt: AttemptId, _result: &io::Result<T>) {}
}

#[derive(Debug)]
pub(crate) struct Phases;

impl Phases {
    pub(crate) fn client(_options: &ConnectOptions, _route: &Route) -> Self {
        Self
    }

    pub(crate) fn server() -> Self {
        Self
    }

    pub(crate) fn go_on(&mut self, _phase: Phase) {}

    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(crate) fn requested(&self, _request: &Request) {}

    pub(crate) fn rejected(&self, _reject: &Reject) {}

    pub(crate) fn opened(&mut self) {}

    pub(crate) fn not_opened(&mut self, _error: &ConnectError) {}

    pub(crate) fn not_accepted(&mut self, _error: &AcceptError) {}
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) fn secured(_session: &rustls::Connection) {}

pub(crate) fn reconnecting(_attempt: u32, _delay: Duration) {}

pub(crate) fn gave_up(_reason: &GiveUp) {}
