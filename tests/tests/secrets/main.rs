//! No public type shows a secret, and no event of tracing does.
//!
//! A value of each public type that has `Debug` or `Display` is made with secrets in it, and printed. The listings in `api` say which
//! types there are, so that a type without a value here fails the test.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod adapters;
mod common;
mod core;
mod environment;
mod exhibition;
mod failures;
mod plain;
mod planted;
mod sessions;
#[cfg(feature = "tracing")]
mod traced;

use exhibition::Exhibition;

#[test]
fn no_public_type_shows_a_secret() {
    let mut exhibition = Exhibition::default();
    core::exhibit(&mut exhibition);
    common::exhibit(&mut exhibition);
    failures::exhibit(&mut exhibition);
    sessions::exhibit(&mut exhibition);
    adapters::exhibit(&mut exhibition);
    plain::exhibit(&mut exhibition);
    exhibition.close();
}
