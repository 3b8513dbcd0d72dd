//! A TCP listener whose connections can be stopped together.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ws_common::sync::atomic::{AtomicUsize, Ordering};
use ws_common::{AcceptError, AcceptOptions, system::shutdown::Shutdown};

use crate::accept::Incoming;
use crate::signal::Signal;

/// How long a connection to ourselves may take.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts clients on a TCP port.
///
/// [`accept`](Self::accept) only takes the TCP connection; the handshake is done by [`Incoming::accept`], in a thread of
/// its own, so that a slow client holds up no other.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    options: AcceptOptions,
    shutdown: Shutdown,
    /// How many threads are in `accept`.
    accepting: AtomicUsize,
}

impl Listener {
    /// Listens on `address`; port 0 lets the system choose one.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::from_listener(TcpListener::bind(address)?, AcceptOptions::default()))
    }

    /// Takes over a listener that was set up elsewhere, in blocking mode, with options for every connection.
    pub fn from_listener(listener: TcpListener, options: AcceptOptions) -> Self {
        Self { listener, options, shutdown: Shutdown::default(), accepting: AtomicUsize::new(0) }
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next client, and its address. An error of the system, such as too many open files, may pass: wait a moment and go
    /// on. [`AcceptError::Shutdown`] once the listener is shutting down. Several threads may wait at the same time.
    pub fn accept(&self) -> Result<(Incoming, SocketAddr), AcceptError> {
        let (transport, address) = self.accept_tcp()?;
        self.options.socket_options().accepted(&transport).map_err(AcceptError::Io)?;
        let mut incoming = Incoming::new(transport, self.options.clone());
        let signal = Arc::new(Signal::default());
        let guard = self.shutdown.enter(signal.clone()).ok_or(AcceptError::Shutdown)?;
        incoming.listener = Some((signal, guard));
        Ok((incoming, address))
    }

    fn accept_tcp(&self) -> Result<(TcpStream, SocketAddr), AcceptError> {
        // Counted before the question whether to stop, so that whoever stops us either sees us or is seen.
        self.accepting.fetch_add(1, Ordering::SeqCst);
        let accepted = if self.shutdown.is_stopping() {
            Err(AcceptError::Shutdown)
        } else {
            self.listener.accept().map_err(AcceptError::Io)
        };
        let others = self.accepting.fetch_sub(1, Ordering::SeqCst) - 1;
        if !self.shutdown.is_stopping() {
            return accepted;
        }
        if others > 0 {
            self.wake();
        }
        Err(AcceptError::Shutdown)
    }

    /// Stops: no new clients are accepted, and every connection is closed with 1001. Waits until all are over, but not
    /// longer than `patience`; then the rest is broken off. Says how many that were.
    ///
    /// All connections are told at once, whatever their threads are doing. The Close frame leaves at once, but a connection is over
    /// when somebody who waits on it has seen the answer; one that is only held is over when it is dropped. A client that is within
    /// its handshake gets a 503, or is disconnected.
    pub fn shutdown(&self, patience: Duration) -> usize {
        self.shutdown.begin();
        if self.accepting.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
        if self.shutdown.wait_empty(patience) { 0 } else { self.shutdown.abort() }
    }

    /// Wakes a thread that waits for a client, by being one. No other way to end an `accept` works on every system, and
    /// asking again and again would either be late or never rest. If it fails, the next client wakes it; nothing else
    /// waits for that.
    fn wake(&self) {
        let Ok(mut address) = self.local_addr() else { return };
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let _ = TcpStream::connect_timeout(&address, WAKE_TIMEOUT);
    }
}
