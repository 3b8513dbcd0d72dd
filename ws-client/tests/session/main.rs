//! The client that stays connected, in virtual time.

mod attempts;
mod confirmed;
mod failures;
mod long;
mod outbox;
mod peer;
mod properties;
mod support;
mod user;
