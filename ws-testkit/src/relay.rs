//! A relay on loopback that breaks connections as it is told.

mod link;
mod pump;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use link::Link;

/// Number of bytes that are kept of each connection and way.
const KEPT: usize = 64 * 1024;

/// One of the two directions of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// A fault of one connection. Bytes are counted in each way apart, from the first byte of the connection, or from the call of
/// [`FaultRelay::switch`]. The handshake counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// No fault: all bytes pass at once.
    None,
    /// Both ends see a reset at once.
    Reset,
    /// After this number of bytes, both ends see the end of the stream.
    Cut(Way, usize),
    /// After this number of bytes, both ends see a reset.
    ResetAfter(Way, usize),
    /// After this number of bytes, nothing passes in either way. The sockets stay open.
    Stall(Way, usize),
    /// Nothing passes this way. The other way goes on, and the sockets stay open.
    Stop(Way),
    /// After this number of bytes, the server loses the connection, and the client does not notice.
    HalfOpen(Way, usize),
    /// Bytes pass one at a time, in both ways.
    Trickle,
    /// Bytes pass later by this time, in both ways. The sockets' timers make it longer by up to 10 ms.
    Delay(Duration),
    /// At most this number of bytes pass in a second, in each way. Zero counts as one.
    Throttle(u32),
}

/// The bytes that have passed on one connection.
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct Transfer {
    /// The first 64 KiB that the server was sent.
    pub up: Vec<u8>,
    /// The first 64 KiB that the client was sent.
    pub down: Vec<u8>,
    /// Number of bytes that the server was sent.
    pub up_count: u64,
    /// Number of bytes that the client was sent.
    pub down_count: u64,
}

/// A relay between clients and a server, on 127.0.0.1, which breaks connections as it is told.
///
/// It works below WebSocket and TLS: client and server may be of any library. Two relays, one behind the other, combine two faults. The
/// end of a stream and a reset of one side reach the other side as the end of the stream.
///
/// When it is dropped, its connections and threads end.
///
/// ```
/// use ws_testkit::{Fault, FaultRelay, ScriptedServer, Way};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ScriptedServer::run(|server| {
///     let mut peer = server.accept()?;
///     peer.send_text("first")?;
///     peer.send_text("second")
/// })?;
/// let relay = FaultRelay::start(server.address(), [])?;
/// let (mut ws, _) = ws_blocking::WebSocket::connect(&relay.url())?;
/// assert_eq!(ws.recv()?.expect("a message"), "first");
/// relay.switch(Fault::Reset);
/// // The second message may have passed before.
/// assert!(ws.recv().and_then(|_| ws.recv()).is_err());
/// # Ok(())
/// # }
/// ```
pub struct FaultRelay {
    shared: Arc<RelayShared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
    /// Keeps the address, also while nobody listens there: another test must not get it.
    _held: Socket,
}

struct RelayShared {
    server: SocketAddr,
    state: Mutex<RelayState>,
    is_listening: AtomicBool,
    is_over: AtomicBool,
}

struct RelayState {
    /// For the connections to come, and for those after them.
    faults: VecDeque<Fault>,
    then: Fault,
    transfers: Vec<Transfer>,
    links: Vec<Weak<Link>>,
    pumps: Vec<JoinHandle<()>>,
}

