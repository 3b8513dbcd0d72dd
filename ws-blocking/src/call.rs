//! One call of the transport: its time-out, its buffers, its errors.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use ws_core::bytes::{Buf, Bytes};

/// The shortest call that a system can be asked for.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(1);

/// The longest call while bytes wait that the transport does not take.
pub(crate) const PATIENCE: Duration = Duration::from_millis(64);

/// Maximum number of buffers in one write.
const SLICES: usize = 16;

/// A time-out of the socket, which costs a system call to change.
#[derive(Default)]
pub(crate) struct SocketTimeout {
    /// The value that the socket has; zero if it was never set.
    set: Duration,
    /// The last call took all of it.
    has_passed: bool,
}

impl SocketTimeout {
    /// The value to set so that the next call takes no longer than `longest`, if it must change. It is made longer only when
    /// it was too short, and is then a power of two in milliseconds (under 64, exact), so that it seldom changes.
    pub(crate) fn change_to(&mut self, longest: Duration) -> Option<Duration> {
        let milliseconds = longest.as_micros().div_ceil(1000).clamp(1, 1 << 20) as u64;
        let rounded = if milliseconds < 64 { milliseconds } else { 1 << milliseconds.ilog2() };
        let wanted = Duration::from_millis(rounded);
        let is_wrong = self.set.is_zero() || wanted < self.set || (wanted > self.set && self.has_passed);
        is_wrong.then(|| {
            self.set = wanted;
            wanted
        })
    }
}

/// One call that takes no longer than `longest`. With zero, it is one that does not wait, if the transport has such.
pub(crate) fn within<T>(
    longest: Duration,
    timeout: &mut SocketTimeout,
    set: impl FnOnce(Duration) -> io::Result<()>,
    mut call: impl FnMut(bool) -> io::Result<T>,
) -> io::Result<T> {
    if longest.is_zero() {
        match call(false) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => return result,
        }
    }
    if let Some(wanted) = timeout.change_to(longest) {
        unless_ended(set(wanted))?;
    }
    let result = call(true);
    timeout.has_passed = result.as_ref().is_err_and(is_timeout);
    result
}

/// The result of a write.
pub(crate) struct Written {
    /// Number of bytes that the transport has taken.
    pub(crate) n: usize,
    /// It has taken all bytes that it was offered.
    pub(crate) is_all: bool,
}

/// One call for as many buffers as it takes.
pub(crate) fn write(
    taken: &VecDeque<Bytes>,
    write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<Written> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let n = slices.iter_mut().zip(taken).map(|(slice, bytes)| *slice = IoSlice::new(bytes)).count();
    match write(&slices[..n]) {
        Ok(0) => Err(ErrorKind::WriteZero.into()),
        written => {
            let offered = slices[..n].iter().map(|slice| slice.len()).sum::<usize>();
            written.map(|n| Written { n, is_all: n == offered })
        }
    }
}

/// Drops the `n` oldest bytes. When none is left, gives the last buffer, whose memory can be used again.
pub(crate) fn advance(taken: &mut VecDeque<Bytes>, mut n: usize) -> Option<Bytes> {
    let mut last = None;
    while let Some(first) = taken.front_mut() {
        if first.len() > n {
            first.advance(n);
            return None;
        }
        n -= first.len();
        last = taken.pop_front();
    }
    last
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether the stream has ended with this error of a read.
pub(crate) fn is_end(error: &io::Error) -> bool {
    !is_timeout(error) && error.kind() != ErrorKind::Interrupted
}

/// Some systems take no option for a socket that has ended. The read or the write gives its error.
fn unless_ended(set: io::Result<()>) -> io::Result<()> {
    set.or_else(|error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
}
