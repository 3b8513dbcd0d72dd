//! A TCP listener whose connections can be stopped together.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::time::timeout;
use ws_client::{AcceptError, AcceptOptions, Shutdown};

use crate::accept::Incoming;
use crate::signal::Signal;

/// Accepts clients on a TCP port.
///
/// [`accept`](Self::accept) only takes the TCP connection; the handshake is done by [`Incoming::accept`], in a task of its
/// own, so that a slow client holds up no other.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    options: AcceptOptions,
    shutdown: Shutdown,
}

impl Listener {
    /// Listens on `address`; port 0 lets the system choose one.
    pub async fn bind(address: impl ToSocketAddrs) -> std::io::Result<Self> {
        Ok(Self::from_listener(TcpListener::bind(address).await?, AcceptOptions::default()))
    }

    /// Takes over a listener that was set up elsewhere, with options for every connection.
    pub fn from_listener(listener: TcpListener, options: AcceptOptions) -> Self {
        Self { listener, options, shutdown: Shutdown::default() }
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next client, and its address. An error of the system, such as too many open files, may pass: wait a moment and go
    /// on. [`AcceptError::Shutdown`] once the listener is shutting down. Cancel safe.
    pub async fn accept(&self) -> Result<(Incoming, SocketAddr), AcceptError> {
        let mut accept = pin!(self.listener.accept());
        let (transport, address) = poll_fn(|cx| {
            if self.shutdown.poll_stopping(cx).is_ready() {
                return Poll::Ready(Err(AcceptError::Shutdown));
            }
            accept.as_mut().poll(cx).map_err(AcceptError::Io)
        })
        .await?;
        transport.set_nodelay(true).map_err(AcceptError::Io)?;
        let mut incoming = Incoming::new(transport, self.options.clone());
        let signal = Arc::new(Signal::default());
        let guard = self.shutdown.enter(signal.clone()).ok_or(AcceptError::Shutdown)?;
        incoming.listener = Some((signal, guard));
        Ok((incoming, address))
    }

    /// Stops: no new clients are accepted, and every connection is closed with 1001. Waits until all are over, but not
    /// longer than `patience`; then the rest is broken off. Says how many that were.
    ///
    /// A connection closes when somebody waits on it; one that is only held is over when it is dropped.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        self.shutdown.begin();
        match timeout(patience, poll_fn(|cx| self.shutdown.poll_empty(cx))).await {
            Ok(()) => 0,
            Err(_) => self.shutdown.abort(),
        }
    }
}
