//! Streams that a connector supplies, and the ways to a server.

use std::io;
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};

use crate::memory::Pipe;

/// A stream of the standard library, or one in memory, that is to become the runtime's own.
pub struct Supplied {
    pub stream: Stream,
    /// It speaks TLS already.
    pub is_secure: bool,
    /// The address that the connector tells.
    pub peer: Option<SocketAddr>,
}

pub enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Memory(Pipe),
}

/// A way to a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Tcp,
    #[cfg(unix)]
    Unix,
    Memory,
}

impl Way {
    pub const ALL: &[Self] = &[
        Self::Tcp,
        #[cfg(unix)]
        Self::Unix,
        Self::Memory,
    ];

    /// Connects to the server at this address.
    pub fn to(self, address: SocketAddr) -> io::Result<Supplied> {
        let stream = match self {
            Self::Tcp => Stream::Tcp(TcpStream::connect(address)?),
            #[cfg(unix)]
            Self::Unix => Stream::Unix(unix(address)?),
            Self::Memory => Stream::Memory(Pipe::to(address)?),
        };
        Ok(Supplied { stream, is_secure: false, peer: None })
    }
}

/// A Unix socket, of which the other end is passed on to the server at this address.
#[cfg(unix)]
fn unix(address: SocketAddr) -> io::Result<UnixStream> {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::{net::Shutdown, thread};
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let name = format!("ws-suite-{}-{}.socket", std::process::id(), NUMBER.fetch_add(1, SeqCst));
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path)?;
    let near = UnixStream::connect(&path)?;
    std::fs::remove_file(&path)?;
    let (far, server) = (listener.accept()?.0, TcpStream::connect(address)?);
    let (mut far_reader, mut server_reader) = (far.try_clone()?, server.try_clone()?);
    let (mut far_writer, mut server_writer) = (far, server);
    thread::spawn(move || {
        let _ = io::copy(&mut far_reader, &mut server_writer);
        let _ = server_writer.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut server_reader, &mut far_writer);
        let _ = far_writer.shutdown(Shutdown::Write);
    });
    Ok(near)
}
