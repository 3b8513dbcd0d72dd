//! The parts that touch the operating system: socket options, random numbers, the errors of accept(2), the buffer pool of a thread,
//! and the shutdown of a listener, which waits and reads the clock. Everything outside this module is pure: bytes and time go in, events and bytes come
//! out.

pub mod accept;
pub mod buffer_pool;
pub mod shutdown;
pub mod socket;

use ws_core::Random;

/// Makes a random generator for one connection, seeded by the operating system.
pub fn random() -> std::io::Result<Random> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::from)?;
    Ok(Random::from_seed(seed))
}
