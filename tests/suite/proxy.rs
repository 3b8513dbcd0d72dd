//! A proxy on loopback that breaks connections as a script says.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// A thread that reads or writes looks so often whether something else has happened.
const TICK: Duration = Duration::from_millis(10);

/// So much of what passed is kept for each connection and way.
const KEPT: usize = 64 * 1024;

/// From the client to the server, or back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Up,
    Down,
}

/// What happens to one connection. Bytes are counted from its first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing: all bytes pass.
    None,
    /// It is reset as soon as it is accepted.
    Reset,
    /// After so many bytes both ends see the end of the stream.
    Cut(Way, usize),
    /// After so many bytes both ends see a reset.
    ResetAfter(Way, usize),
    /// After so many bytes nothing moves, in neither way, until [`Proxy::release`]. The sockets stay.
    Stall(Way, usize),
    /// After so many bytes the server loses the connection, and the client hears nothing of it.
    HalfOpen(Way, usize),
    /// One byte at a time, both ways.
    Trickle,
    /// Whatever comes passes so much later.
    Delay(Duration),
}

impl Fault {
    fn trigger(self) -> Option<(Way, usize)> {
        match self {
            Self::Reset => Some((Way::Up, 0)),
            Self::Cut(way, after)
            | Self::ResetAfter(way, after)
            | Self::Stall(way, after)
            | Self::HalfOpen(way, after) => Some((way, after)),
            Self::None | Self::Trickle | Self::Delay(_) => None,
        }
    }
}

/// What has passed on one connection.
#[derive(Clone, Default, Debug)]
pub struct Record {
    pub up: Vec<u8>,
    pub down: Vec<u8>,
    /// How many bytes there were, also if they were too many to keep.
    pub counts: [usize; 2],
}

/// Stands between a client and a server until it is dropped; then all its connections and threads end.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
    /// Keeps the address, also while nobody listens there: another test must not get it.
    _held: Socket,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    is_listening: AtomicBool,
    is_over: AtomicBool,
}

#[derive(Default)]
struct State {
    /// For the connections to come.
    faults: std::collections::VecDeque<Fault>,
    is_released: bool,
    records: Vec<Record>,
    links: Vec<Weak<Link>>,
    pumps: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// The first connection meets the first fault, and so on; those after the last meet none.
    pub fn new(server: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> Self {
        let state = State { faults: faults.into_iter().collect(), ..State::default() };
        let shared = Arc::new(Shared {
            server,
            state: Mutex::new(state),
            changed: Condvar::new(),
            is_listening: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let held = bound(([127, 0, 0, 1], 0).into());
        let address = held.local_addr().unwrap().as_socket().unwrap();
        let mut proxy = Self { shared, address, listening: None, _held: held };
        proxy.listen();
        proxy
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed, in the order of the connections.
    pub fn records(&self) -> Vec<Record> {
        self.shared.lock().records.clone()
    }

    /// Lets go on what stalls, or will.
    pub fn release(&self) {
        self.shared.lock().is_released = true;
        self.shared.changed.notify_all();
    }

    /// From now on connections are refused. Those that there are go on.
    pub fn refuse(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.shared.is_listening.store(false, SeqCst);
            // It waits for a connection.
            let _ = TcpStream::connect(self.address);
            listening.join().unwrap();
        }
    }

    /// The connections that there are end.
    pub fn hang_up(&self) {
        for link in self.shared.lock().links.iter().filter_map(Weak::upgrade) {
            let _ = link.client.shutdown(Shutdown::Both);
            let _ = link.server.shutdown(Shutdown::Both);
        }
    }

    /// Accepts again, at the same address.
    pub fn listen(&mut self) {
        if self.listening.is_some() {
            return;
        }
        let socket = bound(self.address);
        // Connections inherit it. What stalls is soon felt.
        socket.set_recv_buffer_size(32 * 1024).unwrap();
        socket.listen(128).unwrap();
        let listener = TcpListener::from(socket);
        let shared = self.shared.clone();
        shared.is_listening.store(true, SeqCst);
        self.listening = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if !shared.is_listening.load(SeqCst) {
                    return;
                }
                // A client may be gone before it was accepted.
                client.ok().and_then(|client| shared.link(client));
            }
        }));
    }
}

