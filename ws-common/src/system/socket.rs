//! Options of the TCP sockets that the library opens and accepts. Each rule about them stands here once, for all adapters.

// A target without sockets, such as wasm32, has the settings and nothing that applies them.
#[cfg(any(unix, windows))]
mod calls;
mod failure;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

#[cfg(any(unix, windows))]
pub use calls::{AsSocket, BorrowedSocket, addresses, refuse, reset_on_close};
pub(crate) use failure::LocalFailure;

/// Number of unsent bytes at which the system stops taking more. It may hold 64 KiB more than that (see
/// [`ConnectOptions::notsent_lowat`](crate::ConnectOptions::notsent_lowat)).
const NOTSENT_LOWAT: u32 = 64 * 1024;
/// Time without traffic after which the system asks whether the peer is there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

type SocketHook = Arc<dyn Fn(&TcpStream) -> io::Result<()> + Send + Sync>;

/// The options of a TCP socket.
#[derive(Clone)]
pub struct SocketOptions {
    pub(crate) bind: Option<SocketAddr>,
    pub(crate) nodelay: bool,
    pub(crate) notsent_lowat: Option<u32>,
    pub(crate) tcp_keepalive: Option<Duration>,
    pub(crate) hook: Option<SocketHook>,
}

impl SocketOptions {
    /// The defaults of a socket that a client opens.
    pub(crate) fn client() -> Self {
        Self { tcp_keepalive: Some(TCP_KEEPALIVE), ..Self::server() }
    }

    /// The defaults of a socket that a listener accepts.
    pub(crate) fn server() -> Self {
        Self {
            bind: None,
            nodelay: true,
            notsent_lowat: Some(NOTSENT_LOWAT),
            tcp_keepalive: None,
            hook: None,
        }
    }
}

impl fmt::Debug for SocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOptions")
            .field("bind", &self.bind)
            .field("nodelay", &self.nodelay)
            .field("notsent_lowat", &self.notsent_lowat)
            .field("tcp_keepalive", &self.tcp_keepalive)
            .finish_non_exhaustive()
    }
}
