//! The client that stays connected, in virtual time.

mod attempts;
mod failures;
mod support;
mod user;
