//! Calls to the system that open a socket and set its options.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::{LocalFailure, SocketOptions};

/// Anything that has a socket of the system: `AsFd`, or `AsSocket` on Windows.
#[cfg(not(windows))]
pub use std::os::fd::AsFd as AsSocket;
/// A borrowed socket of the system: `BorrowedFd`, or `BorrowedSocket` on Windows.
#[cfg(not(windows))]
pub use std::os::fd::BorrowedFd as BorrowedSocket;
#[cfg(windows)]
pub use std::os::windows::io::{AsSocket, BorrowedSocket};

impl SocketOptions {
    /// A socket to connect to `address`, in blocking mode: with all options, bound to the local address that was set, and known to the
    /// user's hook.
    ///
    /// It is [reset when it is closed](reset_on_close), so that an attempt which loses a race or is given up leaves nothing behind. The
    /// attempt that is used undoes that.
    ///
    /// An error is ours: the peer and the network had no part in it.
    pub fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = self.unbound(address).map_err(LocalFailure::wrap)?;
        if let Some(local) = self.bind {
            self.bind_to(&stream, local).map_err(|error| LocalFailure::of_address(local, error))?;
        }
        Ok(stream)
    }

    fn unbound(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        reset_on_close(&socket, true)?;
        self.apply(&socket)?;
        let stream = TcpStream::from(socket);
        if let Some(hook) = &self.hook {
            hook(&stream)?;
        }
        Ok(stream)
    }

    /// Sets the options of a socket that was accepted.
    pub fn accepted(&self, socket: &impl AsSocket) -> io::Result<()> {
        self.apply(socket)
    }

    /// The error of connecting a socket that [`open`](Self::open) has made. A port that is taken shows only then, because a port can be
    /// shared by connections to several peers.
    pub fn explain(&self, error: io::Error) -> io::Error {
        let is_of_port = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable);
        match self.bind {
            // An error of `open` names the local address already, and has no number.
            Some(local) if is_of_port && error.raw_os_error().is_some() => {
                LocalFailure::of_address(local, error)
            }
            _ => error,
        }
    }

    fn apply(&self, socket: &impl AsSocket) -> io::Result<()> {
        let socket = SockRef::from(socket);
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(time) = self.tcp_keepalive {
            let keepalive = TcpKeepalive::new().with_time(time);
            // Elsewhere, the system's own interval between two questions is used.
            #[cfg(any(
                target_vendor = "apple",
                target_os = "android",
                target_os = "freebsd",
                target_os = "linux",
                windows
            ))]
            let keepalive = keepalive.with_interval(time);
            socket.set_tcp_keepalive(&keepalive)?;
        }
        // A system, or a sandbox, that does not know this option does without it.
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Some(bytes) = self.notsent_lowat {
            let _ = socket.set_tcp_notsent_lowat(bytes);
        }
        Ok(())
    }

    fn bind_to(&self, socket: &TcpStream, local: SocketAddr) -> io::Result<()> {
        let socket = SockRef::from(socket);
        if local.port() != 0 {
            // The last connection, or another attempt of a race, may have the port still.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&local.into())
    }
}

/// Sets whether closing the socket resets the connection: the bytes that the socket holds are thrown away, and the peer gets a RST
/// (`SO_LINGER` of zero). Otherwise the system goes on to send them after the socket is closed.
pub fn reset_on_close(socket: &impl AsSocket, reset: bool) -> io::Result<()> {
    SockRef::from(socket).set_linger(reset.then_some(Duration::ZERO))
}

/// The address of the peer and the local address of a TCP socket, as far as it has them.
pub fn addresses(socket: &impl AsSocket) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let socket = SockRef::from(socket);
    let known = |address: io::Result<socket2::SockAddr>| address.ok().and_then(|address| address.as_socket());
    (known(socket.peer_addr()), known(socket.local_addr()))
}

/// Answers a client that is not admitted, in four calls that do not wait. The caller closes the socket.
///
/// A request that has come is read, because closing a socket with unread bytes resets it, and the client might lose the answer.
pub fn refuse(socket: &impl AsSocket, answer: &[u8]) {
    let socket = SockRef::from(socket);
    if socket.set_nonblocking(true).is_err() {
        return;
    }
    let mut request = [const { MaybeUninit::uninit() }; 4096];
    let _ = socket.recv(&mut request);
    let _ = socket.send(answer);
    let _ = socket.shutdown(std::net::Shutdown::Write);
}
