//! The growth of the buffers in which messages are put together.

/// The room that a buffer needs for `n` more bytes of a message, where `max` is the limit of its size. The buffer doubles its size; when
/// that is more than half of the limit, it grows to the limit, since the smaller one exists meanwhile.
pub(crate) fn growth(capacity: usize, len: usize, n: usize, max: u64) -> usize {
    let needed = len + n;
    if needed <= capacity {
        return 0;
    }
    let max = usize::try_from(max).unwrap_or(usize::MAX).max(needed);
    let size = needed.max(capacity.saturating_mul(2));
    (if size > max / 2 { max } else { size }) - len
}
