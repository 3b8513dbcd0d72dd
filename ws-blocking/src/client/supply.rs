//! The transport that a connector of the user supplies.

use std::any::Any;
use std::fmt;
use std::net::{SocketAddr, TcpStream};

use ws_common::connector::SuppliedTransport;
use ws_common::session::{ConnectorClient, UserConnector};
use ws_common::system::socket::addresses;
use ws_common::{CheckedOptions, ConnectorError};

use super::Client;
use super::stream::ClientStream;
use crate::transport::Transport;

/// A stream that a [connector](ws_common::session::ClientBuilder::connector) of a [`Client`] has opened, and the facts about it. A
/// connector may return a stream alone, as [`new`](Self::new) makes it.
///
/// A connector whose tunnel speaks the TLS of `wss`:
///
/// ```no_run
/// # #[cfg(unix)]
/// # fn build() -> Result<ws_blocking::Client, ws_blocking::ConnectError> {
/// use std::os::unix::net::UnixStream;
/// use ws_blocking::{Client, Connected};
///
/// let client = Client::builder("wss://broker.example/orders")
///     .connector(|_options| Ok(Connected::secure(UnixStream::connect("/run/stunnel.sock")?)))
///     .build()?;
/// # Ok(client)
/// # }
/// ```
pub struct Connected {
    pub(super) stream: ClientStream,
    pub(super) facts: SuppliedTransport,
}

impl Connected {
    /// A stream over which the client speaks TLS for `wss`, and none for `ws`. The client knows the addresses of a `TcpStream`.
    /// It does not know the addresses of any other stream.
    pub fn new(stream: impl Transport) -> Self {
        let any: &dyn Any = &stream;
        let (peer, local) = any.downcast_ref::<TcpStream>().map_or((None, None), addresses);
        let facts = SuppliedTransport { peer, local, is_secure: false };
        Self { stream: ClientStream::new(stream), facts }
    }

    /// A stream that speaks TLS with the server already: the client speaks no other TLS over it. The connector has checked the
    /// certificate.
    pub fn secure(stream: impl Transport) -> Self {
        let mut connected = Self::new(stream);
        connected.facts.is_secure = true;
        connected
    }

    /// Tells the address of the server, for [`ClientEvent::Connected`](crate::ClientEvent::Connected), errors and traces. After a redirect
    /// from a public address, the client refuses a peer with a private address.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.facts.peer = Some(address);
        self
    }

    /// Tells the local address, for [`ClientEvent::Connected`](crate::ClientEvent::Connected).
    #[must_use]
    pub fn local(mut self, address: SocketAddr) -> Self {
        self.facts.local = Some(address);
        self
    }
}

impl<S: Transport> From<S> for Connected {
    fn from(stream: S) -> Self {
        Self::new(stream)
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connected").field(&self.facts).finish()
    }
}

/// Calls the connector of the user.
pub(super) struct ConnectorHook(Box<CallConnector>);

type CallConnector = dyn Fn(CheckedOptions) -> Result<Connected, ConnectorError> + Send + Sync;

impl ConnectorHook {
    pub(super) fn call(&self, options: CheckedOptions) -> Result<Connected, ConnectorError> {
        (self.0)(options)
    }
}

/// A connector is a function of the options of an attempt. It gives a stream, or a [`Connected`].
impl<T: Into<Connected>> ConnectorClient<Result<T, ConnectorError>> for Client {
    fn user_connector(
        connector: impl Fn(CheckedOptions) -> Result<T, ConnectorError> + Send + Sync + 'static,
    ) -> UserConnector {
        UserConnector::new(ConnectorHook(Box::new(move |options| connector(options).map(Into::into))))
    }
}
