#![doc = include_str!("../README.md")]

mod accepting;
mod channel;
mod dial;
mod duplex;
mod error;
mod opening;
mod options;
mod pieces;
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

pub use accepting::Accepting;
pub use channel::Channel;
pub use dial::{AttemptId, Dial, DialStep};
pub use duplex::{Consumer, Duplex, Step};
pub use error::{AcceptError, ConnectError, ConnectTimeout, Phase};
pub use opening::{Opened, Opening};
pub use options::{AcceptOptions, ConnectOptions, random};
pub use pieces::Pieces;
pub use proxy::{
    Credentials, HttpProxy, Leftover, Proxy, ProxyConnected, ProxyError, ProxyScheme, ProxyStep,
    ProxyUrlError, Socks5, Socks5Reply,
};
pub use reach::{Reach, ReachStep, Reached, Route};
pub use reconnect::{Attempts, Backoff, Cause, Decision, End, GiveUp, Reconnect};
pub use session::{
    Action, Answer, ClientBuilder, ClientError, ClientEvent, ClientStats, ConfirmError, Delivery, Gauge,
    Mark, Question, Session, Status, Ticket,
};
pub use shutdown::{Guard, Shutdown, Stop, Stopping, Waiting};
pub use target::{Host, Target, TargetError};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use tls::TlsOptions;
pub use tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsFailure};

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use rustls;
