/// The listener.
#[doc(hidden)]
#[macro_export]
macro_rules! define_listener {
    ($runtime:ty, $listener:ty, [$($address:tt)+], $(#[$bind:meta])*) => {
        /// Accepts clients on a TCP port. The [crate page](crate) shows a server.
        ///
        /// [`accept`](Self::accept) only takes the TCP connection; the handshake is done by [`Incoming`], in a task of
        /// its own, so that a slow client holds up no other. [`shutdown`](Self::shutdown) stops it, with all its
        /// connections.
        pub struct Listener($crate::Listener<$runtime>);

        impl Listener {
            /// Listens on `address`; port 0 lets the system choose one.
            $(#[$bind])*
            pub async fn bind(address: impl $($address)+) -> std::io::Result<Self> {
                Ok(Self($crate::Listener::bind(address).await?))
            }

            /// Takes over a listener that was set up elsewhere, with options for it and every connection.
            pub fn from_listener(listener: $listener, options: $crate::ws_common::AcceptOptions) -> Self {
                Self($crate::Listener::from_listener(listener, options))
            }

            /// The address that it listens on.
            pub fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
                self.0.local_addr()
            }

            /// Accepts the next client, and gives its address. Several tasks may wait at the same time.
            ///
            /// No client can end a loop over this method. A client that is gone before it is accepted is skipped. While the system
            /// cannot accept, for example because no file descriptor is left, clients wait in the backlog. This method then retries after 50 ms, and after
            /// pauses that grow to 1 s while the retries fail. With the feature `tracing`, each pause is an event, and so are skipped
            /// clients, at most once in 50 ms. Over [`AcceptOptions::max_handshakes`] or `max_connections`, clients wait in the backlog,
            /// too. A client over `max_connections_per_client` is refused and skipped.
            ///
            /// Cancel safe: no client is lost, and the next call continues a pause.
            ///
            /// # Errors
            ///
            /// [`AcceptError::Shutdown`] once the listener is shutting down, also during a pause and over a limit. [`AcceptError::Io`]
            /// if the listening socket is unusable: the system says EBADF, EINVAL, ENOTSOCK or EFAULT. Every other error is retried.
            pub async fn accept(
                &self,
            ) -> Result<(Incoming, std::net::SocketAddr), $crate::ws_common::AcceptError> {
                let (incoming, address) = self.0.accept().await?;
                Ok((Incoming(incoming), address))
            }

            /// Stops: no new clients are accepted, and every connection is closed with 1001. A client within its handshake is answered
            /// with 503, or dropped. Waits until all are over, but not longer than `patience`; then the rest is broken off. Gives the
            /// number of these.
            ///
            /// A connection closes when somebody waits on it; one that is only held is over when it is dropped.
            pub fn shutdown(&self, patience: std::time::Duration) -> impl Future<Output = usize> {
                self.0.shutdown(patience)
            }
        }

        impl std::fmt::Debug for Listener {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// A client before its handshake.
#[doc(hidden)]
#[macro_export]
macro_rules! define_incoming {
    ($runtime:ty, $stream:ty, [$($transport:tt)+]) => {
        /// A client that has connected, and whose request is still to be read: [`accept`](Self::accept) it, or look at the
        /// request before, and perhaps refuse it, with [`accept_with`](Self::accept_with). Dropped, it is disconnected.
        pub struct Incoming<T = $stream>($crate::Incoming<$runtime, T>);

        impl<T: $($transport)+> Incoming<T> {
            /// A client on a transport that is open already.
            pub fn new(transport: T, options: $crate::ws_common::AcceptOptions) -> Self {
                Self($crate::Incoming::new(transport, options))
            }

            /// Reads the request and accepts it, with the first of our subprotocols that the client offers.
            pub fn accept(
                self,
            ) -> impl Future<
                Output = Result<(WebSocket<T>, $crate::ws_core::Request), $crate::ws_common::AcceptError>,
            > {
                $crate::opened(self.0.accept(), WebSocket)
            }

            /// Reads the request and lets `decide` look at it: its path, its credentials.
            ///
            /// A request that is no WebSocket handshake is answered before, with the status that fits. A page of another origin is
            /// refused before, too, with 403 ([`AcceptOptions::same_origin`]). A program that compares `Origin` itself sets
            /// [`AcceptOptions::any_origin`].
            ///
            /// The method ends within `open_timeout` and the time of the decision, and two seconds more if the client is refused and
            /// slow to take the answer. A decision that takes longer than [`AcceptOptions::decide_timeout`] is answered with 503.
            ///
            /// Once [`Listener::shutdown`] was called, the client is not accepted: it is answered with 503, or
            /// dropped if its request has not come, and this is [`AcceptError::Shutdown`].
            pub fn accept_with(
                self,
                decide: impl FnOnce(&$crate::ws_core::Request) -> Result<$crate::ws_core::Accept, $crate::ws_core::Reject>,
            ) -> impl Future<
                Output = Result<(WebSocket<T>, $crate::ws_core::Request), $crate::ws_common::AcceptError>,
            > {
                $crate::opened(self.0.accept_with(decide), WebSocket)
            }
        }
    };
}
