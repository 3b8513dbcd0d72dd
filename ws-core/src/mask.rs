//! Masking (RFC 6455 §5.3).

use alloc::vec::Vec;

/// Calls a function in the variant for the processor that this runs on, which only `std` can tell.
#[cfg(feature = "std")]
macro_rules! vectorized {
    ($call:expr) => {
        fearless_simd::dispatch!(fearless_simd::Level::new(), _simd => $call)
    };
}

#[cfg(not(feature = "std"))]
macro_rules! vectorized {
    ($call:expr) => {
        $call
    };
}

/// The masking key of one frame, in wire order.
pub type MaskKey = [u8; 4];

/// From this length on, the widest vectors that the processor has are worth asking for them.
const WIDE: usize = 512;

/// XORs `bytes` with `key`, in place. `offset` is the position of the first byte in the frame's payload.
///
/// Masking twice gives back what was there.
#[inline(always)]
pub fn apply(bytes: &mut [u8], key: MaskKey, offset: usize) {
    let key = widen(rotate(key, offset));
    if bytes.len() < WIDE { narrow(bytes, key) } else { wide(bytes, key) }
}

/// Appends `payload` masked with `key`, in one pass if it is not short.
#[inline(always)]
pub(crate) fn append(buffer: &mut Vec<u8>, payload: &[u8], key: MaskKey) {
    let key = widen(key);
    if payload.len() < WIDE {
        let at = buffer.len();
        buffer.extend_from_slice(payload);
        narrow(&mut buffer[at..], key);
    } else {
        append_wide(buffer, payload, key);
    }
}

/// For a few bytes, setting up a loop costs more than it saves, over vectors most of all: the compiler makes none of blocks of
/// four words, nor of what is left in halves.
#[inline(always)]
fn narrow(bytes: &mut [u8], key: u64) {
    let (blocks, rest) = bytes.as_chunks_mut::<64>();
    for block in blocks {
        mask_block(block, key);
    }
    let rest = narrow_step::<32>(rest, key);
    let rest = narrow_step::<16>(rest, key);
    let rest = narrow_step::<8>(rest, key);
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// The first `N` bytes, if there are so many. What is left.
#[inline(always)]
fn narrow_step<const N: usize>(bytes: &mut [u8], key: u64) -> &mut [u8] {
    if bytes.len() < N {
        return bytes;
    }
    let (block, rest) = bytes.split_at_mut(N);
    mask_block(block, key);
    rest
}

#[inline(always)]
fn mask_block(block: &mut [u8], key: u64) {
    for word in block.as_chunks_mut::<8>().0 {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
}

#[inline(never)]
fn wide(bytes: &mut [u8], key: u64) {
    vectorized!(xor(bytes, key));
}

#[inline(never)]
fn append_wide(buffer: &mut Vec<u8>, payload: &[u8], key: u64) {
    vectorized!(copy(buffer, payload, key));
}

// What follows is compiled once for each width of vectors, so it has to be inlined.

#[inline(always)]
fn xor(bytes: &mut [u8], key: u64) {
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// A block at a time goes through the registers: to write behind the end of a vector is safe only by whole slices.
#[inline(always)]
fn copy(buffer: &mut Vec<u8>, payload: &[u8], key: u64) {
    let (blocks, rest) = payload.as_chunks::<512>();
    buffer.reserve(payload.len());
    for block in blocks {
        let mut block = *block;
        xor(&mut block, key);
        buffer.extend_from_slice(&block);
    }
    let at = buffer.len();
    buffer.extend_from_slice(rest);
    xor(&mut buffer[at..], key);
}

/// The key as seen by the byte at `offset`.
#[inline]
fn rotate(mut key: MaskKey, offset: usize) -> MaskKey {
    key.rotate_left(offset % 4);
    key
}

#[inline]
fn widen(key: MaskKey) -> u64 {
    let key = u64::from(u32::from_ne_bytes(key));
    key << 32 | key
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: MaskKey = [0x37, 0xfa, 0x21, 0x3d];

    fn plainly(bytes: &[u8], offset: usize) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, byte)| byte ^ KEY[(i + offset) % 4]).collect()
    }

    #[test]
    fn rfc_6455_section_5_7_masked_hello() {
        let mut bytes = *b"Hello";
        apply(&mut bytes, KEY, 0);
        assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn every_length_offset_and_alignment_agrees_with_the_definition() {
        let bytes: Vec<u8> = (0..2 * WIDE).map(|i| i as u8).collect();
        for from in 0..9 {
            for to in (from..100).chain(WIDE - 20..bytes.len()) {
                let mut appended = bytes[..from].to_vec();
                append(&mut appended, &bytes[from..to], KEY);
                assert_eq!(appended, [&bytes[..from], &plainly(&bytes[from..to], 0)].concat());
                for offset in 0..9 {
                    let mut masked = bytes.clone();
                    apply(&mut masked[from..to], KEY, offset);
                    assert_eq!(masked[from..to], plainly(&bytes[from..to], offset));
                }
            }
        }
    }
}
