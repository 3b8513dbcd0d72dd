//! The source of masking keys, handshake keys and ping nonces.

use chacha20::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// A buffered, cryptographically secure generator (ChaCha with 12 rounds), seeded once per connection.
///
/// RFC 6455 §5.3 wants masking keys "derived from a strong source of entropy" that the application cannot predict. The
/// driver gives 32 bytes from the operating system; they never leave the generator, only its output does.
pub struct Random(ChaCha12Rng);

impl Random {
    /// A generator from 32 secret, uniformly random bytes, which must not be used for anything else.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// 64 uniformly random bits, for what else wants to be unpredictable, such as the time of a next attempt.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    #[inline]
    pub(crate) fn mask_key(&mut self) -> crate::mask::MaskKey {
        self.0.next_u32().to_ne_bytes()
    }
}

/// Shows nothing of its state, which is secret.
impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Random(..)")
    }
}
