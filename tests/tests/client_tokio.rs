//! The client that stays connected, on tokio.

suite::client_scenarios!(ws_tokio::Client);
