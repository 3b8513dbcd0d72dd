//! A build that traces.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::field::{self, Empty};
use tracing::{Span, debug, debug_span, warn};
use ws_core::{Reject, Request};

use crate::happy_eyeballs::AttemptId;
use crate::phase::OpenPhase;
use crate::target::Target;

/// The spans `resolve` and, one for each address, `connect`. What is called off ends with this.
#[derive(Debug)]
pub(crate) struct ConnectSpans {
    resolve: Span,
    connects: Vec<(AttemptId, Span)>,
}

impl ConnectSpans {
    pub(crate) fn new() -> Self {
        Self { resolve: Span::none(), connects: Vec::new() }
    }

    pub(crate) fn resolving(&mut self, host: &str) {
        self.resolve = debug_span!(target: "ws_common", "resolve", host);
    }

    pub(crate) fn resolved(&mut self, result: &io::Result<Vec<SocketAddr>>) {
        let span = std::mem::replace(&mut self.resolve, Span::none());
        match result {
            Ok(addresses) => debug!(target: "ws_common", parent: &span, ?addresses, "resolved"),
            Err(error) => failed(&span, error),
        }
    }

    pub(crate) fn dialing(&mut self, attempt: AttemptId, address: SocketAddr) {
        let span = debug_span!(target: "ws_common", "connect", %address);
        self.connects.push((attempt, span));
    }

    pub(crate) fn dialed<T>(&mut self, attempt: AttemptId, result: &io::Result<T>) {
        let Some(n) = self.connects.iter().position(|(running, _)| *running == attempt) else { return };
        let (_, span) = self.connects.swap_remove(n);
        match result {
            Ok(_) => debug!(target: "ws_common", parent: &span, "connected"),
            Err(error) => failed(&span, error),
        }
    }
}

/// One after the other the spans `proxy`, `tls` and `handshake`, as far as there are such phases.
#[derive(Debug)]
pub(crate) struct Phases {
    end: End,
    phase: Option<OpenPhase>,
    span: Span,
}

#[derive(Debug)]
enum End {
    Client { proxy: Option<String>, host: String, uri: String },
    Server,
}

impl Phases {
    pub(crate) fn client(target: &Target, proxy: Option<&dyn Display>) -> Self {
        let mut uri = target.to_string();
        uri.truncate(uri.find('?').unwrap_or(uri.len()));
        let proxy = proxy.map(ToString::to_string);
        Self::new(End::Client { proxy, host: target.host().to_string(), uri })
    }

    pub(crate) fn server() -> Self {
        Self::new(End::Server)
    }

    fn new(end: End) -> Self {
        Self { end, phase: None, span: Span::none() }
    }

    /// This phase is under way, and has perhaps been before.
    pub(crate) fn go_on(&mut self, phase: OpenPhase) {
        let before = self.phase.replace(phase);
        if before == Some(phase) {
            return;
        }
        if before == Some(OpenPhase::Proxy) {
            debug!(target: "ws_common", parent: &self.span, "the tunnel is open");
        }
        // It ends before the next one begins.
        self.span = Span::none();
        self.span = match (phase, &self.end) {
            (OpenPhase::Proxy, End::Client { proxy, .. }) => {
                debug_span!(target: "ws_common", "proxy", uri = proxy.as_ref().map(field::display))
            }
            (OpenPhase::Tls, End::Client { host, .. }) => debug_span!(target: "ws_common", "tls", host),
            (OpenPhase::Tls, End::Server) => debug_span!(target: "ws_common", "tls"),
            (_, End::Client { uri, .. }) => debug_span!(target: "ws_common", "handshake", %uri),
            (_, End::Server) => debug_span!(target: "ws_common", "handshake", path = Empty),
        };
    }

    /// Does something whose events belong to the phase that is under way.
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.span.in_scope(f)
    }

    /// The client's request has come.
    pub(crate) fn requested(&self, request: &Request) {
        self.span.record("path", field::display(request.path()));
    }

    pub(crate) fn rejected(&self, reject: &Reject) {
        debug!(target: "ws_common", parent: &self.span, status = reject.status(), "rejected");
    }

    pub(crate) fn opened(&mut self) {
        debug!(target: "ws_common", parent: &self.span, "open");
        self.span = Span::none();
    }

    /// The connection was not opened. `rejection` is the status of a refusal.
    pub(crate) fn not_opened(&mut self, rejection: Option<u16>, error: &dyn Display) {
        let span = std::mem::replace(&mut self.span, Span::none());
        match rejection {
            Some(status) => debug!(target: "ws_common", parent: &span, status, "rejected"),
            None => failed(&span, error),
        }
    }
}

/// TLS is up, with whomever: an event of the phase that is under way.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) fn secured(session: &rustls::Connection) {
    let version = session.protocol_version().map(field::debug);
    let cipher_suite = session.negotiated_cipher_suite().map(|suite| field::debug(suite.suite()));
    debug!(target: "ws_common", version, cipher_suite, "TLS is up");
}

/// The client that stays connected waits for its next attempt.
pub(crate) fn reconnecting(attempt: u32, delay: Duration) {
    debug!(target: "ws_common", attempt, ?delay, "reconnecting");
}

/// The client that stays connected does not reconnect.
pub(crate) fn gave_up(reason: &'static str) {
    debug!(target: "ws_common", reason, "gave up");
}

/// A listener accepts no client during the pause.
pub(crate) fn accept_paused(error: &io::Error, pause: Duration) {
    warn!(target: "ws_common", %error, ?pause, "cannot accept clients");
}

/// Clients were gone before a listener could accept them. The error is that of the last one.
pub(crate) fn clients_skipped(error: &io::Error, skipped: u64) {
    debug!(target: "ws_common", skipped, %error, "clients are gone");
}

fn failed(span: &Span, error: &dyn Display) {
    debug!(target: "ws_common", parent: span, error = %error, "failed");
}
