//! A server on loopback that does what a test says.

mod arrival;
mod error;
mod peer;
mod request;
mod socket;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use arrival::Arrival;
pub use error::ScriptError;
pub use peer::ScriptedPeer;
pub use request::ScriptedRequest;

use socket::ScriptSocket;

/// Time limit of each step of a script, unless it is set.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A WebSocket server on 127.0.0.1 that does what a test says, for clients of any library and any runtime.
///
/// Each step waits at most for the [time limit](Self::set_time_limit), by default 5 s, and then fails. A step blocks its thread. A client
/// that needs the same thread, as in `#[tokio::test]`, has its script [run](Self::run) in another one.
///
/// When the server is dropped, its thread ends and its connections are shut down.
///
/// ```
/// use ws_testkit::ScriptedServer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ScriptedServer::start()?;
/// let url = server.url();
/// let client = std::thread::spawn(move || {
///     let (mut ws, _) = ws_blocking::WebSocket::connect(&url).unwrap();
///     ws.send("login").unwrap();
///     ws.recv().unwrap().expect("a message").into_text().unwrap()
/// });
/// let mut peer = server.accept()?;
/// peer.expect_text("login")?;
/// peer.send_text("ok")?;
/// assert_eq!(client.join().unwrap(), "ok");
/// # Ok(())
/// # }
/// ```
pub struct ScriptedServer {
    shared: Arc<ScriptState>,
    connections: Mutex<Receiver<TcpStream>>,
    accepting: Option<JoinHandle<()>>,
}

/// A script that plays in a thread of its own: see [`ScriptedServer::run`].
///
/// When it is dropped, the script is stopped: its next step fails. Dropping it panics if the script has failed before, so that no test passes
/// whose script has failed.
#[must_use = "a script that is dropped is stopped"]
pub struct RunningScript {
    shared: Arc<ScriptState>,
    script: Option<JoinHandle<Result<(), ScriptError>>>,
}

/// State that the server shares with its connections.
struct ScriptState {
    address: SocketAddr,
    received: Mutex<Vec<(usize, Arrival)>>,
    /// The sockets of connections, which the end of the server shuts down.
    sockets: Mutex<Vec<Weak<TcpStream>>>,
    time_limit: Mutex<Duration>,
    /// Number of connections that were accepted.
    connections: AtomicUsize,
    is_over: AtomicBool,
}

impl ScriptedServer {
    /// Listens at a port that the system chooses.
    ///
    /// # Errors
    ///
    /// The system has no free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(ScriptState {
            address: listener.local_addr()?,
            received: Mutex::default(),
            sockets: Mutex::default(),
            time_limit: Mutex::new(TIME_LIMIT),
            connections: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let (sender, connections) = mpsc::channel();
        let accepting = shared.clone();
        let accepting = Some(thread::spawn(move || accepting.accept(&listener, &sender)));
        Ok(Self { shared, connections: Mutex::new(connections), accepting })
    }

    /// Starts a server and plays `script` in a thread of its own. [`RunningScript::finish`] waits for the script and gives its result.
    ///
    /// ```
    /// use ws_testkit::ScriptedServer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ScriptedServer::run(|server| {
    ///     server.next_request()?.refuse(503, "come back later")?;
    ///     let mut peer = server.accept()?;
    ///     peer.send_text("hello")?;
    ///     peer.expect_close(1000)?;
    ///     Ok(())
    /// })?;
    /// assert!(ws_tokio::WebSocket::connect(&server.url()).await.is_err());
    /// let (mut ws, _) = ws_tokio::WebSocket::connect(&server.url()).await?;
    /// assert_eq!(ws.recv().await?.expect("a message"), "hello");
    /// ws.close(1000).await;
    /// server.finish()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system has no free port.
    pub fn run(
        script: impl FnOnce(&Self) -> Result<(), ScriptError> + Send + 'static,
    ) -> io::Result<RunningScript> {
        let server = Self::start()?;
        let shared = server.shared.clone();
        let script = thread::spawn(move || script(&server));
        Ok(RunningScript { shared, script: Some(script) })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `ws://127.0.0.1:PORT/`, with the port of the server.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// Sets the time limit of each step, for this server and the connections that it accepts from now on. By default it is 5 s.
    pub fn set_time_limit(&self, limit: Duration) {
        *lock(&self.shared.time_limit) = limit;
    }

    /// Waits for the next connection and its request.
    ///
    /// # Errors
    ///
    /// No client connects within the time limit, or it sends no whole HTTP head, or it leaves.
    pub fn next_request(&self) -> Result<ScriptedRequest, ScriptError> {
        let limit = *lock(&self.shared.time_limit);
        let stream = lock(&self.connections).recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                ScriptError::TimedOut { connection: None, expected: "a connection".into(), limit }
            }
            RecvTimeoutError::Disconnected => ScriptError::Stopped,
        })?;
        ScriptedRequest::read(ScriptSocket::new(self.shared.clone(), stream, limit)?)
    }

    /// Waits for the next connection and accepts it, with no subprotocol and no extension.
    ///
    /// # Errors
    ///
    /// As for [`next_request`](Self::next_request), and if the request has no `Sec-WebSocket-Key`.
    pub fn accept(&self) -> Result<ScriptedPeer, ScriptError> {
        self.next_request()?.accept()
    }

    /// All that the script has read from all connections, in order. Control frames and ends of streams are among them.
    pub fn received(&self) -> Vec<Arrival> {
        self.shared.received()
    }

    /// The texts among [`received`](Self::received).
    pub fn texts(&self) -> Vec<String> {
        self.shared.texts()
    }
}

