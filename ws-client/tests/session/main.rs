//! The client that stays connected, in virtual time.

mod attempts;
mod confirmed;
mod failures;
mod long;
mod outbox;
mod support;
mod user;