/// Several can be bound to one address, as long as one listens at most.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        self.refuse();
        let pumps = std::mem::take(&mut self.shared.lock().pumps);
        self.shared.changed.notify_all();
        self.hang_up();
        for pump in pumps {
            let panicked = pump.join().is_err();
            assert!(!panicked || thread::panicking(), "a thread of the proxy has panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Connects a client through.
    fn link(self: &Arc<Self>, client: TcpStream) -> Option<()> {
        let fault = self.lock().faults.pop_front().unwrap_or(Fault::None);
        let server = TcpStream::connect(self.server).ok()?;
        for socket in [&client, &server] {
            socket.set_nodelay(true).ok()?;
            socket.set_read_timeout(Some(TICK)).ok()?;
            socket.set_write_timeout(Some(TICK)).ok()?;
        }
        let mut state = self.lock();
        let number = state.records.len();
        state.records.push(Record::default());
        let phase = AtomicBool::new(false);
        let link = Arc::new(Link { client, server, fault, number, has_struck: phase });
        state.links.push(Arc::downgrade(&link));
        for way in [Way::Up, Way::Down] {
            let (shared, link) = (self.clone(), link.clone());
            state.pumps.push(thread::spawn(move || shared.pump(&link, way)));
        }
        Some(())
    }

    fn record(&self, link: &Link, way: Way, bytes: &[u8]) {
        let mut state = self.lock();
        let record = &mut state.records[link.number];
        let kept = if way == Way::Up { &mut record.up } else { &mut record.down };
        kept.extend_from_slice(&bytes[..bytes.len().min(KEPT - kept.len())]);
        record.counts[way as usize] += bytes.len();
    }

    /// Moves bytes one way, to the end of the stream, or of the link.
    fn pump(&self, link: &Link, way: Way) {
        let (mut from, to) = link.ends(way);
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = 0;
        while !self.is_over.load(SeqCst) {
            let trigger = link.fault.trigger().filter(|(trigger, _)| *trigger == way);
            if trigger.is_some_and(|(_, after)| after == passed) {
                self.strike(link);
            }
            if link.has_struck.load(SeqCst) && !self.survive(link, from) {
                return;
            }
            let longest = match link.fault {
                Fault::Trickle => 1,
                _ => trigger.filter(|(_, after)| *after > passed).map_or(buffer.len(), |(_, n)| n - passed),
            };
            let most = longest.min(buffer.len());
            match from.read(&mut buffer[..most]) {
                Ok(0) if link.hides_ends() => {}
                Ok(0) => break,
                Ok(n) => {
                    if let Fault::Delay(time) = link.fault {
                        thread::sleep(time);
                    }
                    // It may have been read while the fault happened.
                    if link.has_struck.load(SeqCst) && !self.survive(link, from) {
                        return;
                    }
                    if !self.write(link, to, &buffer[..n]) {
                        if link.has_struck.load(SeqCst) {
                            continue;
                        }
                        break;
                    }
                    self.record(link, way, &buffer[..n]);
                    passed += n;
                }
                Err(error) if is_tick(&error) || link.hides_ends() => {}
                Err(_) => break,
            }
        }
        // Who is gone needs no end.
        let _ = to.shutdown(Shutdown::Write);
    }

    fn write(&self, link: &Link, mut to: &TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_tick(&error) && !self.is_over.load(SeqCst) => {
                    if link.has_struck.load(SeqCst) && !matches!(link.fault, Fault::Stall(..)) {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// The fault happens.
    fn strike(&self, link: &Link) {
        if link.has_struck.swap(true, SeqCst) {
            return;
        }
        match link.fault {
            Fault::Cut(..) => {
                let _ = link.client.shutdown(Shutdown::Write);
                let _ = link.server.shutdown(Shutdown::Write);
            }
            Fault::Reset | Fault::ResetAfter(..) => {
                // The reset is sent when both pumps have left.
                SockRef::from(&link.client).set_linger(Some(Duration::ZERO)).unwrap();
                SockRef::from(&link.server).set_linger(Some(Duration::ZERO)).unwrap();
            }
            Fault::HalfOpen(..) => {
                let _ = link.server.shutdown(Shutdown::Both);
            }
            Fault::None | Fault::Stall(..) | Fault::Trickle | Fault::Delay(_) => {}
        }
    }

    /// What a pump does once the fault has happened. Says whether it goes on as before.
    fn survive(&self, link: &Link, mut from: &TcpStream) -> bool {
        match link.fault {
            Fault::Cut(..) => {
                // A socket that is closed with bytes unread resets the connection.
                let mut rest = [0; 4096];
                while !self.is_over.load(SeqCst) {
                    match from.read(&mut rest) {
                        Ok(0) => break,
                        Ok(_) => {}
                        Err(error) if is_tick(&error) => {}
                        Err(_) => break,
                    }
                }
                false
            }
            Fault::Stall(..) | Fault::HalfOpen(..) => {
                let is_stall = matches!(link.fault, Fault::Stall(..));
                let waits = |state: &mut State| !(self.is_over.load(SeqCst) || is_stall && state.is_released);
                let state = self.changed.wait_while(self.lock(), waits).unwrap();
                is_stall && state.is_released
            }
            _ => false,
        }
    }
}

fn is_tick(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// One connection through the proxy.
struct Link {
    client: TcpStream,
    server: TcpStream,
    fault: Fault,
    number: usize,
    has_struck: AtomicBool,
}

impl Link {
    /// Neither end is to learn what became of the other.
    fn hides_ends(&self) -> bool {
        matches!(self.fault, Fault::HalfOpen(..)) && self.has_struck.load(SeqCst)
    }

    fn ends(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::Up => (&self.client, &self.server),
            Way::Down => (&self.server, &self.client),
        }
    }
}
