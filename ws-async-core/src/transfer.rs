//! One call of the transport: how much to read, and what to write.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use ws_core::bytes::Buf;

use crate::runtime::Io;

/// Initial size of a read, in bytes.
pub(crate) const READ_SIZE: usize = 16 * 1024;

/// Largest size of a read; it doubles while reads fill the buffer.
const MAX_READ_SIZE: usize = 128 * 1024;

/// Twice the room after a read that filled it, half of it after one that needed less than that by far: a stream is read in few
/// system calls, while a message that is kept does not keep much more than itself alive.
pub(crate) fn next_read_size(size: usize, n: usize, room: usize) -> usize {
    if n == room {
        (size * 2).min(MAX_READ_SIZE)
    } else if n < size / 4 {
        (size / 2).max(READ_SIZE)
    } else {
        size
    }
}

/// One system call for all that waits, where the transport can.
#[inline(always)]
pub(crate) fn write<R: Io<T>, T>(
    io: &mut T,
    cx: &mut Context<'_>,
    outbound: &impl Buf,
) -> Poll<io::Result<usize>> {
    let chunk = outbound.chunk();
    let written = if chunk.len() == outbound.remaining() || !R::is_write_vectored(io) {
        ready!(R::poll_write(io, cx, chunk))
    } else {
        ready!(write_chunks::<R, T>(io, cx, outbound))
    };
    match written {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(written),
    }
}

#[inline(never)]
fn write_chunks<R: Io<T>, T>(
    io: &mut T,
    cx: &mut Context<'_>,
    outbound: &impl Buf,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); 16];
    let n = outbound.chunks_vectored(&mut slices);
    R::poll_write_vectored(io, cx, &slices[..n])
}
