//! The transport that a connector of the user supplies.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use ws_common::connector::SuppliedTransport;
use ws_common::session::{ConnectorClient, UserConnector};
use ws_common::system::socket::addresses;
use ws_common::{CheckedOptions, ConnectorError};

use super::Client;
use super::transport::{BoxedStream, boxed};
use crate::runtime::{Io, Runtime};

/// A stream that a connector has opened, whose methods an adapter documents.
pub struct Connected<R> {
    pub(crate) stream: BoxedStream,
    pub(crate) facts: SuppliedTransport,
    runtime: std::marker::PhantomData<fn() -> R>,
}

impl<R: Runtime> Connected<R> {
    /// A stream over which the library speaks TLS for `wss`.
    pub fn new<T>(stream: T) -> Self
    where
        R: Io<T>,
        T: Send + 'static,
    {
        let any: &dyn Any = &stream;
        let socket = any.downcast_ref::<R::TcpStream>().and_then(R::socket);
        let (peer, local) = socket.map_or((None, None), |socket| addresses(&socket));
        Self {
            facts: SuppliedTransport { peer, local, is_secure: false },
            stream: boxed::<R, T>(stream),
            runtime: std::marker::PhantomData,
        }
    }

    /// A stream that speaks TLS with the server already.
    pub fn secure<T>(stream: T) -> Self
    where
        R: Io<T>,
        T: Send + 'static,
    {
        let mut connected = Self::new(stream);
        connected.facts.is_secure = true;
        connected
    }

    /// Tells the address of the server.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.facts.peer = Some(address);
        self
    }

    /// Tells the local address.
    #[must_use]
    pub fn local(mut self, address: SocketAddr) -> Self {
        self.facts.local = Some(address);
        self
    }
}

impl<R> fmt::Debug for Connected<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connected").field(&self.facts).finish()
    }
}

type SupplyFuture<R> = Pin<Box<dyn Future<Output = Result<Connected<R>, ConnectorError>> + Send>>;

/// Begins to call the connector of the user. Its first poll runs code of the user, and the call of this function does not.
pub(super) struct Supplier<R>(Box<dyn Fn(CheckedOptions) -> SupplyFuture<R> + Send + Sync>);

/// A future of the user that opens the transport of one attempt.
pub(crate) struct Supply<R> {
    /// The number of the attempt in its driver.
    attempt: u64,
    future: SupplyFuture<R>,
}

/// The result of a [`Supply`].
pub(crate) struct Supplied<R> {
    pub(crate) attempt: u64,
    /// The payload of a panic is the outer error.
    pub(crate) result: Result<Result<Connected<R>, ConnectorError>, Box<dyn Any + Send>>,
}

impl<R: Runtime> Supplier<R> {
    pub(super) fn start(&self, attempt: u64, options: CheckedOptions) -> Supply<R> {
        Supply { attempt, future: (self.0)(options) }
    }
}

impl<R> Supply<R> {
    pub(super) fn attempt(&self) -> u64 {
        self.attempt
    }
}

impl<R> Future for Supply<R> {
    type Output = Supplied<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Supplied<R>> {
        let attempt = self.attempt;
        // A future that has panicked is not polled again.
        let result = match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        Poll::Ready(Supplied { attempt, result })
    }
}

/// A connector of any client of this runtime. Its future yields a stream that becomes a `C`, the adapter's own type around [`Connected`].
pub fn user_connector<R, C, F, T>(
    connector: impl Fn(CheckedOptions) -> F + Send + Sync + 'static,
) -> UserConnector
where
    R: Runtime,
    C: Into<Connected<R>>,
    F: Future<Output = Result<T, ConnectorError>> + Send + 'static,
    T: Into<C>,
{
    let connector = std::sync::Arc::new(connector);
    let supplier = move |options| -> SupplyFuture<R> {
        let connector = connector.clone();
        Box::pin(async move {
            let supplied: C = connector(options).await?.into();
            Ok(supplied.into())
        })
    };
    UserConnector::new(Supplier(Box::new(supplier)))
}

impl<R, F> ConnectorClient<F> for Client<R>
where
    R: Runtime,
    F: Future<Output = Result<Connected<R>, ConnectorError>> + Send + 'static,
{
    fn user_connector(connector: impl Fn(CheckedOptions) -> F + Send + Sync + 'static) -> UserConnector {
        user_connector::<R, Connected<R>, F, Connected<R>>(connector)
    }
}
