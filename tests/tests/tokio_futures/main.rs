//! What only an asynchronous adapter can get wrong: futures that are dropped, executors that are starved, system calls that
//! are too many. Over a transport in memory, so that every read and write is decided by the test.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod batching;
mod cancel;
mod cancel_send;
mod fairness;
mod halves;
mod polls;
mod sink;
mod transport;
mod virtual_time;
mod wakes;
