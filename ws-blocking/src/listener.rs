//! A TCP listener whose connections can be stopped together.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ws_common::sync::atomic::{AtomicUsize, Ordering};
use ws_common::sync::{Mutex, lock};
use ws_common::system::{
    accept::AcceptRetry,
    shutdown::{Permit, Shutdown},
    socket::refuse,
};
use ws_common::{AcceptError, AcceptOptions};
use ws_core::Instant;

use crate::accept::Incoming;
use crate::clock::{self, Clock};
use crate::signal::Signal;

/// How long a connection to ourselves may take.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest single wait for a permit. Another one follows.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Accepts clients on a TCP port.
///
/// [`accept`](Self::accept) only takes the TCP connection; the handshake is done by [`Incoming::accept`], in a thread of
/// its own, so that a slow client holds up no other.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    options: Arc<AcceptOptions>,
    shutdown: Shutdown,
    /// Number of threads that are in accept(2).
    accepting: AtomicUsize,
    /// The epoch of `retry`.
    start: Clock,
    retry: Mutex<AcceptRetry>,
}

impl Listener {
    /// Listens on `address`; port 0 lets the system choose one.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::from_listener(TcpListener::bind(address)?, AcceptOptions::default()))
    }

    /// Takes over a listener that was set up elsewhere, in blocking mode, with options for it and every connection.
    pub fn from_listener(listener: TcpListener, options: AcceptOptions) -> Self {
        let (shutdown, retry) = (Shutdown::new(options.limits()), Mutex::default());
        let options = Arc::new(options);
        Self { listener, options, shutdown, accepting: AtomicUsize::new(0), start: clock::now(), retry }
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts the next client, and gives its address. Several threads may wait at the same time.
    ///
    /// No client can end a loop over this method. A client that is gone before it is accepted is skipped. While the system cannot
    /// accept, for example because no file descriptor is left, clients wait in the backlog. This method then retries after 50 ms, and after pauses
    /// that grow to 1 s while the retries fail. With the feature `tracing`, each pause is an event, and so are skipped clients, at
    /// most once in 50 ms. Over [`AcceptOptions::max_handshakes`] or `max_connections`, clients wait in the backlog, too. A client over
    /// `max_connections_per_client` is refused and skipped.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Shutdown`] once the listener is shutting down, also during a pause and over a limit. [`AcceptError::Io`] if the
    /// listening socket is unusable: the system says EBADF, EINVAL, ENOTSOCK or EFAULT, or the socket is in non-blocking mode. Every
    /// other error is retried.
    pub fn accept(&self) -> Result<(Incoming, SocketAddr), AcceptError> {
        loop {
            let paused_until = lock(&self.retry).paused_until(self.now());
            if let Some(until) = paused_until {
                if self.shutdown.wait_stopping(until - self.now()) {
                    return Err(AcceptError::Shutdown);
                }
                continue;
            }
            // Before a client is taken from the backlog: over a limit, it waits there.
            let Some(permit) = self.shutdown.try_acquire() else {
                self.shutdown.wait_room(LONGEST_WAIT);
                if self.shutdown.is_stopping() {
                    return Err(AcceptError::Shutdown);
                }
                continue;
            };
            let accepted = self.accept_tcp()?;
            if let Some(accepted) = self.handle_accepted(permit, accepted)? {
                return Ok(accepted);
            }
        }
    }

    /// `None` if there is no client: the system could not accept it, or it is gone, or at its limit.
    fn handle_accepted(
        &self,
        permit: Permit,
        accepted: io::Result<(TcpStream, SocketAddr)>,
    ) -> Result<Option<(Incoming, SocketAddr)>, AcceptError> {
        let now = self.now();
        let (transport, address) = match accepted {
            Ok(accepted) => accepted,
            // A listening socket in non-blocking mode does not wait for clients.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(AcceptError::Io(error)),
            Err(error) => {
                lock(&self.retry).handle_error(error, now).map_err(AcceptError::Io)?;
                return Ok(None);
            }
        };
        if let Err(error) = self.options.socket_options().accepted(&transport) {
            lock(&self.retry).handle_client_error(&error, now);
            return Ok(None);
        }
        lock(&self.retry).handle_client();
        let incoming = self.enter(permit, transport, address)?;
        if incoming.is_none() {
            lock(&self.retry).handle_refused(now);
        }
        Ok(incoming.map(|incoming| (incoming, address)))
    }

    fn now(&self) -> Instant {
        Instant::since_epoch(clock::since(self.start))
    }

    /// `None` if the client is at its limit.
    fn enter(
        &self,
        permit: Permit,
        transport: TcpStream,
        address: SocketAddr,
    ) -> Result<Option<Incoming>, AcceptError> {
        let signal = Arc::new(Signal::default());
        let guard = permit.enter(signal.clone()).ok_or(AcceptError::Shutdown)?;
        if !self.options.admit(&guard, address) {
            if let Some(answer) = self.options.refusal() {
                refuse(&transport, &answer);
            }
            return Ok(None);
        }
        let mut incoming = Incoming::sharing(transport, self.options.clone());
        incoming.listener = Some((signal, guard));
        incoming.address = Some(address);
        Ok(Some(incoming))
    }

    fn accept_tcp(&self) -> Result<io::Result<(TcpStream, SocketAddr)>, AcceptError> {
        // Counted before the question whether to stop, so that whoever stops us either sees us or is seen.
        self.accepting.fetch_add(1, Ordering::SeqCst);
        let accepted =
            if self.shutdown.is_stopping() { Err(AcceptError::Shutdown) } else { Ok(self.listener.accept()) };
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::OutOfMemory;
    use std::io::Write as _;
    use std::thread::{self, JoinHandle};

    use super::*;

    #[test]
    fn a_shutdown_ends_a_pause_at_once() {
        let listener = Arc::new(Listener::bind("127.0.0.1:0").unwrap());
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // As if the system had failed to accept in an hour from now.
        let later = Instant::since_epoch(Duration::from_secs(3600));
        lock(&listener.retry).handle_error(OutOfMemory.into(), later).unwrap();
        let accepting = listener.clone();
        let accepting = thread::spawn(move || accepting.accept().err());
        thread::sleep(Duration::from_millis(100));
        assert!(!accepting.is_finished(), "it pauses, though a client waits");
        assert_eq!(listener.shutdown(Duration::from_secs(60)), 0);
        assert!(matches!(accepting.join().unwrap(), Some(AcceptError::Shutdown)));
    }

    #[test]
    fn an_error_of_the_listening_socket_is_returned() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let error = Listener::from_listener(socket, AcceptOptions::default()).accept().err();
        assert!(matches!(&error, Some(AcceptError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
    }

    fn listener(options: AcceptOptions) -> Arc<Listener> {
        Arc::new(Listener::from_listener(TcpListener::bind("127.0.0.1:0").unwrap(), options))
    }

    /// Accepts in a thread that gets some time for it.
    fn accept(listener: &Arc<Listener>) -> JoinHandle<Result<(Incoming, SocketAddr), AcceptError>> {
        let listener = listener.clone();
        let accepting = thread::spawn(move || listener.accept());
        thread::sleep(Duration::from_millis(100));
        accepting
    }

    #[test]
    fn a_client_over_the_limit_waits_for_a_permit_or_the_shutdown() {
        let listener = listener(AcceptOptions::default().max_handshakes(1));
        let _clients = [(); 3].map(|()| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let first = accept(&listener).join().unwrap().unwrap();
        let second = accept(&listener);
        assert!(!second.is_finished(), "it waits for a permit");
        drop(first);
        let _second = second.join().unwrap().unwrap();
        let third = accept(&listener);
        assert!(!third.is_finished(), "it waits for a permit");
        listener.shutdown(Duration::ZERO);
        assert!(matches!(third.join().unwrap().err(), Some(AcceptError::Shutdown)));
    }

    #[test]
    fn a_client_over_max_connections_waits_until_an_open_connection_is_over() {
        let listener = listener(AcceptOptions::default().max_connections(1));
        let mut clients = [(); 3].map(|()| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        clients[0].write_all(REQUEST).unwrap();
        let (first, _) = accept(&listener).join().unwrap().unwrap().0.accept().unwrap();
        let second = accept(&listener);
        assert!(!second.is_finished(), "the first connection is open");
        drop(first);
        let (_second, address) = second.join().unwrap().unwrap();
        assert_eq!(address, clients[1].local_addr().unwrap());
        let third = accept(&listener);
        assert!(!third.is_finished(), "the second connection is within its handshake");
        listener.shutdown(Duration::ZERO);
        assert!(matches!(third.join().unwrap().err(), Some(AcceptError::Shutdown)));
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    /// A socket of another kind takes no option of TCP. On some systems, the socket of a client that is gone takes none.
    #[cfg(unix)]
    #[test]
    fn a_client_that_is_gone_is_skipped_at_once() {
        let listener = listener(AcceptOptions::default().max_connections(1));
        let address = listener.local_addr().unwrap();
        for _ in 0..2 {
            let (gone, _) = std::os::unix::net::UnixStream::pair().unwrap();
            let gone = TcpStream::from(std::os::fd::OwnedFd::from(gone));
            let permit =
                listener.shutdown.try_acquire().expect("the client before has given its permit back");
            assert!(listener.handle_accepted(permit, Ok((gone, address))).unwrap().is_none());
        }
        for error in [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset] {
            let permit = listener.shutdown.try_acquire().unwrap();
            assert!(listener.handle_accepted(permit, Err(error.into())).unwrap().is_none());
        }
        assert_eq!(lock(&listener.retry).paused_until(listener.now()), None);
        let client = TcpStream::connect(address).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    }
}
