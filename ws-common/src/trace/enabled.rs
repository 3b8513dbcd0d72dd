//! A build that traces.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::field::{self, Empty};
use tracing::{Span, debug, debug_span, warn};
use ws_core::{Connection, Reject, Request};

use crate::happy_eyeballs::AttemptId;
use crate::phase::OpenPhase;
use crate::reconnect::{Cause, GiveUp};
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

    pub(crate) fn attempting(&mut self, attempt: AttemptId, address: SocketAddr) {
        let span = debug_span!(target: "ws_common", "connect", %address);
        self.connects.push((attempt, span));
    }

    pub(crate) fn attempted<T>(&mut self, attempt: AttemptId, result: &io::Result<T>) {
        let Some(n) = self.connects.iter().position(|(running, _)| *running == attempt) else { return };
        let (_, span) = self.connects.swap_remove(n);
        match result {
            Ok(_) => debug!(target: "ws_common", parent: &span, "connected"),
            Err(error) => failed(&span, error),
        }
    }
}

/// Number of the next connection of this process.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// The span `connection`, which ends with the connection, and in it one after the other the spans `proxy`, `tls` and `handshake`, as far as
/// there are such phases.
#[derive(Debug)]
pub(crate) struct Phases {
    role: TracedRole,
    connection: Span,
    phase: Option<OpenPhase>,
    span: Span,
}

#[derive(Debug)]
enum TracedRole {
    Client { proxy: Option<String>, host: String, uri: String },
    Server,
}

impl Phases {
    /// `server` is the address of the server, if the transport was connected to it.
    pub(crate) fn client(target: &Target, proxy: Option<&dyn Display>, server: Option<SocketAddr>) -> Self {
        let mut uri = target.to_string();
        uri.truncate(uri.find('?').unwrap_or(uri.len()));
        let proxy = proxy.map(ToString::to_string);
        let host = target.host().to_string();
        let peer = server.map_or_else(|| format!("{host}:{}", target.port()), |address| address.to_string());
        Self::new(TracedRole::Client { proxy, host, uri }, Some(peer))
    }

    pub(crate) fn server() -> Self {
        Self::new(TracedRole::Server, None)
    }

    fn new(side: TracedRole, peer: Option<String>) -> Self {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let role = match side {
            TracedRole::Client { .. } => "client",
            TracedRole::Server => "server",
        };
        let connection = debug_span!(target: "ws_common", "connection", role, number, peer);
        Self { role: side, connection, phase: None, span: Span::none() }
    }

    /// The address of the peer is known.
    pub(crate) fn peer(&self, peer: &dyn Display) {
        self.connection.record("peer", field::display(peer));
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
        let within = &self.connection;
        self.span = match (phase, &self.role) {
            (OpenPhase::Proxy, TracedRole::Client { proxy, .. }) => {
                debug_span!(target: "ws_common", parent: within, "proxy", uri = proxy.as_ref().map(field::display))
            }
            (OpenPhase::Tls, TracedRole::Client { host, .. }) => {
                debug_span!(target: "ws_common", parent: within, "tls", host)
            }
            (OpenPhase::Tls, TracedRole::Server) => debug_span!(target: "ws_common", parent: within, "tls"),
            (_, TracedRole::Client { uri, .. }) => {
                debug_span!(target: "ws_common", parent: within, "handshake", %uri)
            }
            (_, TracedRole::Server) => {
                debug_span!(target: "ws_common", parent: within, "handshake", path = Empty)
            }
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

    /// The connection is open. Its frames and its end are told in its span.
    pub(crate) fn opened(&mut self, connection: &mut Connection) {
        debug!(target: "ws_common", parent: &self.span, "open");
        self.span = Span::none();
        connection.trace_in(std::mem::replace(&mut self.connection, Span::none()));
    }

    /// The connection was not opened. `rejection` is the status of a refusal.
    pub(crate) fn not_opened(&mut self, rejection: Option<u16>, error: &dyn Display) {
        let span = std::mem::replace(&mut self.span, Span::none());
        match rejection {
            Some(status) => debug!(target: "ws_common", parent: &span, status, "rejected"),
            None => failed(&span, error),
        }
        drop(span);
        self.connection = Span::none();
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
pub(crate) fn reconnecting(attempt: u32, delay: Duration, cause: &Cause) {
    debug!(target: "ws_common", attempt, ?delay, cause = cause.traced(), "reconnecting");
}

/// The client that stays connected does not reconnect.
pub(crate) fn gave_up(reason: &GiveUp) {
    debug!(target: "ws_common", reason = &*reason.kind(), cause = reason.cause().map(Cause::traced), "gave up");
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
