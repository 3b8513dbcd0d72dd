//! The suite on async-std.

suite::scenarios!(suite::async_io::AsyncStd);
