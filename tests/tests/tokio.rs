//! The suite on tokio.

suite::scenarios!(suite::tokio::Tokio);
