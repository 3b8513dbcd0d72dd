//! A TCP listener whose connections can be stopped together.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ws_common::{AcceptError, AcceptOptions, system::shutdown::Shutdown};
use ws_core::Instant;

use crate::accept::Incoming;
use crate::clock::Clock;
use crate::runtime::{Resolve, Runtime};
use crate::signal::Signal;

/// Accepts clients on a TCP port.
///
/// [`accept`](Self::accept) only takes the TCP connection; the handshake is done by [`Incoming::accept`], in a task of its
/// own, so that a slow client holds up no other.
pub struct Listener<R: Runtime> {
    listener: R::TcpListener,
    options: AcceptOptions,
    shutdown: Shutdown,
}

impl<R: Runtime> Listener<R> {
    /// Listens on `address`; port 0 lets the system choose one.
    pub async fn bind<A>(address: A) -> std::io::Result<Self>
    where
        R: Resolve<A>,
    {
        let addresses = <R as Resolve<A>>::resolve(address).await?;
        Ok(Self::from_listener(R::listen(&addresses).await?, AcceptOptions::default()))
    }

    /// Takes over a listener that was set up elsewhere, with options for every connection.
    pub fn from_listener(listener: R::TcpListener, options: AcceptOptions) -> Self {
        Self { listener, options, shutdown: Shutdown::default() }
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        R::listening_addr(&self.listener)
    }

    /// The next client, and its address. An error of the system, such as too many open files, may pass: wait a moment and go
    /// on. [`AcceptError::Shutdown`] once the listener is shutting down. Cancel safe.
    pub async fn accept(&self) -> Result<(Incoming<R>, SocketAddr), AcceptError> {
        let mut accept = pin!(R::accept(&self.listener));
        let mut stopping = self.shutdown.stopping();
        let (transport, address) = poll_fn(|cx| {
            if Pin::new(&mut stopping).poll(cx).is_ready() {
                return Poll::Ready(Err(AcceptError::Shutdown));
            }
            accept.as_mut().poll(cx).map_err(AcceptError::Io)
        })
        .await?;
        if let Some(socket) = R::socket(&transport) {
            self.options.socket_options().accepted(&socket).map_err(AcceptError::Io)?;
        }
        let mut incoming = Incoming::new(transport, self.options.clone());
        let signal = Arc::new(Signal::default());
        let guard = self.shutdown.enter(signal.clone()).ok_or(AcceptError::Shutdown)?;
        incoming.listener = Some((signal, guard));
        Ok((incoming, address))
    }

    /// Stops: no new clients are accepted, and every connection is closed with 1001. A client within its handshake is answered with
    /// 503, or dropped. Waits until all are over, but not longer than `patience`; then the rest is broken off. Says how many that
    /// were.
    ///
    /// A connection closes when somebody waits on it; one that is only held is over when it is dropped.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        self.shutdown.begin();
        match Clock::<R>::start().until(Instant::EPOCH + patience, self.shutdown.empty()).await {
            Some(()) => 0,
            None => self.shutdown.abort(),
        }
    }
}

impl<R: Runtime> fmt::Debug for Listener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.local_addr().ok())
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
