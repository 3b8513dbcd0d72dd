//! A listener whose system fails to accept: pauses and retries, on a clock that only moves when everybody waits.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{self, timeout};
use ws_async_core::bytes::BytesMut;
use ws_async_core::{
    AcceptError, AcceptOptions, BorrowedSocket, Io, Listener, Resolve, Runtime, SocketOptions,
};
use ws_tokio::Tokio;

/// Numbers that Linux and BSD share.
const EMFILE: i32 = 24;
const EIO: i32 = 5;
const EBADF: i32 = 9;
const EACCES: i32 = 13;

fn exhausted() -> io::Error {
    io::Error::from_raw_os_error(EMFILE)
}

fn aborted() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// A socket that takes no option of TCP. On some systems, the socket of a client that is gone takes none.
fn gone() -> io::Result<TcpStream> {
    let (socket, _) = std::os::unix::net::UnixStream::pair()?;
    socket.set_nonblocking(true)?;
    TcpStream::from_std(OwnedFd::from(socket).into())
}

/// tokio, with a listener that fails as its script says.
enum Failing {}

struct Script {
    listener: TcpListener,
    failures: Mutex<VecDeque<io::Error>>,
    /// Number of clients that are gone once they are accepted.
    gone: AtomicUsize,
    /// The times of the calls, since the start of the test.
    calls: Mutex<Vec<Duration>>,
    start: time::Instant,
}

impl Runtime for Failing {
    type TcpStream = TcpStream;
    type TcpListener = Arc<Script>;
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

    async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
        Tokio::connect(address, options).await
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<Arc<Script>> {
        Ok(Arc::new(Script {
            listener: Tokio::listen(addresses).await?,
            failures: Mutex::default(),
            gone: AtomicUsize::new(0),
            calls: Mutex::default(),
            start: time::Instant::now(),
        }))
    }

    async fn accept(script: &Arc<Script>) -> io::Result<(TcpStream, SocketAddr)> {
        script.calls.lock().unwrap().push(script.start.elapsed());
        let failure = script.failures.lock().unwrap().pop_front();
        if let Some(error) = failure {
            return Err(error);
        }
        let accepted = Tokio::accept(&script.listener).await?;
        match script.gone.fetch_update(Relaxed, Relaxed, |gone| gone.checked_sub(1)) {
            Ok(_) => Ok((gone()?, accepted.1)),
            Err(_) => Ok(accepted),
        }
    }

    fn socket(stream: &TcpStream) -> Option<BorrowedSocket<'_>> {
        Tokio::socket(stream)
    }

    fn local_addr(stream: &TcpStream) -> io::Result<SocketAddr> {
        stream.local_addr()
    }

    fn listening_addr(script: &Arc<Script>) -> io::Result<SocketAddr> {
        script.listener.local_addr()
    }
}

impl<T> Io<T> for Failing
where
    Tokio: Io<T>,
{
    fn poll_read(transport: &mut T, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        Tokio::poll_read(transport, cx, buffer)
    }

    fn poll_write(transport: &mut T, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Tokio::poll_write(transport, cx, bytes)
    }

    fn poll_write_vectored(
        transport: &mut T,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Tokio::poll_write_vectored(transport, cx, slices)
    }

    fn is_write_vectored(transport: &T) -> bool {
        Tokio::is_write_vectored(transport)
    }

    fn poll_flush(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Tokio::poll_flush(transport, cx)
    }

    fn poll_shutdown(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Tokio::poll_shutdown(transport, cx)
    }
}

impl Resolve<(String, u16)> for Failing {
    async fn resolve(name: (String, u16)) -> io::Result<Vec<SocketAddr>> {
        Tokio::resolve(name).await
    }
}

/// A listener that fails with these errors, and its script.
async fn failing(errors: impl IntoIterator<Item = io::Error>) -> (Arc<Listener<Failing>>, Arc<Script>) {
    let script = Failing::listen(&[SocketAddr::from(([127, 0, 0, 1], 0))]).await.unwrap();
    script.failures.lock().unwrap().extend(errors);
    (Arc::new(Listener::from_listener(script.clone(), AcceptOptions::default())), script)
}

