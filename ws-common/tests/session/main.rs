//! The client that stays connected, in virtual time.

mod addresses;
mod attempts;
mod builders;
mod closing;
#[cfg(feature = "deflate")]
mod compressed;
mod confirmed;
mod connectors;
mod deflate;
mod evidence;
mod failures;
mod giving_up;
mod hook_times;
mod hooks;
mod liveness;
mod long;
mod marks;
mod opening_phase;
mod outbox;
mod outbox_policy;
mod parsed;
mod pausing;
mod prepare;
mod properties;
mod resets;
mod seeds;
mod settings;
mod splits;
mod support;
mod unattended;
mod unproven;
mod unsent;
mod user;
