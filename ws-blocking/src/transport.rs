//! What a connection speaks over.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ws_common::system::socket::reset_on_close;

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

    /// Reads what there is, as [`read`](Self::read) does, and never waits: if there is nothing, the error is of kind
    /// `WouldBlock`.
    ///
    /// The default is an error of kind `Unsupported`: then [`read`](Self::read) is called with the shortest time-out.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = buffer;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Writes as [`write_vectored`](Self::write_vectored) does, and never waits: if it can take nothing, the error is of kind
    /// `WouldBlock`.
    ///
    /// The default is an error of kind `Unsupported`: then [`write_vectored`](Self::write_vectored) is called with the shortest
    /// time-out.
    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let _ = buffers;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Limits the reads that begin from now on. Never called with zero, nor during a read.
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Limits the writes that begin from now on. Never called with zero, nor during a write.
    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Ends one direction or both. A read or write under way in another thread ends, too.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// Breaks off the connection, so that nothing of what the transport holds reaches the peer any more. It is called, perhaps more than
    /// once, for a peer that has missed a deadline, for an attempt that failed, and when a listener breaks off the connection. TCP is
    /// reset. A read or write under way in another thread ends, too.
    ///
    /// The default ends both directions; the transport is dropped with the connection.
    fn reset(&self) {
        // A peer that is gone needs no shutdown.
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Transport for TcpStream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, buffers)
    }

    #[cfg(unix)]
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        unix::read(self, buffer)
    }

    #[cfg(unix)]
    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        unix::write_vectored(self, buffers)
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

    /// The reset leaves when the socket is closed. On Linux it leaves at once, unless another thread is in a system call with the socket.
    fn reset(&self) {
        // If this cannot be set, the stream is closed as any other.
        let _ = reset_on_close(self, true);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let _ = rustix::net::connect_unspec(self);
        let _ = Self::shutdown(self, Shutdown::Both);
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

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        unix::read(self, buffer)
    }

    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        unix::write_vectored(self, buffers)
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

/// Calls that do not wait, on a socket in blocking mode.
#[cfg(unix)]
mod unix {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

    pub(super) fn read(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(socket, buffer, RecvFlags::DONTWAIT)?.0)
    }

    pub(super) fn write_vectored(socket: impl AsFd, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        // No signal from a peer that is gone: the error says so. Where there is no such flag, std has set an option.
        #[cfg(not(target_vendor = "apple"))]
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        #[cfg(target_vendor = "apple")]
        let flags = SendFlags::DONTWAIT;
        Ok(sendmsg(socket, buffers, &mut SendAncillaryBuffer::default(), flags)?)
    }
}
