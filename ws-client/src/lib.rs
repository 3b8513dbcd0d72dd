#![doc = include_str!("../README.md")]

mod dial;
mod error;
mod options;
mod pieces;
mod proxy;
mod reconnect;
mod session;
mod shutdown;
mod target;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tls;

pub use dial::{AttemptId, Dial, DialStep};
pub use error::{AcceptError, ConnectError, Phase};
pub use options::{AcceptOptions, ConnectOptions, random};
pub use pieces::Pieces;
pub use proxy::{
    Credentials, HttpProxy, Leftover, Proxy, ProxyConnected, ProxyError, ProxyScheme, ProxyUrlError, Socks5,
    Socks5Reply,
};
pub use reconnect::{Attempts, Backoff, Decision, End, GiveUp, Reconnect};
pub use session::{
    Action, ClientBuilder, ClientError, ClientEvent, Confirmation, Delivery, Session, Stats, Status, Ticket,
};
pub use shutdown::{Guard, Shutdown, Stop};
pub use target::{Host, Target, TargetError};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsFailure, TlsOptions};

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use rustls;
