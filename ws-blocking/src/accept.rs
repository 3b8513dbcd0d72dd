//! From a transport to an open connection, on the server's side.

use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ws_common::{
    AcceptError, AcceptOptions, OpenPhase, ServerUpgrade, duplex::Duplex, system::random,
    system::shutdown::Guard,
};
use ws_core::{Accept, Instant, Machine, Reject, Request};

use crate::clock;
use crate::driver::{Driver, NextTurn, Until};
use crate::shared::SharedConnection;
use crate::signal::{Nudge, Signal};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Time for a refused client to take the answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that has connected, and whose request is still to be read. Dropped, it is disconnected.
pub struct Incoming<S: Transport = TcpStream> {
    transport: S,
    options: Arc<AcceptOptions>,
    pub(crate) listener: Option<(Arc<Signal>, Guard)>,
    /// The other end of the transport, if a listener accepted it.
    pub(crate) address: Option<SocketAddr>,
}

impl<S: Transport> Incoming<S> {
    /// A client on a transport that is open already.
    pub fn new(transport: S, options: AcceptOptions) -> Self {
        Self::sharing(transport, Arc::new(options))
    }

    /// The same with options that other clients have, too.
    pub(crate) fn sharing(transport: S, options: Arc<AcceptOptions>) -> Self {
        Self { transport, options, listener: None, address: None }
    }

    /// Reads the request and accepts it, with the first of our subprotocols that the client offers.
    pub fn accept(self) -> Result<(WebSocket<S>, Request), AcceptError> {
        let options = self.options.clone();
        self.accept_with(move |request| Ok(Accept::new().first_subprotocol(request, options.subprotocols())))
    }

    /// Reads the request and lets `decide` look at it: its path, its credentials.
    ///
    /// A request that is no WebSocket handshake is answered before, as fits. A page of another origin is refused before, too, with 403
    /// ([`AcceptOptions::same_origin`]). A program that compares `Origin` itself sets [`AcceptOptions::any_origin`].
    ///
    /// The method ends within `open_timeout` and the time of the decision, and two seconds more if the client is refused and slow to
    /// take the answer. A decision that takes longer than [`AcceptOptions::decide_timeout`] is answered with 503.
    ///
    /// [`AcceptError::Shutdown`] once the listener is shutting down: the client is answered with 503 if its request has come,
    /// and is disconnected in any case.
    pub fn accept_with(
        mut self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket<S>, Request), AcceptError> {
        let start = clock::now();
        let longest_read = self.options.shortest_timeout();
        let random = random().map_err(AcceptError::Io)?;
        let mut machine = ServerUpgrade::new(&self.options, random, Instant::EPOCH)?;
        if let (Some(address), Some((_, guard))) = (self.address, &self.listener) {
            machine = machine.of_listener(address, guard.admission());
        }
        let driver = Driver::new(self.transport, machine, start, Duration::MAX);
        let signal = self.listener.as_ref().map(|(signal, _)| signal.clone());
        let is_stopping = || signal.as_ref().is_some_and(|signal| signal.wish().is_some());
        if let Some(signal) = &signal {
            let transport: Weak<S> = Arc::downgrade(&driver.transport);
            signal.begin(transport);
        }
        let request = driver.drive(
            |_| Until::anything(),
            |state| match state.machine.poll_event() {
                Ok(Some(request)) => Break(Ok(request)),
                _ if is_stopping() => Break(Err(AcceptError::Shutdown)),
                Ok(None) => Continue(NextTurn::READ),
                Err(error) => Break(Err(error)),
            },
        );
        let request = match request {
            Ok(request) => request,
            // Nothing was asked.
            Err(AcceptError::Shutdown) => return Err(AcceptError::Shutdown),
            Err(error) => {
                driver.finish(REFUSAL_TIMEOUT, ServerUpgrade::discard);
                return Err(error);
            }
        };
        let (asked, asked_after) = (clock::now(), clock::since(start));
        let decision = if is_stopping() { Ok(Accept::new()) } else { decide(&request) };
        let (took, limit) = (clock::since(asked), self.options.decide_timeout);
        let decided_at = clock::now();
        let decided = driver.lock().machine.decide(decision, took, limit, is_stopping());
        let accept = match decided {
            Ok(accept) => accept,
            Err(error) => {
                driver.finish(REFUSAL_TIMEOUT, ServerUpgrade::discard);
                return Err(error);
            }
        };
        let driver =
            driver.change(longest_read, |upgrade, now| upgrade.accept(&accept, now).map(Duplex::new))?;
        if let Some((_, guard)) = &mut self.listener {
            guard.opened();
        }
        let shared = SharedConnection::new(driver, self.listener);
        if let Some(signal) = &signal {
            let connection: Weak<dyn Nudge> = Arc::downgrade(&shared) as Weak<_>;
            // From here on, the wish of the listener reaches the connection. Nothing of the response has left.
            signal.open(connection).map_err(|_| AcceptError::Shutdown)?;
        }
        // Whether the client still waits for the response shows when the connection is used. The time of the decision does not count.
        let left = self.options.open_timeout.saturating_sub(asked_after);
        if !shared.driver.write_within(decided_at, left) {
            return Err(AcceptError::Timeout {
                phase: OpenPhase::Handshake,
                open_timeout: self.options.open_timeout,
            });
        }
        Ok((WebSocket::new(shared), request))
    }
}

impl<S: Transport> WebSocket<S> {
    /// Accepts a client on a transport that is open already, with every default. Gives the connection and the client's
    /// request. To look at the request before, and perhaps to refuse it, see [`Incoming`].
    pub fn accept(transport: S) -> Result<(Self, Request), AcceptError> {
        Incoming::new(transport, AcceptOptions::default()).accept()
    }
}