impl FaultRelay {
    /// Listens at a port that the system chooses. The first connection meets the first fault, and so on. Connections after the last fault
    /// meet none.
    ///
    /// # Errors
    ///
    /// The system has no free port.
    pub fn start(server: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> io::Result<Self> {
        let state = RelayState {
            faults: faults.into_iter().collect(),
            then: Fault::None,
            transfers: Vec::new(),
            links: Vec::new(),
            pumps: Vec::new(),
        };
        let shared = Arc::new(RelayShared {
            server,
            state: Mutex::new(state),
            is_listening: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let held = bound(([127, 0, 0, 1], 0).into())?;
        let address = held.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut relay = Self { shared, address, listening: None, _held: held };
        relay.listen()?;
        Ok(relay)
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `ws://127.0.0.1:PORT/`, with the port of the relay.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// From now on, open connections and those to come meet this fault, in place of each fault that they had. `Fault::None` lets pass all
    /// that waits. A connection that was cut or reset, or that the server has lost, stays so.
    pub fn switch(&self, fault: Fault) {
        let links = {
            let mut state = self.shared.lock();
            state.faults.clear();
            state.then = fault;
            state.links()
        };
        links.iter().for_each(|link| link.switch(fault));
    }

    /// Resets the connections that are open. Those to come are not touched.
    pub fn reset(&self) {
        self.shared.lock().links().iter().for_each(|link| link.switch(Fault::Reset));
    }

    /// Ends the connections that are open: both ends see the end of the stream.
    pub fn hang_up(&self) {
        self.shared.lock().links().iter().for_each(|link| link.shut_down());
    }

    /// From now on, connections are refused. Open connections go on.
    pub fn refuse(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.shared.is_listening.store(false, SeqCst);
            // The thread waits for a connection.
            let _ = TcpStream::connect(self.address);
            let _ = listening.join();
        }
    }

    /// Accepts again, at the same address. Nothing happens if the relay accepts already.
    ///
    /// # Errors
    ///
    /// The system refuses to listen.
    pub fn listen(&mut self) -> io::Result<()> {
        if self.listening.is_some() {
            return Ok(());
        }
        let socket = bound(self.address)?;
        // Connections inherit it. A stall is soon felt.
        socket.set_recv_buffer_size(32 * 1024)?;
        socket.listen(128)?;
        let listener = TcpListener::from(socket);
        let shared = self.shared.clone();
        shared.is_listening.store(true, SeqCst);
        self.listening = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if !shared.is_listening.load(SeqCst) {
                    return;
                }
                // A client may be gone before it was accepted.
                let _ = client.and_then(|client| shared.link(client));
            }
        }));
        Ok(())
    }

    /// The bytes that have passed, in the order of the connections.
    pub fn transfers(&self) -> Vec<Transfer> {
        self.shared.lock().transfers.clone()
    }
}

impl fmt::Debug for FaultRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultRelay")
            .field("address", &self.address)
            .field("server", &self.shared.server)
            .finish_non_exhaustive()
    }
}

/// Several sockets can be bound to one address, as long as one listens at most.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Drop for FaultRelay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        self.refuse();
        let (pumps, links) = {
            let mut state = self.shared.lock();
            (std::mem::take(&mut state.pumps), state.links())
        };
        for link in &links {
            link.wake();
            link.shut_down();
        }
        drop(links);
        for pump in pumps {
            let panicked = pump.join().is_err();
            assert!(!panicked || thread::panicking(), "a thread of the relay has panicked");
        }
    }
}

impl RelayState {
    fn links(&self) -> Vec<Arc<Link>> {
        self.links.iter().filter_map(Weak::upgrade).collect()
    }
}

impl RelayShared {
    fn lock(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a client through.
    fn link(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        let mut state = self.lock();
        let fault = state.faults.pop_front().unwrap_or(state.then);
        let link = Arc::new(Link::new(client, server, fault)?);
        let number = state.transfers.len();
        state.transfers.push(Transfer::default());
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(&link));
        state.pumps.retain(|pump| !pump.is_finished());
        for way in [Way::Up, Way::Down] {
            let (shared, link) = (self.clone(), link.clone());
            state.pumps.push(thread::spawn(move || shared.pump(&link, way, number)));
        }
        Ok(())
    }

    fn record(&self, number: usize, way: Way, bytes: &[u8]) {
        let mut state = self.lock();
        let transfer = &mut state.transfers[number];
        let (kept, count) = match way {
            Way::Up => (&mut transfer.up, &mut transfer.up_count),
            Way::Down => (&mut transfer.down, &mut transfer.down_count),
        };
        kept.extend_from_slice(&bytes[..bytes.len().min(KEPT - kept.len())]);
        *count += bytes.len() as u64;
    }
}
