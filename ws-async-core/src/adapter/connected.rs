/// A stream of a connector.
#[doc(hidden)]
#[macro_export]
macro_rules! define_connected {
    ($name:literal, $runtime:ty, [$($transport:tt)+], $unix:literal) => {
        /// A stream that a [connector](ws_async_core::ws_common::session::ClientBuilder::connector) of a [`Client`] has opened, and the facts
        /// about it. A connector may return a stream alone, as [`new`](Self::new) makes it.
        ///
        /// A connector whose tunnel speaks the TLS of `wss`:
        ///
        /// ```no_run
        #[doc = concat!("use ", $name, "::{Client, Connected};")]
        ///
        /// # #[cfg(unix)]
        #[doc = concat!("# fn build() -> Result<Client, ", $name, "::ConnectError> {")]
        /// let client = Client::builder("wss://broker.example/orders")
        ///     .connector(async |_options| {
        #[doc = concat!("        let tunnel = ", $unix, "(\"/run/stunnel.sock\").await?;")]
        ///         Ok(Connected::secure(tunnel))
        ///     })
        ///     .build()?;
        /// # Ok(client)
        /// # }
        /// ```
        pub struct Connected($crate::Connected<$runtime>);

        impl Connected {
            /// A stream over which the client speaks TLS for `wss`, and none for `ws`. The client knows the addresses of
            /// a TCP stream of the runtime. It does not know the addresses of any other stream.
            pub fn new(stream: impl $($transport)+ + Send + 'static) -> Self {
                Self($crate::Connected::new(stream))
            }

            /// A stream that speaks TLS with the server already: the client speaks no other TLS over it. The connector has checked the
            /// certificate.
            pub fn secure(stream: impl $($transport)+ + Send + 'static) -> Self {
                Self($crate::Connected::secure(stream))
            }

            /// Tells the address of the server, for [`ClientEvent::Connected`], errors and traces. After a redirect from a public address,
            /// the client refuses a peer with a private address.
            #[must_use]
            pub fn peer(self, address: std::net::SocketAddr) -> Self {
                Self(self.0.peer(address))
            }

            /// Tells the local address, for [`ClientEvent::Connected`].
            #[must_use]
            pub fn local(self, address: std::net::SocketAddr) -> Self {
                Self(self.0.local(address))
            }
        }

        impl<T: $($transport)+ + Send + 'static> From<T> for Connected {
            fn from(stream: T) -> Self {
                Self::new(stream)
            }
        }

        #[doc(hidden)]
        impl From<Connected> for $crate::Connected<$runtime> {
            fn from(connected: Connected) -> Self {
                connected.0
            }
        }

        impl std::fmt::Debug for Connected {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        /// A connector is a function of the options of an attempt. Its future gives a stream, or a [`Connected`].
        impl<F, T> $crate::ws_common::session::ConnectorClient<F> for Client
        where
            F: Future<Output = Result<T, $crate::ws_common::ConnectorError>> + Send + 'static,
            T: Into<Connected>,
        {
            fn user_connector(
                connector: impl Fn($crate::ws_common::CheckedOptions) -> F + Send + Sync + 'static,
            ) -> $crate::ws_common::session::UserConnector {
                $crate::user_connector::<$runtime, Connected, F, T>(connector)
            }
        }
    };
}
