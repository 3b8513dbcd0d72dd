//! The time that an input takes on a processor.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that this thread has had on a processor. Other programs do not count.
pub(crate) fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// The time that feeding `bytes` byte by byte takes.
pub(crate) fn byte_by_byte(bytes: &[u8], mut take: impl FnMut(&[u8])) -> Duration {
    let before = processor_time();
    bytes.chunks(1).for_each(&mut take);
    processor_time() - before
}

/// Four times the bytes may take four times as long. Quadratic work takes sixteen times as long in every try. Other work of the processor
/// disturbs some tries.
pub(crate) fn assert_linear(lens: [usize; 2], time: impl Fn(usize) -> Duration) {
    let mut tries = Vec::new();
    let is_linear = (0..12).any(|_| {
        let [short, long] = lens.map(&time);
        tries.push((short, long));
        long < 9 * short.max(Duration::from_millis(1))
    });
    assert!(is_linear, "{tries:?}");
}
