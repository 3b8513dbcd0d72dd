//! The source of masking keys, handshake keys and ping nonces.

use alloc::boxed::Box;

use chacha20::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// A cryptographically secure generator (ChaCha with 12 rounds), seeded once per connection.
///
/// RFC 6455 §5.3 wants masking keys "derived from a strong source of entropy" that the application cannot predict. The
/// driver gives 32 bytes from the operating system; they never leave the generator, only its output does.
pub struct Random {
    seed: [u8; 32],
    /// With a buffer, for those who draw much: made for the first masking key. Ten times as large as the seed, which is enough for
    /// the pings of a server.
    generator: Option<Box<ChaCha12Rng>>,
}

impl Random {
    /// A generator from 32 secret, uniformly random bytes, which must not be used for anything else.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, generator: None }
    }

    /// 64 uniformly random bits, for what else wants to be unpredictable, such as the time of a next attempt.
    pub fn next_u64(&mut self) -> u64 {
        self.generator().next_u64()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some(generator) = &mut self.generator else { return draw(&mut self.seed) };
        let mut bytes = [0; N];
        generator.fill_bytes(&mut bytes);
        bytes
    }

    #[inline]
    pub(crate) fn mask_key(&mut self) -> crate::mask::MaskKey {
        self.generator().next_u32().to_ne_bytes()
    }

    #[inline]
    fn generator(&mut self) -> &mut ChaCha12Rng {
        let Self { seed, generator } = self;
        generator.get_or_insert_with(|| Box::new(ChaCha12Rng::from_seed(draw(seed))))
    }
}

/// Random bytes, and the next seed. What comes out under one seed is either or, so that none of it tells of any other.
#[cold]
fn draw<const N: usize>(seed: &mut [u8; 32]) -> [u8; N] {
    let mut generator = ChaCha12Rng::from_seed(*seed);
    generator.fill_bytes(seed);
    let mut bytes = [0; N];
    generator.fill_bytes(&mut bytes);
    bytes
}

/// Shows nothing of its state, which is secret.
impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Random(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn neither_keys_nor_nonces_repeat_nor_show_the_seed() {
        let mut random = Random::from_seed([7; 32]);
        let mut nonce = || u64::from_ne_bytes(random.array());
        let mut drawn: Vec<u64> = (0..200).map(|_| nonce()).collect();
        drawn.extend((0..200).map(|_| {
            let [high, low] = [random.mask_key(), random.mask_key()].map(u32::from_ne_bytes);
            u64::from(high) << 32 | u64::from(low)
        }));
        drawn.extend((0..200).map(|_| random.next_u64()));
        assert!(!drawn.contains(&u64::from_ne_bytes([7; 8])));
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 600);
    }
}
