//! Failures of opening a connection, and of a client over many connections.
//!
//! Errors of a layer (`proxy`, `tls`, `target`, `trusted_proxy`) are defined in the layer, which does not know this module.

mod accept;
mod client;
mod connect;
mod connector;
mod hook;
mod prepare;
mod proxy;
mod side;
#[cfg(test)]
mod tests;
mod tls;
mod traced;
mod websocket;

pub use crate::phase::{ConnectTimeout, OpenPhase};
pub use accept::AcceptError;
pub use client::ClientError;
pub use connect::ConnectError;
pub use connector::ConnectorError;
pub use prepare::PrepareError;
pub use websocket::WebSocketError;
