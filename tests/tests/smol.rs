//! The suite on smol.

suite::scenarios!(suite::async_io::Smol);
