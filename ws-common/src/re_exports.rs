//! The one list of the items that each adapter shows to its users beside its own types. Everyday types are at the root, and the others
//! in a module for each topic. An item is in one place. An adapter adds the crates of foreign types in these.

pub use crate::error::{AcceptError, ConnectError, WebSocketError};
pub use crate::options::{AcceptOptions, ConnectOptions};
pub use crate::parts::Parts;
pub use crate::reconnect::Reconnect;
pub use crate::session::{ClientBuilder, ClientEvent, ClientStatus, Delivery, OutboxPolicy};
pub use ws_core::{
    Chunk, CloseCode, CloseFrame, Closed, Config, Error, Event, Initiator, Message, MessageKind, MessageRef,
    Request, Responder, Response, Role, SendError,
};

/// The options and the error of a connector, which supplies the transport of each attempt of a client.
pub mod connector {
    pub use crate::error::ConnectorError;
    pub use crate::options::CheckedOptions;
}

/// permessage-deflate (RFC 7692).
#[cfg(feature = "deflate")]
pub mod deflate {
    pub use ws_core::{Deflate, NegotiatedDeflate};
}

/// Errors, and their parts. `Error`, `ConnectError`, `AcceptError`, `SendError` and `WebSocketError` are at the root; errors of a topic are in its module.
pub mod error {
    pub use crate::ReuniteError;
    pub use crate::error::{ConnectTimeout, OpenPhase, PrepareError};
    pub use crate::session::{ClientError, ConfirmError};
    pub use crate::target::TargetError;
    #[cfg(feature = "serde")]
    pub use ws_core::JsonError;
    pub use ws_core::{
        HandshakeError, HeadError, IllegalClose, InvalidClose, InvalidExtension, InvalidHeader, NotText,
        PingError, RequestError, ResponseError, StreamError, Timeout, TransportError, Violation,
        ViolationKind,
    };
}

/// The answer of a server to a request, and the parts of a handshake.
pub mod handshake {
    pub use crate::target::Target;
    pub use ws_core::{Accept, Headers, Reject, Rejected};
}

/// The proxy that a client goes through, and those in front of a server.
pub mod proxy {
    pub use crate::proxy::{Proxy, ProxyError, ProxyRefusal, ProxyStep, ProxyUrlError, Socks5Reply};
    pub use crate::trusted_proxy::{TrustedProxy, TrustedProxyError};
}

/// The details of reconnecting: why a connection ended, and when the next one begins.
pub mod reconnect {
    pub use crate::reconnect::{Backoff, Cause, DisconnectReason, GiveUp, RetryDecision};
    pub use crate::session::Attempt;
}

/// Redirects that a client follows.
pub mod redirect {
    pub use crate::redirect::{RedirectDecision, RedirectRefusal, RedirectRefused, RedirectStep};
}

/// Counts of connections and of clients.
pub mod stats {
    pub use crate::session::ClientStats;
    pub use ws_core::{Stats, Traffic};
}

/// TLS, for clients and for servers.
pub mod tls {
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub use crate::tls::TlsOptions;
    #[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "aws-lc-rs")))]
    pub use crate::tls::decrypt_key;
    pub use crate::tls::{TlsAcceptor, TlsConfigError, TlsConnector, TlsError};
}
