//! From a connected transport to an open connection, on the server's side.

use std::time::Duration;

use ws_core::bytes::{Bytes, BytesMut};
use ws_core::{
    Accept, Connection, HandshakeError, Instant, Machine, Outbound, Random, Reject, Request, ServerHandshake,
    TransportError,
};

use crate::error::{AcceptError, OpenPhase};
use crate::maybe_tls::MaybeTls;
use crate::options::AcceptOptions;
use crate::tls::TlsFailure;
use crate::trace::Phases;

/// To a client that does not speak TLS, in the clear: it would not understand an alert.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 35\r\nConnection: close\r\n\r\n\
    this port speaks TLS: use wss here\n";

/// What a server does with a transport until it has the client's [`Request`], as a [`Machine`]: TLS, if there is to be any, and
/// the opening handshake. Then [`accept`](Self::accept) gives the connection.
#[derive(Debug)]
pub struct ServerUpgrade {
    machine: MaybeTls<ServerHandshake>,
    trace: Phases,
}

impl ServerUpgrade {
    /// Begins on a transport; the time to open counts from `now`.
    ///
    /// # Errors
    ///
    /// What was set for TLS cannot be used.
    pub fn new(options: &AcceptOptions, random: Random, now: Instant) -> Result<Self, AcceptError> {
        let config = options.connection_config().clone();
        let handshake = ServerHandshake::new(config, random, now + options.open_timeout)
            .origins(options.accepted_origins());
        let machine = MaybeTls::server(handshake, options.acceptor())?;
        let mut trace = Phases::server();
        trace.go_on(machine.phase());
        Ok(Self { machine, trace })
    }

    /// Accepts: the connection is the next machine on the transport. An error if the request was not reported.
    pub fn accept(mut self, accept: &Accept, now: Instant) -> Result<MaybeTls<Connection>, AcceptError> {
        let connection = self.machine.try_map(|handshake| handshake.accept(accept, now).ok());
        connection.inspect(|_| self.trace.opened()).ok_or(AcceptError::Handshake(HandshakeError::Timeout))
    }

    /// Refuses. The answer is to be written, and the stream read to its end; [`discard`](Self::discard) drops what comes.
    pub fn reject(&mut self, reject: &Reject) {
        self.trace.rejected(reject);
        self.machine.inner_mut().reject(reject);
    }

    /// Refuses with 503, because the listener is shutting down. Does nothing if the request was not reported.
    pub fn shut_down(&mut self) -> AcceptError {
        if let Ok(reject) = Reject::new(503) {
            self.reject(&reject.body("the server is shutting down\n"));
        }
        AcceptError::Shutdown
    }

    /// Refuses with 503, because the program took longer for its decision than `limit`.
    pub fn decided_too_late(&mut self, limit: Duration) -> AcceptError {
        if let Ok(reject) = Reject::new(503) {
            self.reject(&reject.body("the server did not decide in time\n"));
        }
        AcceptError::DecideTimeout(limit)
    }

    /// Drops what was read and means nothing any more. Not the beginning of a TLS record, after which the rest would be none.
    pub fn discard(&mut self) {
        self.machine.inner_mut().inbound().clear();
    }
}

impl Machine for ServerUpgrade {
    type Event = Request;
    type Error = AcceptError;

    fn inbound(&mut self) -> &mut BytesMut {
        self.machine.inbound()
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.trace.within(|| self.machine.handle_read(n, now));
    }

    fn outbound(&mut self) -> &mut Outbound {
        self.machine.outbound()
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.machine.handle_write(n, now);
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.machine.handle_error(error, now);
    }

    fn poll_event(&mut self) -> Result<Option<Request>, AcceptError> {
        let result = self.machine.poll_event().map_err(|failure| match failure {
            TlsFailure::Tls(error) => {
                if error.is_plain_http() {
                    self.machine.outbound().push(Bytes::from_static(PLAIN_HTTP));
                }
                AcceptError::Tls(error)
            }
            TlsFailure::Inner(HandshakeError::Timeout) if self.machine.phase() == OpenPhase::Tls => {
                AcceptError::Timeout(OpenPhase::Tls)
            }
            TlsFailure::Inner(error) => AcceptError::Handshake(error),
        });
        if !matches!(result, Err(AcceptError::Tls(_))) {
            self.trace.go_on(self.machine.phase());
        }
        match &result {
            Ok(None) => {}
            Ok(Some(request)) => self.trace.requested(request),
            Err(error) => self.trace.not_opened(error.rejection(), error.traced()),
        }
        result
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }
}
