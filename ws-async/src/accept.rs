//! From a transport to an open connection, on the server's side.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ws_client::{AcceptError, AcceptOptions, Guard, random};
use ws_core::{Accept, HandshakeError, Instant, Reject, Request, ServerHandshake};

use crate::driver::Driver;
use crate::runtime::{Io, Runtime, after, until};
use crate::signal::Signal;
use crate::socket::Socket;
use crate::websocket::WebSocket;

/// How long a client that was refused is given to take the answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that has connected, and whose request is still to be read. Dropped, it is disconnected.
pub struct Incoming<R: Runtime, T = <R as Runtime>::TcpStream> {
    runtime: PhantomData<fn() -> R>,
    transport: T,
    options: AcceptOptions,
    pub(crate) listener: Option<(Arc<Signal>, Guard)>,
}

impl<R: Runtime + Io<T>, T> Incoming<R, T> {
    /// A client on a transport that is open already.
    pub fn new(transport: T, options: AcceptOptions) -> Self {
        Self { runtime: PhantomData, transport, options, listener: None }
    }

    /// Reads the request and accepts it, with the first of our subprotocols that the client offers.
    pub async fn accept(self) -> Result<(WebSocket<R, T>, Request), AcceptError> {
        let subprotocols: Vec<String> = self.options.subprotocols().map(String::from).collect();
        self.accept_with(|request| {
            Ok(Accept::new().first_subprotocol(request, subprotocols.iter().map(|s| &**s)))
        })
        .await
    }

    /// Reads the request and lets `decide` look at it: its path, its `Origin`, its credentials.
    ///
    /// A request that is no WebSocket handshake is answered before, as fits. It ends within `open_timeout`, and two
    /// seconds more if the client is refused and slow to take the answer.
    pub async fn accept_with(
        mut self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket<R, T>, Request), AcceptError> {
        let epoch = R::now();
        let deadline = Instant::since_epoch(self.options.time_to_open());
        let config = self.options.connection_config().clone();
        let random = random().map_err(AcceptError::Io)?;
        let mut driver = Driver::<R, _>::new(ServerHandshake::new(config, random, deadline), epoch);
        let io = &mut self.transport;
        let request = match poll_fn(|cx| driver.poll_event(io, cx)).await {
            Ok(request) => request,
            Err(error) => {
                finish(driver, io).await;
                return Err(error.into());
            }
        };
        let accept = match decide(&request) {
            Ok(accept) => accept,
            Err(reject) => {
                driver.machine.reject(&reject);
                finish(driver, io).await;
                return Err(AcceptError::Rejected(reject.status()));
            }
        };
        let driver = driver.change(|handshake, now| handshake.accept(&accept, now).ok());
        // The request was reported, so that the handshake is ready to accept.
        let driver = driver.ok_or(AcceptError::Handshake(HandshakeError::Timeout))?;
        let mut socket = Socket::new(self.transport, driver);
        if let Some((signal, guard)) = self.listener {
            socket.listen_to(signal, guard);
        }
        let mut socket = WebSocket::new(socket);
        // The client waits for the response; whether it still does shows when the connection is used.
        let _ = until::<R, _>(epoch.checked_add(self.options.time_to_open()), socket.flush()).await;
        Ok((socket, request))
    }
}

async fn finish<R: Runtime + Io<T>, T>(mut driver: Driver<R, ServerHandshake>, io: &mut T) {
    let _ = until::<R, _>(after::<R>(REFUSAL_TIMEOUT), poll_fn(|cx| driver.poll_finish(io, cx))).await;
}
