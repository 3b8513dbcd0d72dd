//! What async-io gives: its timers and its sockets. Names are resolved by threads, since no system resolves them otherwise.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_io::{Async, Timer};
use rustix::io::Errno;
use socket2::SockRef;
use ws_async_core::bytes::BytesMut;
use ws_async_core::{BorrowedSocket, Io, Resolve, Runtime, SocketOptions, Spawn};

use crate::spawn;
use crate::transport::Transport;

/// So much is read at a time.
const SCRATCH_SIZE: usize = 16 * 1024;

thread_local! {
    /// Where the connections of a thread read to: initialised once, and held by none of them.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Stands for async-io, the reactor of smol and of async-std, in the types of `ws-async-core`.
#[derive(Clone, Copy, Debug)]
pub enum AsyncIo {}

impl Runtime for AsyncIo {
    type TcpStream = Async<TcpStream>;
    type TcpListener = Async<TcpListener>;
    type Sleep = Timer;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(deadline: Instant) -> Timer {
        Timer::at(deadline)
    }

    fn reset_sleep(sleep: &mut Timer, deadline: Instant) {
        sleep.set_at(deadline);
    }

    async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<Async<TcpStream>> {
        let socket = options.open(address)?;
        socket.set_nonblocking(true)?;
        if let Err(error) = SockRef::from(&socket).connect(&address.into()) {
            // The system says by these that it has begun.
            let begun = [Errno::INPROGRESS, Errno::WOULDBLOCK];
            if !Errno::from_io_error(&error).is_some_and(|errno| begun.contains(&errno)) {
                return Err(error);
            }
        }
        let stream = Async::new_nonblocking(socket)?;
        stream.writable().await?;
        match stream.get_ref().take_error()? {
            None => Ok(stream),
            Some(error) => Err(error),
        }
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<Async<TcpListener>> {
        // The standard library tries one after the other.
        Async::new(TcpListener::bind(addresses)?)
    }

    async fn accept(listener: &Async<TcpListener>) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        listener.accept().await
    }

    fn socket(stream: &Async<TcpStream>) -> Option<BorrowedSocket<'_>> {
        #[cfg(not(windows))]
        return Some(std::os::fd::AsFd::as_fd(stream.get_ref()));
        #[cfg(windows)]
        return Some(std::os::windows::io::AsSocket::as_socket(stream.get_ref()));
    }

    fn local_addr(stream: &Async<TcpStream>) -> io::Result<SocketAddr> {
        stream.get_ref().local_addr()
    }

    fn listening_addr(listener: &Async<TcpListener>) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }
}

/// The executor that the features choose: see the module `spawn`.
impl Spawn for AsyncIo {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        spawn::spawn(future);
    }
}

/// Any [`Transport`].
impl<T: Transport> Io<T> for AsyncIo {
    fn poll_read(transport: &mut T, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        // Taken out, since the transport may be another connection, which wants to read, too.
        let mut scratch = SCRATCH.take();
        scratch.resize(SCRATCH_SIZE, 0);
        let room = SCRATCH_SIZE.min(buffer.capacity() - buffer.len());
        let read = Pin::new(transport).poll_read(cx, &mut scratch[..room]);
        if let Poll::Ready(Ok(n)) = read {
            buffer.extend_from_slice(&scratch[..n]);
        }
        SCRATCH.set(scratch);
        read
    }

    fn poll_write(transport: &mut T, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(transport).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        transport: &mut T,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(transport).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(_: &T) -> bool {
        // Where a stream cannot, its first slice is written, which is right as well.
        true
    }

    fn poll_flush(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(transport).poll_flush(cx)
    }

    fn poll_shutdown(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport.poll_shutdown(cx)
    }

    fn reset(transport: T) {
        transport.reset();
    }
}

/// Whatever the standard library takes as an address, if a thread can be given it.
impl<A: ToSocketAddrs + Send + 'static> Resolve<A> for AsyncIo {
    async fn resolve(name: A) -> io::Result<Vec<SocketAddr>> {
        blocking::unblock(move || Ok(name.to_socket_addrs()?.collect())).await
    }
}
