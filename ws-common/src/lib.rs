#![doc = include_str!("../README.md")]

pub mod chunks;
mod client_upgrade;
mod compression;
pub mod connector;
pub mod duplex;
mod error;
pub mod happy_eyeballs;
mod http_status;
mod maybe_tls;
mod options;
mod parts;
mod phase;
pub mod proxy;
pub mod re_exports;
pub mod reconnect;
pub mod redirect;
mod refusal;
mod reunite;
mod route;
mod server_upgrade;
pub mod session;
#[doc(hidden)]
pub mod sync;
pub mod system;
mod target;
pub mod tls;
mod trace;
mod trusted_proxy;

pub use chunks::Chunks;
pub use client_upgrade::{ClientUpgrade, Opened};
pub use error::{
    AcceptError, ConnectError, ConnectTimeout, ConnectorError, OpenPhase, PrepareError, WebSocketError,
};
pub use maybe_tls::MaybeTls;
pub use options::{AcceptOptions, CheckedOptions, ConnectOptions};
pub use parts::Parts;
pub use reunite::ReuniteError;
pub use server_upgrade::ServerUpgrade;
pub use target::{Host, Target, TargetError};
pub use trusted_proxy::{TrustedProxy, TrustedProxyError};

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use rustls;
