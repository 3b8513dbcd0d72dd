//! A TCP listener whose connections can be stopped together.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::{fmt, io};

use ws_common::sync::{Mutex, lock};
use ws_common::system::{
    accept::AcceptRetry,
    shutdown::{Permit, Shutdown, ShutdownWait},
    socket::refuse,
};
use ws_common::{AcceptError, AcceptOptions};
use ws_core::Instant;

use crate::accept::Incoming;
use crate::clock::RuntimeClock;
use crate::runtime::{Resolve, Runtime};
use crate::signal::Signal;

/// Accepts clients on a TCP port.
pub struct Listener<R: Runtime> {
    listener: R::TcpListener,
    options: Arc<AcceptOptions>,
    shutdown: Shutdown,
    clock: RuntimeClock<R>,
    retry: Mutex<AcceptRetry>,
}

impl<R: Runtime> Listener<R> {
    /// Listens on `address`; port 0 lets the system choose one.
    pub async fn bind<A>(address: A) -> io::Result<Self>
    where
        R: Resolve<A>,
    {
        let addresses = <R as Resolve<A>>::resolve(address).await?;
        Ok(Self::from_listener(R::listen(&addresses).await?, AcceptOptions::default()))
    }

    /// Takes over a listener that was set up elsewhere, with options for it and every connection.
    pub fn from_listener(listener: R::TcpListener, options: AcceptOptions) -> Self {
        let (shutdown, retry) = (Shutdown::new(options.limits()), Mutex::default());
        let options = Arc::new(options);
        Self { listener, options, shutdown, clock: RuntimeClock::start(), retry }
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        R::listening_addr(&self.listener)
    }

    /// Accepts the next client, and gives its address.
    pub async fn accept(&self) -> Result<(Incoming<R>, SocketAddr), AcceptError> {
        let mut stopping = self.shutdown.stopping();
        loop {
            if let Some(until) = self.paused_until() {
                if self.clock.until(until, &mut stopping).await.is_some() {
                    return Err(AcceptError::Shutdown);
                }
                continue;
            }
            // Before a client is taken from the backlog: over a limit, it waits there.
            let Some(permit) = self.shutdown.try_acquire() else {
                self.shutdown.room().await;
                if self.shutdown.is_stopping() {
                    return Err(AcceptError::Shutdown);
                }
                continue;
            };
            let accepted = self.accept_transport(&mut stopping).await?;
            let now = self.clock.now();
            match accepted {
                Ok((transport, address)) => match self.set_options(&transport) {
                    Ok(()) => {
                        lock(&self.retry).handle_client();
                        if let Some(incoming) = self.enter(permit, transport, address)? {
                            return Ok((incoming, address));
                        }
                        lock(&self.retry).handle_refused(now);
                    }
                    Err(error) => lock(&self.retry).handle_client_error(&error, now),
                },
                Err(error) => lock(&self.retry).handle_error(error, now).map_err(AcceptError::Io)?,
            }
            yield_now().await;
        }
    }

    fn paused_until(&self) -> Option<Instant> {
        lock(&self.retry).paused_until(self.clock.now())
    }

    async fn accept_transport(
        &self,
        stopping: &mut ShutdownWait<'_>,
    ) -> Result<io::Result<(R::TcpStream, SocketAddr)>, AcceptError> {
        let mut accept = pin!(R::accept(&self.listener));
        poll_fn(|cx| {
            if Pin::new(&mut *stopping).poll(cx).is_ready() {
                return Poll::Ready(Err(AcceptError::Shutdown));
            }
            accept.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    fn set_options(&self, transport: &R::TcpStream) -> io::Result<()> {
        let socket = R::socket(transport);
        socket.map_or(Ok(()), |socket| self.options.socket_options().accepted(&socket))
    }

    /// `None` if the client is at its limit.
    fn enter(
        &self,
        permit: Permit,
        transport: R::TcpStream,
        address: SocketAddr,
    ) -> Result<Option<Incoming<R>>, AcceptError> {
        let signal = Arc::new(Signal::default());
        let guard = permit.enter(signal.clone()).ok_or(AcceptError::Shutdown)?;
        if !self.options.admit(&guard, address) {
            if let (Some(socket), Some(answer)) = (R::socket(&transport), self.options.refusal()) {
                refuse(&socket, &answer);
            }
            return Ok(None);
        }
        let mut incoming = Incoming::sharing(transport, self.options.clone());
        incoming.listener = Some((signal, guard));
        incoming.address = Some(address);
        Ok(Some(incoming))
    }

    /// Stops: no new clients are accepted, and every connection is closed with 1001.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        self.shutdown.begin();
        match RuntimeClock::<R>::start().until(Instant::EPOCH + patience, self.shutdown.empty()).await {
            Some(()) => 0,
            None => self.shutdown.abort(),
        }
    }
}

/// Lets other tasks run, however many clients in a row are skipped.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<R: Runtime> fmt::Debug for Listener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.local_addr().ok())
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
