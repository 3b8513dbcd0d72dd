//! What belongs to async-io alone: its transports, and that one connection leaves room for others.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use smol::io::{AsyncRead, AsyncWrite};
use suite::watch::bounded;
use suite::wire::{BINARY, FIN, frame};
use ws_async_std::bytes::BytesMut;
use ws_async_std::error::Timeout;
use ws_async_std::{CloseCode, Config, ConnectOptions, Error, Other, Role, Transport, WebSocket};
use ws_core::{Connection, Random};

/// One end says something, the other echoes it, and both end in order.
fn echo<C: Transport, S: Transport>(client: C, server: S) {
    let client = async {
        let options = ConnectOptions::new("ws://in.memory/").open_timeout(Duration::from_secs(5));
        let (mut ws, _) = WebSocket::connect_over(client, options).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
        let begin = Instant::now();
        assert!(ws.close(CloseCode::NORMAL).await.clean);
        // The server ends TCP; where it could not, close_timeout would.
        assert!(begin.elapsed() < Duration::from_secs(2));
    };
    let server = async {
        let (mut ws, _) = WebSocket::accept(server).await.unwrap();
        while let Some(message) = ws.recv().await.unwrap() {
            ws.send(message).await.unwrap();
        }
    };
    smol::block_on(smol::future::zip(client, server));
}

fn tcp() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn the_streams_of_either_runtime_are_transports() {
    bounded(|| {
        let (client, server) = tcp();
        echo(async_std::net::TcpStream::from(client), async_std::net::TcpStream::from(server));
        let (client, server) = tcp();
        echo(
            smol::net::TcpStream::try_from(client).unwrap(),
            smol::net::TcpStream::try_from(server).unwrap(),
        );
        let (client, server) = tcp();
        echo(smol::Async::new(client).unwrap(), async_std::net::TcpStream::from(server));
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_transport() {
    bounded(|| {
        let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        echo(smol::Async::new(client).unwrap(), async_std::os::unix::net::UnixStream::from(server));
        let (client, server) = smol::net::unix::UnixStream::pair().unwrap();
        echo(client, Other(server));
    });
}

/// A stream of the user's own that knows a way to be reset.
#[cfg(unix)]
struct Resettable(smol::net::unix::UnixStream, Arc<AtomicBool>);

#[cfg(unix)]
impl AsyncRead for Resettable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

#[cfg(unix)]
impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[cfg(unix)]
impl Transport for Resettable {
    fn reset(self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

/// Whether such a stream was reset when its connection to a silent peer had ended, which is still held.
#[cfg(unix)]
fn was_reset(config: Config, end: impl AsyncFnOnce(&mut WebSocket<Resettable>)) -> bool {
    let (near, _far) = smol::net::unix::UnixStream::pair().unwrap();
    let was_reset = Arc::new(AtomicBool::new(false));
    let random = Random::from_seed([7; 32]);
    let connection =
        Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), ws_core::Instant::EPOCH);
    let near = Resettable(near, was_reset.clone());
    let mut ws = WebSocket::from_connection(near, connection, Instant::now());
    smol::block_on(end(&mut ws));
    assert!(ws.closed().is_some());
    was_reset.load(Ordering::Relaxed)
}

#[cfg(unix)]
#[test]
fn a_transport_of_the_users_own_is_reset_with_the_error_of_a_dead_peer() {
    bounded(|| {
        let millis = Duration::from_millis;
        let pings = Config::default().ping_interval(millis(20)).pong_timeout(millis(50));
        assert!(was_reset(pings, async |ws| {
            let error = ws.recv().await.unwrap_err();
            assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
        }));
        let quiet = Config::default().ping_interval(None).close_timeout(millis(50));
        assert!(!was_reset(quiet, async |ws| assert!(!ws.close(CloseCode::NORMAL).await.clean)));
    });
}

/// A peer that sends faster than anybody reads.
struct Flood(Vec<u8>);

impl AsyncRead for Flood {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = self.0.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// There is one thread, and no executor here knows a budget.
#[test]
fn a_flood_on_one_connection_leaves_room_for_other_tasks() {
    bounded(|| {
        let executor = smol::LocalExecutor::new();
        smol::block_on(executor.run(async {
            let random = Random::from_seed([7; 32]);
            let connection = Connection::after_handshake(
                Role::Client,
                &Config::default(),
                random,
                BytesMut::new(),
                ws_core::Instant::EPOCH,
            );
            let flood = Flood(frame(FIN | BINARY, false, &[7; 4000]));
            let mut ws = WebSocket::from_connection(Other(flood), connection, Instant::now());
            let reading = executor.spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
            for _ in 0..10 {
                smol::Timer::after(Duration::from_millis(1)).await;
            }
            assert!(!reading.is_finished());
            reading.cancel().await;
        }));
    });
}
