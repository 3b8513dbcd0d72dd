//! `Tls` as a machine: two ends joined in memory, with a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]
#![allow(clippy::result_large_err, reason = "machines are handed back, not reported")]
#![cfg(any(feature = "ring", feature = "aws-lc-rs"))]

mod authority;
mod bounded;
mod certificates;
mod deadlines;
mod encrypted;
mod ends;
mod evil;
mod hostile;
mod keys;
mod opening;
mod own_certificate;
mod pem;
mod pins;
mod plain;
mod remedies;
mod replacing;
mod resumption;
mod support;
mod traffic;
