//! The client that stays connected, on async-std.

suite::client_scenarios!(suite::async_io::AsyncStdClient);
