//! From a connected transport to an open connection, on the server's side.

mod front;

use std::net::SocketAddr;
use std::time::Duration;

use ws_core::bytes::{Bytes, BytesMut};
use ws_core::{
    Accept, Connection, HandshakeError, Instant, Machine, Outbound, Random, Reject, Request, ServerHandshake,
    TransportError,
};

use self::front::Front;
use crate::error::{AcceptError, OpenPhase};
use crate::maybe_tls::MaybeTls;
use crate::options::AcceptOptions;
use crate::system::shutdown::Admission;
use crate::tls::TlsFailure;
use crate::trace::Phases;

/// To a client that does not speak TLS, in the clear: it would not understand an alert.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 35\r\nConnection: close\r\n\r\n\
    this port speaks TLS: use wss here\n";

/// To a proxy that speaks the PROXY protocol, in the clear, where it is not expected before TLS.
const PROXIED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 98\r\nConnection: close\r\n\r\n\
    this port speaks TLS; a header of the PROXY protocol before TLS needs the setting `trusted_proxy`\n";

/// What a server does with a transport until it has the client's [`Request`], as a [`Machine`]: the header of a trusted proxy and TLS, if
/// there is to be any, and the opening handshake. Then [`accept`](Self::accept) gives the connection.
#[derive(Debug)]
pub struct ServerUpgrade {
    machine: MaybeTls<ServerHandshake>,
    /// Of a server behind a trusted proxy.
    front: Option<Box<Front>>,
    client_addr: Option<SocketAddr>,
    /// For errors.
    open_timeout: Duration,
    trace: Phases,
}

impl ServerUpgrade {
    /// Begins on a transport; the time to open counts from `now`.
    ///
    /// # Errors
    ///
    /// What was set for TLS cannot be used.
    pub fn new(options: &AcceptOptions, random: Random, now: Instant) -> Result<Self, AcceptError> {
        let config = options.as_config().clone();
        let handshake = ServerHandshake::new(config, random, now + options.open_timeout)
            .origins(options.accepted_origins());
        let machine = MaybeTls::server(handshake, options.acceptor())?;
        let mut trace = Phases::server();
        trace.go_on(machine.phase());
        let front = options.proxy_in_front().map(|proxy| Box::new(Front::new(proxy, options)));
        Ok(Self { machine, front, client_addr: None, open_timeout: options.open_timeout, trace })
    }

    /// Tells the address of the transport, and the limit to which a client behind a trusted proxy counts once it is known.
    #[must_use]
    pub fn of_listener(mut self, address: SocketAddr, admission: Admission) -> Self {
        self.client_addr = Some(address);
        self.trace.peer(&address);
        if let Some(front) = &mut self.front {
            front.count(admission);
        }
        self
    }

    /// Accepts: the connection is the next machine on the transport. An error if the request was not reported.
    pub fn accept(mut self, accept: &Accept, now: Instant) -> Result<MaybeTls<Connection>, AcceptError> {
        let connection = self.machine.try_map(|handshake| handshake.accept(accept, now).ok());
        let (phase, open_timeout) = (OpenPhase::Handshake, self.open_timeout);
        let mut connection = connection.ok_or(AcceptError::Timeout { phase, open_timeout })?;
        self.trace.opened(connection.inner_mut());
        Ok(connection)
    }

    /// Refuses. The answer is to be written, and the stream read to its end; [`discard`](Self::discard) drops what comes.
    pub fn reject(&mut self, reject: &Reject) {
        self.trace.rejected(reject);
        self.machine.inner_mut().reject(reject);
    }

