//! The black-box entry, `testee connect`, against servers that break every rule.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

mod addresses;
mod features;
mod floods;
mod handshakes;
mod staying;
mod testee;
mod violations;
