//! The stream of a client: TCP, or one that a connector of the user has opened.

use std::any::Any;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::{fd::AsFd, unix::net::UnixStream};
use std::time::Duration;

use ws_common::sync::{Mutex, lock};
use ws_core::bytes::Bytes;

use crate::call::{AT_ONCE, write};
use crate::transport::Transport;

/// The streams that the library knows have variants of their own. Another thread can end a read of one of them.
pub(super) enum ClientStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Other(Box<OtherStream<dyn Transport>>),
}

/// A stream of the user, which is called while no lock is held that another call needs.
pub(super) struct OtherStream<T: ?Sized> {
    /// The time-outs that the stream has. Each is locked only by the thread that reads, or writes.
    read_timeout: Mutex<Duration>,
    write_timeout: Mutex<Duration>,
    stream: T,
}

impl ClientStream {
    pub(super) fn new(stream: impl Transport) -> Self {
        let mut stream = Some(stream);
        let any: &mut dyn Any = &mut stream;
        if let Some(stream) = any.downcast_mut::<Option<TcpStream>>().and_then(Option::take) {
            return Self::Tcp(stream);
        }
        #[cfg(unix)]
        if let Some(stream) = any.downcast_mut::<Option<UnixStream>>().and_then(Option::take) {
            return Self::Unix(stream);
        }
        // It was not taken: it is neither of these.
        let stream = stream.expect("a stream");
        let (read_timeout, write_timeout) = Default::default();
        Self::Other(Box::new(OtherStream { read_timeout, write_timeout, stream }))
    }

    /// Whether its calls run code of the user.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Other(_))
    }

    /// The socket to wait at for bytes, if that is all that a read of it does.
    #[cfg(unix)]
    pub(super) fn socket(&self) -> Option<&dyn AsFd> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(stream) => Some(stream),
            Self::Other(_) => None,
        }
    }

    /// Reads, and waits for as long as `timeout`.
    pub(super) fn read(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Transport::read(stream, buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Transport::read(stream, buffer),
            Self::Other(other) => {
                change(&other.read_timeout, timeout, |timeout| other.stream.set_read_timeout(timeout))?;
                other.stream.read(buffer)
            }
        }
    }

    /// Writes, and waits for as long as `timeout`.
    pub(super) fn write_vectored(&self, buffers: &[IoSlice<'_>], timeout: Duration) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Transport::write_vectored(stream, buffers),
            #[cfg(unix)]
            Self::Unix(stream) => Transport::write_vectored(stream, buffers),
            Self::Other(other) => {
                change(&other.write_timeout, timeout, |timeout| other.stream.set_write_timeout(timeout))?;
                other.stream.write_vectored(buffers)
            }
        }
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_transport().try_read(buffer)
    }

    pub(super) fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.as_transport().try_write_vectored(buffers)
    }

    /// A stream of the user takes it with its next read.
    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        if self.is_foreign() { Ok(()) } else { self.as_transport().set_read_timeout(timeout) }
    }

    /// A stream of the user takes it with its next write.
    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        if self.is_foreign() { Ok(()) } else { self.as_transport().set_write_timeout(timeout) }
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.as_transport().shutdown(how)
    }

    pub(super) fn reset(&self) {
        self.as_transport().reset();
    }

    /// Lets it take as much of `last` as it can without waiting.
    pub(super) fn write_last(&self, last: &VecDeque<Bytes>) {
        if last.is_empty() {
            return;
        }
        let written = match self {
            Self::Tcp(stream) if stream.set_nonblocking(true).is_ok() => {
                write(last, |slices| Transport::write_vectored(stream, slices))
            }
            #[cfg(unix)]
            Self::Unix(stream) if stream.set_nonblocking(true).is_ok() => {
                write(last, |slices| Transport::write_vectored(stream, slices))
            }
            Self::Other(other) => write(last, |slices| match other.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::Unsupported => self.write_vectored(slices, AT_ONCE),
                result => result,
            }),
            _ => return,
        };
        // A peer that is gone need not be told.
        let _ = written;
    }

    fn as_transport(&self) -> &dyn Transport {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
            Self::Other(other) => &other.stream,
        }
    }
}

/// Sets a time-out, unless the stream has it.
fn change(
    has: &Mutex<Duration>,
    timeout: Duration,
    set: impl FnOnce(Duration) -> io::Result<()>,
) -> io::Result<()> {
    let is_set = std::mem::replace(&mut *lock(has), timeout) == timeout;
    if is_set { Ok(()) } else { set(timeout) }
}