impl fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedServer").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(accepting) = self.accepting.take() {
            let panicked = accepting.join().is_err();
            assert!(!panicked || thread::panicking(), "the thread of the server has panicked");
        }
    }
}

impl RunningScript {
    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `ws://127.0.0.1:PORT/`, with the port of the server.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// All that the script has read from all connections, in order. Control frames and ends of streams are among them.
    pub fn received(&self) -> Vec<Arrival> {
        self.shared.received()
    }

    /// The texts among [`received`](Self::received).
    pub fn texts(&self) -> Vec<String> {
        self.shared.texts()
    }

    /// Waits for the end of the script, and gives all that it has read, in order.
    ///
    /// # Errors
    ///
    /// The first step of the script that failed.
    ///
    /// # Panics
    ///
    /// If the script has panicked, with its panic.
    pub fn finish(mut self) -> Result<Vec<Arrival>, ScriptError> {
        match self.script.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            Some(Ok(Ok(()))) | None => Ok(self.shared.received()),
        }
    }
}

impl fmt::Debug for RunningScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningScript").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Drop for RunningScript {
    fn drop(&mut self) {
        let Some(script) = self.script.take() else { return };
        let has_ended = script.is_finished();
        self.shared.end();
        match script.join() {
            _ if thread::panicking() => {}
            Ok(Err(error)) if has_ended => panic!("the script of a server has failed: {error}"),
            // A step that was under way fails by the stop.
            Ok(_) => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl ScriptState {
    fn accept(&self, listener: &TcpListener, connections: &Sender<TcpStream>) {
        for client in listener.incoming() {
            if self.is_over.load(SeqCst) {
                return;
            }
            // A client may be gone before it was accepted.
            let Ok(client) = client else { continue };
            if connections.send(client).is_err() {
                return;
            }
        }
    }

    fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    fn received(&self) -> Vec<Arrival> {
        lock(&self.received).iter().map(|(_, arrival)| arrival.clone()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let texts = self.received().into_iter().filter_map(|arrival| match arrival {
            Arrival::Text(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// Ends the thread that accepts, and all connections. Once is enough.
    fn end(&self) {
        if self.is_over.swap(true, SeqCst) {
            return;
        }
        for socket in lock(&self.sockets).iter().filter_map(Weak::upgrade) {
            // The client may have left already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        // The thread waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// A panic of another thread leaves the values whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
