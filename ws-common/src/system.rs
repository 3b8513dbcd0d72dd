//! The parts that touch the operating system: socket options, random numbers, environment variables, the errors of accept(2), the
//! buffer pool of a thread, and the shutdown of a listener, which waits and reads the clock.
//!
//! The code outside of this module is pure: bytes and time go in, events and bytes come out. There are three exceptions:
//!
//! - [`ClientBuilder::build`](crate::session::ClientBuilder::build) takes a seed from this module;
//!   [`session`](crate::session::ClientBuilder::session) gets its generator from the caller.
//! - `proxy_from_environment` of the options takes the variables of the process from this module.
//! - rustls, which [`tls`](crate::tls) puts around a machine, reads the clock for certificates and sessions, draws random numbers from the
//!   system, and loads the root certificates of the platform.

pub mod accept;
pub mod buffer_pool;
pub mod shutdown;
pub mod socket;

use std::ffi::OsString;

use ws_core::Random;

/// Makes a random generator for one connection, seeded by the operating system.
pub fn random() -> std::io::Result<Random> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::from)?;
    Ok(Random::from_seed(seed))
}

/// Value of an environment variable of this process.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
