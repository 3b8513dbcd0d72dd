//! The client that stays connected, on threads.

suite::client_scenarios!(ws_blocking::Client);
