//! From a transport to an open connection, on the server's side.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ws_client::{AcceptError, AcceptOptions, Accepting, Guard, random};
use ws_core::{Accept, Instant, Reject, Request};

use crate::clock::Clock;
use crate::driver::Driver;
use crate::runtime::{Io, Runtime};
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
    pub fn accept(self) -> impl Future<Output = Result<(WebSocket<R, T>, Request), AcceptError>> {
        let subprotocols: Vec<String> = self.options.subprotocols().map(String::from).collect();
        self.accept_with(move |request| {
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
    ) -> impl Future<Output = Result<(WebSocket<R, T>, Request), AcceptError>> {
        // Boxed, with all that it is given: a task is as large as the largest future that it ever waits for, as long as it
        // lasts, and this one is three times as large as a connection.
        Box::pin(self.handshake(decide))
    }

    async fn handshake(
        mut self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket<R, T>, Request), AcceptError> {
        let clock = Clock::<R>::start();
        let random = random().map_err(AcceptError::Io)?;
        let mut driver = Driver::new(Accepting::new(&self.options, random, Instant::EPOCH)?, clock);
        let io = &mut self.transport;
        let request = match poll_fn(|cx| driver.poll_event(io, cx)).await {
            Ok(request) => request,
            Err(error) => {
                finish(&mut driver, io, clock).await;
                return Err(error);
            }
        };
        let accept = match decide(&request) {
            Ok(accept) => accept,
            Err(reject) => {
                driver.machine.reject(&reject);
                finish(&mut driver, io, clock).await;
                return Err(AcceptError::Rejected(reject.status()));
            }
        };
        let driver = driver.change(|accepting, now| accepting.accept(&accept, now))?;
        let mut socket = WebSocket::new(Socket::new(self.transport, driver, self.listener));
        // The client waits for the response; whether it still does shows when the connection is used.
        let _ = clock.until(Instant::EPOCH + self.options.time_to_open(), socket.flush()).await;
        Ok((socket, request))
    }
}

/// Lets the client have what it is told.
async fn finish<R: Runtime + Io<T>, T>(driver: &mut Driver<R, Accepting>, io: &mut T, clock: Clock<R>) {
    let deadline = clock.now() + REFUSAL_TIMEOUT;
    let _ = clock.until(deadline, poll_fn(|cx| driver.poll_finish(io, cx, Accepting::discard))).await;
}
