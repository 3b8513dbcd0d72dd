//! A connector of the user, which supplies the transport of each attempt.

use std::any::Any;
use std::sync::Arc;

use ws_core::{Instant, Random};

use super::event::ClientEvent;
use super::options::Settings;
use super::{ClientBuilder, Session, SessionState};
use crate::connector::{Route, SuppliedTransport};
use crate::error::ConnectError;
use crate::options::CheckedOptions;
use crate::target::is_private;

/// A connector, as the driver of one client has made it ([`ConnectorClient`]). A session only keeps it.
#[derive(Clone)]
pub struct UserConnector(Arc<dyn Any + Send + Sync>);

impl UserConnector {
    /// Keeps a connector for the driver, which asks for this type.
    pub fn new<T: Send + Sync + 'static>(connector: T) -> Self {
        Self(Arc::new(connector))
    }
}

/// A client whose [connector](ClientBuilder::connector) may return `O`. On an asynchronous runtime, that is a future of a transport. With
/// threads, it is a transport or an error.
///
/// The adapters implement it.
pub trait ConnectorClient<O>: From<Session> {
    /// The connector as the driver of this client calls it.
    fn user_connector(connector: impl Fn(CheckedOptions) -> O + Send + Sync + 'static) -> UserConnector;
}

impl Settings {
    /// An error if a proxy is set beside a connector: the client must not go past its proxy by mistake.
    pub(super) fn check_connector(&self, options: &CheckedOptions) -> Result<(), ConnectError> {
        if self.connector.is_some() && options.sets_proxy() {
            return Err(ConnectError::ConnectorWithProxy);
        }
        Ok(())
    }
}

/// Settings.
impl<C: From<Session>> ClientBuilder<C> {
    /// Takes the transport of each attempt from `connector`: a Unix socket, a pipe in memory, TCP to an address of another resolver, a
    /// stream with other TLS. The connector is called in place of resolving the host and connecting. It gets the options of the attempt.
    /// [`Target`](crate::Target) ([`options.target()`](CheckedOptions::target)) names the host and the port.
    ///
    /// With tokio, where a stream is any `AsyncRead + AsyncWrite`:
    ///
    /// ```
    /// # // Stands for an adapter: the page of `Client` in each adapter has an example that runs.
    /// # use ws_common::{CheckedOptions, ConnectorError, session::*};
    /// # struct Client;
    /// # impl From<Session> for Client { fn from(_: Session) -> Self { Self } }
    /// # impl Client { fn builder(url: &str) -> ClientBuilder<Self> { ClientBuilder::new(url) } }
    /// # impl<F: Future<Output = Result<UnixStream, ConnectorError>>> ConnectorClient<F> for Client {
    /// #     fn user_connector(_: impl Fn(CheckedOptions) -> F + Send + Sync + 'static) -> UserConnector { UserConnector::new(()) }
    /// # }
    /// # struct UnixStream;
    /// # impl UnixStream { async fn connect(_: &str) -> std::io::Result<Self> { Ok(Self) } }
    /// # fn build() -> Result<Client, ws_common::ConnectError> {
    /// let client = Client::builder("ws://localhost/feed")
    ///     .connector(async |_options| Ok(UnixStream::connect("/run/feed.sock").await?))
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// With threads: `.connector(|_options| Ok(UnixStream::connect("/run/feed.sock")?))`.
    ///
    /// - **TLS**: for `wss`, the library speaks TLS over the stream, and checks the certificate for the host of the URL. A connector that
    ///   speaks TLS itself returns `Connected::secure(stream)`. Each adapter has a type `Connected`.
    /// - **Errors**: an error ends the attempt with [`ConnectError::Connector`]. The client reconnects by its policy, unless the error is
    ///   final ([`ConnectorError`](crate::ConnectorError)).
    /// - **Time**: the time of the connector counts toward [`open_timeout`](Self::open_timeout). When that has passed, and when `close`,
    ///   `abort` or a drop ends the attempt, the future is dropped. With threads, the connector runs in a thread of its
    ///   own, which nothing waits for: a connector should not block for longer than [`CheckedOptions::open_timeout`], and a stream that
    ///   comes too late is dropped.
    /// - **Locks**: the client holds no lock while the connector runs. From within, every method of the client and of its handles may be
    ///   called. A connector that panics ends the client ([`ClientError::HookPanicked`](super::ClientError::HookPanicked)), and the panic
    ///   goes on to the caller that waits on the client.
    /// - **Proxies**: a proxy beside a connector is the error [`ConnectError::ConnectorWithProxy`], because the connector would go past it.
    /// - **Redirects**: the connector is asked again, with the options of the next step. To another origin, they are without secrets
    ///   ([`max_redirects`](Self::max_redirects)). A redirect does not lead to a private address by itself, but only a connector knows the
    ///   addresses of a name. The client refuses a transport whose peer is known and private. A connector that resolves names and does not
    ///   tell the peer should check them, or compare names in [`on_redirect`](Self::on_redirect).
    /// - **Sockets**: [`bind`](Self::bind), [`address`](Self::address), [`on_socket`](Self::on_socket) and the options of TCP have no
    ///   effect. The connector sets the options of its socket.
    /// - **Reset**: after a missed deadline and a failed attempt, the client resets its transport. A TCP stream of the runtime is reset, and
    ///   so is a transport with a `reset` of its own. Any other stream is dropped: bytes that the system holds for it may still arrive.
    #[must_use]
    pub fn connector<O>(self, connector: impl Fn(CheckedOptions) -> O + Send + Sync + 'static) -> Self
    where
        C: ConnectorClient<O>,
    {
        self.set(|settings| settings.connector = Some(C::user_connector(connector)))
    }
}

/// For drivers: connectors of the user.
impl Session {
    /// The connector that supplies the transports, if the user has set one and it is of this type. For
    /// [`Action::Open`](super::Action::Open), the driver calls it, holding no lock, in place of resolving and connecting. It reports to
    /// [`supplied`](Self::supplied), [`not_opened`](Self::not_opened) or [`connector_panicked`](Self::connector_panicked).
    ///
    /// The session keeps `open_timeout`: the driver drops the attempt when the next action says so.
    pub fn connector<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.settings.connector.as_ref().and_then(|connector| connector.0.clone().downcast().ok())
    }

    /// As [`opened`](Self::opened), for a transport of the user's connector.
    #[must_use = "a transport that is not wanted any more is to be dropped"]
    pub fn supplied(&mut self, facts: &SuppliedTransport, random: Random, now: Instant) -> bool {
        self.now = now;
        let SessionState::Connecting(attempt) = &mut self.state else { return false };
        let private = facts.peer.map(|peer| peer.ip()).filter(|address| is_private(*address));
        attempt.is_private = private.is_some();
        if let (Some(step), Some(address)) = (attempt.options.public_step(), private) {
            let refused = step.refused(address);
            self.failed(refused);
            return false;
        }
        let route = Route::supplied(attempt.options.target(), facts);
        self.events.push(ClientEvent::Connected { peer: facts.peer, local: facts.local });
        self.shake_hands(&route, random)
    }

    /// The user's connector has panicked. The driver resumes the panic when it holds no lock. Does nothing if the attempt is not wanted
    /// any more.
    pub fn connector_panicked(&mut self, now: Instant) {
        self.now = now;
        if let SessionState::Connecting(_) = self.state {
            self.hook_panicked();
        }
    }
}
