//! The client that stays connected, in virtual time.

mod addresses;
mod attempts;
#[cfg(feature = "deflate")]
mod compressed;
mod confirmed;
mod deflate;
mod failures;
mod giving_up;
mod hooks;
mod long;
mod marks;
mod outbox;
mod parsed;
mod pausing;
mod peer;
mod properties;
mod support;
mod trace;
mod user;
