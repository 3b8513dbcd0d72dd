//! A runtime whose network is memory: tokio's clock and tasks, and pipes that call the user where a [`Script`] says so.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_async_core::bytes::BytesMut;
use ws_async_core::connector::{CheckedOptions, ConnectorError};
use ws_async_core::{AcceptOptions, BorrowedSocket, Connected, Io, Resolve, Runtime, SocketOptions};
use ws_tokio::Tokio;

use crate::peer::Peer;

pub(crate) type WebSocket = ws_async_core::WebSocket<Memory, Transport>;
pub(crate) type Sender = ws_async_core::Sender<Memory, Transport>;
pub(crate) type Receiver = ws_async_core::Receiver<Memory, Transport>;
pub(crate) type Client = ws_async_core::Client<Memory>;
pub(crate) type Handle = ws_async_core::Handle<Memory>;
pub(crate) type Listener = ws_async_core::Listener<Memory>;

/// A place where the library calls the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Point {
    Visitor,
    Decide,
    Prepare,
    Connect,
    AcceptWith,
    Send,
    TrySend,
    Feed,
    /// By the transport.
    Wake,
    /// By a call of another handle.
    WakeByCall,
    WakerDrop,
    Read,
    /// A read that finds nothing.
    ReadPending,
    Write,
    Flush,
    Shutdown,
    Drop,
}

pub(crate) type Act = Box<dyn FnOnce() + Send>;

/// The thing that is done when a place is reached for the first time.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Option<(Point, Act)>>>);

impl Script {
    pub(crate) fn set(&self, point: Point, act: Act) {
        *self.0.lock().unwrap() = Some((point, act));
    }

    /// Whether it was not reached yet.
    pub(crate) fn is_set(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    pub(crate) fn reach(&self, point: Point) {
        let act = self.0.lock().unwrap().take_if(|(at, _)| *at == point);
        if let Some((_, act)) = act {
            act();
        }
    }
}

/// One end of a pipe.
pub(crate) struct Transport {
    pipe: DuplexStream,
    script: Script,
    is_dropped: Arc<AtomicBool>,
}

impl Transport {
    fn new(pipe: DuplexStream, script: &Script) -> Self {
        Self { pipe, script: script.clone(), is_dropped: Arc::default() }
    }

    fn waker(&self, cx: &Context<'_>) -> Waker {
        Arc::new(Live { waker: cx.waker().clone(), is_dropped: self.is_dropped.clone() }).into()
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
        self.script.reach(Point::Drop);
    }
}

/// A transport that was dropped wakes nobody, as a socket does not.
struct Live {
    waker: Waker,
    is_dropped: Arc<AtomicBool>,
}

impl Wake for Live {
    fn wake(self: Arc<Self>) {
        if !self.is_dropped.load(Ordering::Relaxed) {
            self.waker.wake_by_ref();
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.script.reach(Point::Read);
        let waker = self.waker(cx);
        let read = Pin::new(&mut self.pipe).poll_read(&mut Context::from_waker(&waker), buf);
        if read.is_pending() {
            self.script.reach(Point::ReadPending);
        }
        read
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.script.reach(Point::Write);
        let waker = self.waker(cx);
        Pin::new(&mut self.pipe).poll_write(&mut Context::from_waker(&waker), bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.script.reach(Point::Flush);
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.script.reach(Point::Shutdown);
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The network of a thread: the places that its addresses lead to, by their ports.
#[derive(Default)]
struct Network {
    places: Vec<Place>,
}

#[derive(Clone)]
enum Place {
    /// A listener. Its end of each connection has the script.
    Listener(UnboundedSender<Transport>, Script),
    /// A server of the tests. The client's end has the script.
    Peer(Peer, Script),
}

thread_local!(static NETWORK: RefCell<Network> = RefCell::default());

/// Adds a place to the network of this thread.
fn settle(place: Place) -> SocketAddr {
    NETWORK.with_borrow_mut(|network| {
        network.places.push(place);
        SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(network.places.len()).unwrap()))
    })
}

/// A listener with an address for each script, which the transports of its connections follow.
pub(crate) fn listener<const N: usize>(scripts: [&Script; N]) -> (Listener, [String; N]) {
    let (sender, waiting) = unbounded_channel();
    let urls = scripts.map(|script| url(settle(Place::Listener(sender.clone(), script.clone()))));
    let incoming =
        Incoming { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), waiting: Mutex::new(waiting) };
    (Listener::from_listener(incoming, accept_options()), urls)
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

/// This comes after the end of any test, so that no timer heals a lost wake-up.
pub(crate) const NEVER: Duration = Duration::from_secs(100_000);

pub(crate) fn accept_options() -> AcceptOptions {
    AcceptOptions::default().open_timeout(NEVER).ping_interval(None)
}

/// The URL of a server. The transports that lead to it follow the script.
pub(crate) fn server(peer: &Peer, script: &Script) -> String {
    url(settle(Place::Peer(peer.clone(), script.clone())))
}

/// A transport to the target of these options, as the connector of a client supplies it.
pub(crate) async fn connected(options: CheckedOptions) -> Result<Connected<Memory>, ConnectorError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.target().port()));
    Ok(Connected::new(Memory::connect(address, options.socket_options()).await?))
}