    /// Takes the program's decision about the request that was reported. The program `took` this long, and may take `limit`. A listener
    /// that is stopping accepts no client.
    ///
    /// # Errors
    ///
    /// The client is refused, as by [`reject`](Self::reject).
    pub fn decide(
        &mut self,
        decided: Result<Accept, Reject>,
        took: Duration,
        limit: Duration,
        is_stopping: bool,
    ) -> Result<Accept, AcceptError> {
        if is_stopping {
            self.refuse(503, "the server is shutting down\n");
            return Err(AcceptError::Shutdown);
        }
        if took > limit {
            self.refuse(503, "the server did not decide in time\n");
            return Err(AcceptError::DecideTimeout(limit));
        }
        decided.map_err(|reject| {
            self.reject(&reject);
            AcceptError::Rejected(reject.status())
        })
    }

    fn refuse(&mut self, status: u16, text: impl Into<Bytes>) {
        if let Ok(reject) = Reject::new(status) {
            self.reject(&reject.body(text));
        }
    }

    /// Drops what was read and means nothing any more. Not the beginning of a TLS record, after which the rest would be none.
    pub fn discard(&mut self) {
        self.machine.inner_mut().inbound().clear();
        if let Some(buffer) = self.front.as_mut().and_then(|front| front.inbound()) {
            buffer.clear();
        }
    }

    fn has_failed_in_front(&self) -> bool {
        self.front.as_ref().is_some_and(|front| front.has_failed())
    }

    /// The failure in front, once.
    fn poll_front(&mut self) -> Result<Option<Request>, AcceptError> {
        let failure = self.front.as_mut().and_then(|front| front.take_failure());
        let Some((error, answer)) = failure else { return Ok(None) };
        let outbound = self.machine.outbound();
        if let Some(answer) = answer {
            outbound.push(answer);
        }
        outbound.finish();
        self.trace.not_opened(None, &error);
        Err(error)
    }

    /// Tells the request the address of its client. An error was answered.
    fn identify(&mut self, request: &mut Request) -> Result<(), AcceptError> {
        if let Some(front) = &mut self.front {
            match front.client_of(request) {
                Ok(client) => self.client_addr = client.or(self.client_addr),
                Err(error) => {
                    let status = if matches!(error, AcceptError::ClientLimit { .. }) { 503 } else { 400 };
                    self.refuse(status, format!("{error}\n"));
                    return Err(error);
                }
            }
        }
        request.set_client_addr(self.client_addr);
        Ok(())
    }
}

impl Machine for ServerUpgrade {
    type Event = Request;
    type Error = AcceptError;

    fn inbound(&mut self) -> &mut BytesMut {
        match self.front.as_mut().and_then(|front| front.inbound()) {
            Some(buffer) => buffer,
            None => self.machine.inbound(),
        }
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        let mut n = n;
        if let Some(front) = self.front.as_mut().filter(|front| n > 0 && front.is_reading()) {
            // The header may be the whole of the read.
            let Some(rest) = front.handle_read().filter(|rest| !rest.is_empty()) else { return };
            n = rest.len();
            self.machine.inbound().extend_from_slice(&rest);
        }
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
        if self.has_failed_in_front() {
            return self.poll_front();
        }
        let result = self.machine.poll_event().map_err(|failure| match failure {
            TlsFailure::Tls(error) => {
                if error.is_proxy_header() {
                    self.machine.outbound().push(Bytes::from_static(PROXIED));
                } else if error.is_plain_http() {
                    self.machine.outbound().push(Bytes::from_static(PLAIN_HTTP));
                }
                AcceptError::Tls(error)
            }
            TlsFailure::Inner(HandshakeError::Timeout) => {
                AcceptError::Timeout { phase: self.machine.phase(), open_timeout: self.open_timeout }
            }
            TlsFailure::Inner(error) => AcceptError::Handshake(error),
        });
        if !matches!(result, Err(AcceptError::Tls(_))) {
            self.trace.go_on(self.machine.phase());
        }
        let result = match result {
            Ok(Some(mut request)) => self.identify(&mut request).map(|()| Some(request)),
            result => result,
        };
        match &result {
            Ok(None) => {}
            Ok(Some(request)) => self.trace.requested(request),
            Err(error) => self.trace.not_opened(error.rejection(), error.traced()),
        }
        result
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout().filter(|_| !self.has_failed_in_front())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }
}
