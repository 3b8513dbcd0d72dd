#![doc = include_str!("../README.md")]

mod accepting;
mod channel;
mod dial;
mod duplex;
mod error;
mod opening;
mod options;
mod chunks;
mod proxy;
mod reach;
mod reconnect;
mod session;
mod shutdown;
pub mod socket;
pub mod spare;
#[doc(hidden)]
pub mod sync;
mod target;
mod tls;
#[cfg_attr(not(feature = "tracing"), path = "trace/absent.rs")]
mod trace;

pub use accepting::ServerUpgrade;
pub use channel::MaybeTls;
pub use dial::{AttemptId, HappyEyeballs, HappyEyeballsStep};
pub use duplex::{Consumer, Duplex, Step};
pub use error::{AcceptError, ConnectError, ConnectTimeout, Phase};
pub use opening::{Opened, ClientUpgrade};
pub use options::{AcceptOptions, ConnectOptions, random};
pub use chunks::Chunks;
pub use proxy::{
    Credentials, HttpProxy, Leftover, Proxy, ProxyConnected, ProxyError, ProxyScheme, ProxyStep,
    ProxyUrlError, Socks5, Socks5Reply,
};
pub use reach::{Connector, ConnectorStep, Connected, Route};
pub use reconnect::{Attempts, Backoff, Cause, RetryDecision, DisconnectReason, GiveUp, Reconnect};
pub use session::{
    Action, Answer, ClientBuilder, ClientError, ClientEvent, ConfirmError, Delivery, Gauge, Mark, Question,
    Session, ClientStats, Status, Ticket,
};
pub use shutdown::{Guard, Shutdown, Stop, Stopping, Waiting};
pub use target::{Host, Target, TargetError};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use tls::TlsOptions;
pub use tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsFailure};

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use rustls;