/// Connections that wait to be accepted.
pub(crate) struct Incoming {
    address: SocketAddr,
    waiting: Mutex<UnboundedReceiver<Transport>>,
}

/// The runtime.
pub(crate) enum Memory {}

impl Runtime for Memory {
    type TcpStream = Transport;
    type TcpListener = Incoming;
    type Sleep = <Tokio as Runtime>::Sleep;

    fn now() -> Instant {
        Tokio::now()
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        Tokio::sleep_until(deadline)
    }

    fn reset_sleep(sleep: &mut Self::Sleep, deadline: Instant) {
        Tokio::reset_sleep(sleep, deadline);
    }

    async fn connect(address: SocketAddr, _: &SocketOptions) -> io::Result<Transport> {
        let place = NETWORK
            .with_borrow(|network| network.places.get(usize::from(address.port()) - 1).cloned())
            .ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = duplex(64 * 1024);
        let nothing = Script::default();
        match place {
            Place::Listener(waiting, script) => {
                waiting
                    .send(Transport::new(theirs, &script))
                    .map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(Transport::new(ours, &nothing))
            }
            Place::Peer(peer, script) => {
                peer.serve(Transport::new(theirs, &nothing));
                Ok(Transport::new(ours, &script))
            }
        }
    }

    async fn listen(_: &[SocketAddr]) -> io::Result<Incoming> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept(listener: &Incoming) -> io::Result<(Transport, SocketAddr)> {
        std::future::poll_fn(|cx| {
            let transport = ready!(listener.waiting.lock().unwrap().poll_recv(cx));
            Poll::Ready(
                transport
                    .map(|transport| (transport, listener.address))
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)),
            )
        })
        .await
    }

    fn socket(_: &Transport) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn local_addr(_: &Transport) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    fn listening_addr(listener: &Incoming) -> io::Result<SocketAddr> {
        Ok(listener.address)
    }
}

impl Io<Transport> for Memory {
    fn poll_read(
        transport: &mut Transport,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        Tokio::poll_read(transport, cx, buffer)
    }

    fn poll_write(transport: &mut Transport, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Tokio::poll_write(transport, cx, bytes)
    }

    fn poll_write_vectored(
        transport: &mut Transport,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Tokio::poll_write_vectored(transport, cx, slices)
    }

    fn is_write_vectored(transport: &Transport) -> bool {
        transport.is_write_vectored()
    }

    fn poll_flush(transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Tokio::poll_flush(transport, cx)
    }

    fn poll_shutdown(transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Tokio::poll_shutdown(transport, cx)
    }
}

impl Resolve<(String, u16)> for Memory {
    async fn resolve((host, port): (String, u16)) -> io::Result<Vec<SocketAddr>> {
        let address = host.parse().map_err(io::Error::other)?;
        Ok(vec![SocketAddr::new(address, port)])
    }
}
