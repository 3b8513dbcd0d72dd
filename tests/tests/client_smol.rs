//! The client that stays connected, on smol.

suite::client_scenarios!(suite::async_io::SmolClient);
