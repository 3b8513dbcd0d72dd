//! From a transport to an open connection, on the server's side.

use std::net::TcpStream;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use ws_client::{AcceptError, AcceptOptions, Accepting, Guard, random};
use ws_core::{Accept, Instant, Machine, Reject, Request};

use crate::driver::Driver;
use crate::shared::Shared;
use crate::signal::Signal;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// How long a client that was refused is given to take the answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that has connected, and whose request is still to be read. Dropped, it is disconnected.
pub struct Incoming<S: Transport = TcpStream> {
    transport: S,
    options: AcceptOptions,
    pub(crate) listener: Option<(Arc<Signal>, Guard)>,
}

impl<S: Transport> Incoming<S> {
    /// A client on a transport that is open already.
    pub fn new(transport: S, options: AcceptOptions) -> Self {
        Self { transport, options, listener: None }
    }

    /// Reads the request and accepts it, with the first of our subprotocols that the client offers.
    pub fn accept(self) -> Result<(WebSocket<S>, Request), AcceptError> {
        let subprotocols: Vec<String> = self.options.subprotocols().map(String::from).collect();
        self.accept_with(|request| {
            Ok(Accept::new().first_subprotocol(request, subprotocols.iter().map(|s| &**s)))
        })
    }

    /// Reads the request and lets `decide` look at it: its path, its `Origin`, its credentials.
    ///
    /// A request that is no WebSocket handshake is answered before, as fits. It ends within `open_timeout`, and two
    /// seconds more if the client is refused and slow to take the answer.
    pub fn accept_with(
        self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket<S>, Request), AcceptError> {
        let start = Clock::now();
        let longest_read = self.options.connection_config().shortest_timeout();
        let random = random().map_err(AcceptError::Io)?;
        let machine = Accepting::new(&self.options, random, Instant::EPOCH)?;
        let driver = Driver::new(self.transport, machine, start, Duration::MAX);
        let request = driver.drive(|state| match state.machine.poll_event() {
            Ok(None) => Continue(Some(Duration::MAX)),
            Ok(Some(request)) => Break(Ok(request)),
            Err(error) => Break(Err(error)),
        });
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                driver.finish(REFUSAL_TIMEOUT, Accepting::discard);
                return Err(error);
            }
        };
        let accept = match decide(&request) {
            Ok(accept) => accept,
            Err(reject) => {
                driver.lock().machine.reject(&reject);
                driver.finish(REFUSAL_TIMEOUT, Accepting::discard);
                return Err(AcceptError::Rejected(reject.status()));
            }
        };
        let driver = driver.change(longest_read, |accepting, now| accepting.accept(&accept, now))?;
        let (signal, guard) = self.listener.unzip();
        let shared = Arc::new(Shared::new(driver, guard));
        // The client waits for the response; whether it still does shows when the connection is used.
        shared.driver.write_until(start + self.options.time_to_open());
        if let Some(signal) = signal {
            signal.connect(&shared);
        }
        Ok((WebSocket::new(shared), request))
    }
}
