//! What a connection speaks over.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A stream of bytes in both directions that one thread may read while another writes.
///
/// It must be in blocking mode. The time-outs may be rounded up to the ticks of the system.
pub trait Transport: Send + Sync + 'static {
    /// Reads what there is, and waits for it if there is none, for as long as
    /// [`set_read_timeout`](Self::set_read_timeout) says; then the error is of kind `WouldBlock` or `TimedOut`.
    /// 0 is the end of the stream.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes, oldest first, and waits until it can, for as long as
    /// [`set_write_timeout`](Self::set_write_timeout) says; then it says how many bytes it took, or, if none, the error is
    /// of kind `WouldBlock` or `TimedOut`.
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Limits the reads that begin from now on. Never called with zero, nor during a read.
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Limits the writes that begin from now on. Never called with zero, nor during a write.
    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Ends one direction or both. A read or write under way in another thread ends, too.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

impl Transport for TcpStream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, buffers)
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(timeout))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Self::shutdown(self, how)
    }
}

#[cfg(unix)]
impl Transport for UnixStream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, buffers)
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(timeout))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Self::shutdown(self, how)
    }
}