impl Script {
    /// The times of the calls in milliseconds. A timer of tokio may fire up to two milliseconds late.
    fn calls(&self) -> Vec<u128> {
        self.calls.lock().unwrap().iter().map(|time| time.as_millis() / 10 * 10).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_without_resources_retries_after_pauses_that_grow() {
    let (listener, script) = failing((0..7).map(|_| exhausted())).await;
    let client = TcpStream::connect(script.listener.local_addr().unwrap()).await.unwrap();
    let (_, address) = listener.accept().await.unwrap();
    assert_eq!(address, client.local_addr().unwrap());
    assert_eq!(script.calls(), [0, 50, 150, 350, 750, 1550, 2550, 3550]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_skipped_at_once() {
    let gone = [aborted(), io::ErrorKind::ConnectionReset.into(), io::ErrorKind::Interrupted.into()];
    let (listener, script) = failing(gone).await;
    let _client = TcpStream::connect(script.listener.local_addr().unwrap()).await.unwrap();
    listener.accept().await.unwrap();
    assert_eq!(script.calls(), [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_once_it_is_accepted_is_skipped_at_once() {
    let (listener, script) = failing([]).await;
    script.gone.store(2, Relaxed);
    let address = script.listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    let (_, accepted) = listener.accept().await.unwrap();
    assert_eq!(accepted, clients[2].local_addr().unwrap());
    assert_eq!(script.calls(), [0; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_nobody_knows_is_retried_after_a_pause() {
    let unknown = [EACCES, EIO].map(io::Error::from_raw_os_error);
    let (listener, script) =
        failing(unknown.into_iter().chain([io::Error::other("an error of a runtime")])).await;
    let _client = TcpStream::connect(script.listener.local_addr().unwrap()).await.unwrap();
    listener.accept().await.unwrap();
    assert_eq!(script.calls(), [0, 50, 150, 350]);
}

#[tokio::test(start_paused = true)]
async fn an_accept_that_is_dropped_in_a_pause_does_not_shorten_it() {
    let (listener, script) = failing((0..3).map(|_| exhausted())).await;
    let _client = TcpStream::connect(script.listener.local_addr().unwrap()).await.unwrap();
    let mut dropped = 0;
    while timeout(Duration::from_millis(7), listener.accept()).await.is_err() {
        dropped += 1;
    }
    assert!(dropped > 20, "{dropped}");
    assert_eq!(script.calls(), [0, 50, 150, 350]);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_accept_together_share_a_pause() {
    let (listener, script) = failing((0..2).map(|_| exhausted())).await;
    let address = script.listener.local_addr().unwrap();
    let _clients = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    let (first, second) = tokio::join!(listener.accept(), listener.accept());
    assert!(first.is_ok() && second.is_ok());
    // Both tasks wait for the end of each pause.
    assert_eq!(script.calls(), [0, 50, 150, 150]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_pause_at_once() {
    let (listener, script) = failing((0..100).map(|_| exhausted())).await;
    let other = listener.clone();
    let accepting = tokio::spawn(async move { other.accept().await.err() });
    time::sleep(Duration::from_millis(2000)).await;
    assert_eq!(listener.shutdown(Duration::ZERO).await, 0);
    let error = accepting.await.unwrap();
    assert!(matches!(error, Some(AcceptError::Shutdown)), "{error:?}");
    assert_eq!(script.start.elapsed().as_millis() / 10, 200);
}

#[tokio::test(start_paused = true)]
async fn clients_that_are_gone_in_a_row_starve_no_task() {
    let (listener, _script) = failing((0..100_000).map(|_| aborted())).await;
    let (accepted, left) = tokio::join!(listener.accept(), listener.shutdown(Duration::ZERO));
    assert!(matches!(accepted, Err(AcceptError::Shutdown)));
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_listening_socket_is_returned() {
    let (listener, script) = failing([io::Error::from_raw_os_error(EBADF)]).await;
    let error = listener.accept().await.err();
    assert!(
        matches!(&error, Some(AcceptError::Io(error)) if error.raw_os_error() == Some(EBADF)),
        "{error:?}"
    );
    assert_eq!(script.calls(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_handshakes_are_at_their_limit_accepts_no_more() {
    let options = AcceptOptions::default().max_handshakes(2);
    a_third_client_waits(options, async |first, _client| drop(first)).await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_over_makes_room_for_the_next() {
    let options = AcceptOptions::default().max_handshakes(2);
    a_third_client_waits(options, async |first, mut client| {
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        // The connection stays open.
        first.accept().await.unwrap()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_over_makes_room_for_the_next() {
    let options = AcceptOptions::default().max_connections(2);
    a_third_client_waits(options, async |first, mut client| {
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let (socket, _) = first.accept().await.unwrap();
        time::sleep(Duration::from_secs(60)).await;
        drop(socket);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_an_accept_over_the_limit() {
    let (listener, _clients, _incoming) = at_the_limit(AcceptOptions::default().max_connections(2)).await;
    let (accepted, _) = tokio::join!(listener.accept(), async {
        time::sleep(Duration::from_secs(1)).await;
        listener.shutdown(Duration::ZERO).await
    });
    assert!(matches!(accepted, Err(AcceptError::Shutdown)));
}

type Incoming = ws_async_core::Incoming<Failing>;

/// A listener that has accepted two of three clients.
async fn at_the_limit(options: AcceptOptions) -> (Listener<Failing>, Vec<TcpStream>, Vec<Incoming>) {
    let script = Failing::listen(&[SocketAddr::from(([127, 0, 0, 1], 0))]).await.unwrap();
    let listener = Listener::from_listener(script.clone(), options);
    let (mut clients, mut incoming) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
    }
    for _ in 0..2 {
        incoming.push(listener.accept().await.unwrap().0);
    }
    (listener, clients, incoming)
}

/// Whether a third client waits until `act` has made room.
async fn a_third_client_waits<T>(options: AcceptOptions, act: impl AsyncFnOnce(Incoming, TcpStream) -> T) {
    let (listener, mut clients, mut incoming) = at_the_limit(options).await;
    let third = clients[2].local_addr().unwrap();
    let waiting = timeout(Duration::from_secs(3600), listener.accept());
    assert!(waiting.await.is_err(), "over the limit");
    let (accepted, _kept) = tokio::join!(listener.accept(), act(incoming.remove(0), clients.remove(0)));
    assert_eq!(accepted.unwrap().1, third);
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
