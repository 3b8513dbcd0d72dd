//! The transport of a client: the runtime's TCP, or a stream of the user's connector.

use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use ws_core::bytes::BytesMut;

use crate::runtime::{Io, Runtime};

/// TCP has a variant of its own, so that its calls are direct ones.
pub(crate) enum ClientTransport<R: Runtime> {
    Tcp(R::TcpStream),
    Supplied(BoxedStream),
}

impl<R: Runtime> ClientTransport<R> {
    /// Drops it, so that the bytes that it holds do not reach the peer any more.
    pub(crate) fn reset(self) {
        match self {
            Self::Tcp(stream) => R::reset(stream),
            Self::Supplied(stream) => stream.reset(),
        }
    }
}

/// A stream whose type is not known here.
pub(crate) type BoxedStream = Box<dyn ErasedStream>;

/// [`Io`] for one stream.
pub(crate) trait ErasedStream: Send {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;
    fn is_write_vectored(&self) -> bool;
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn reset(self: Box<Self>);
}

/// Boxes a stream that the runtime `R` can use.
pub(crate) fn boxed<R, T>(stream: T) -> BoxedStream
where
    R: Io<T> + 'static,
    T: Send + 'static,
{
    Box::new(StreamOf { stream, runtime: PhantomData::<fn() -> R> })
}

struct StreamOf<R, T> {
    stream: T,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Io<T>, T: Send> ErasedStream for StreamOf<R, T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        R::poll_read(&mut self.stream, cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        R::poll_write(&mut self.stream, cx, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        R::poll_write_vectored(&mut self.stream, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        R::is_write_vectored(&self.stream)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        R::poll_flush(&mut self.stream, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        R::poll_shutdown(&mut self.stream, cx)
    }

    fn reset(self: Box<Self>) {
        R::reset(self.stream);
    }
}

/// Moves the bytes of a [`BoxedStream`].
pub(crate) enum ByBox {}

impl Io<BoxedStream> for ByBox {
    fn poll_read(
        stream: &mut BoxedStream,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        stream.poll_read(cx, buffer)
    }

    fn poll_write(stream: &mut BoxedStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        stream: &mut BoxedStream,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        stream.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(stream: &BoxedStream) -> bool {
        stream.is_write_vectored()
    }

    fn poll_flush(stream: &mut BoxedStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream.poll_flush(cx)
    }

    fn poll_shutdown(stream: &mut BoxedStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream.poll_shutdown(cx)
    }
}
