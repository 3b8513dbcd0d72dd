//! The client that stays connected, in virtual time.

mod attempts;
#[cfg(feature = "deflate")]
mod compressed;
mod confirmed;
mod deflate;
mod failures;
mod hooks;
mod long;
mod marks;
mod outbox;
mod parsed;
mod pausing;
mod peer;
mod properties;
mod resets;
mod support;
mod trace;
mod user;
