//! A build that does not trace.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::{Connection, Reject, Request};

use crate::happy_eyeballs::AttemptId;
use crate::phase::OpenPhase;
use crate::reconnect::{Cause, GiveUp};
use crate::target::Target;

#[derive(Debug)]
pub(crate) struct ConnectSpans;

impl ConnectSpans {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn resolving(&mut self, _host: &str) {}

    pub(crate) fn resolved(&mut self, _result: &io::Result<Vec<SocketAddr>>) {}

    pub(crate) fn attempting(&mut self, _attempt: AttemptId, _address: SocketAddr) {}

    pub(crate) fn attempted<T>(&mut self, _attempt: AttemptId, _result: &io::Result<T>) {}
}

#[derive(Debug)]
pub(crate) struct Phases;

impl Phases {
    pub(crate) fn client(
        _target: &Target,
        _proxy: Option<&dyn Display>,
        _server: Option<SocketAddr>,
    ) -> Self {
        Self
    }

    pub(crate) fn server() -> Self {
        Self
    }

    pub(crate) fn peer(&self, _peer: &dyn Display) {}

    pub(crate) fn go_on(&mut self, _phase: OpenPhase) {}

    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(crate) fn requested(&self, _request: &Request) {}

    pub(crate) fn rejected(&self, _reject: &Reject) {}

    pub(crate) fn opened(&mut self, _connection: &mut Connection) {}

    pub(crate) fn not_opened(&mut self, _rejection: Option<u16>, _error: &dyn Display) {}
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) fn secured(_session: &rustls::Connection) {}

pub(crate) fn reconnecting(_attempt: u32, _delay: Duration, _cause: &Cause) {}

pub(crate) fn gave_up(_reason: &GiveUp) {}

pub(crate) fn accept_paused(_error: &io::Error, _pause: Duration) {}

pub(crate) fn clients_skipped(_error: &io::Error, _skipped: u64) {}
