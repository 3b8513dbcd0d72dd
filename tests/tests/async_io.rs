//! What belongs to async-io alone: its transports, and that one connection leaves room for others.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::time::{Duration, Instant};

use suite::watch::bounded;
use ws_async_std::{CloseCode, ConnectOptions, Listener, Message, Other, Transport, WebSocket};

/// One end says something, the other echoes it, and both end in order.
fn echo<C: Transport, S: Transport>(client: C, server: S) {
    let client = async {
        let options = ConnectOptions::new("ws://in.memory/").unwrap().open_timeout(Duration::from_secs(5));
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

/// There is one thread, no budget, and a peer that sends faster than anybody looks at it.
#[test]
fn a_flood_on_one_connection_leaves_room_for_other_tasks() {
    bounded(|| {
        let executor = smol::LocalExecutor::new();
        smol::block_on(executor.run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let flood = std::thread::spawn(move || {
                smol::block_on(async {
                    let (mut ws, _) = WebSocket::connect(url).await.unwrap();
                    let message = Message::from(vec![7; 64 * 1024]);
                    while ws.send(message.clone()).await.is_ok() {}
                });
            });
            let (mut ws, _) = listener.accept().await.unwrap().0.accept().await.unwrap();
            let reading = executor.spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
            let begin = Instant::now();
            for _ in 0..50 {
                smol::Timer::after(Duration::from_millis(2)).await;
            }
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(2), "{took:?}");
            assert!(!reading.is_finished());
            reading.cancel().await;
            flood.join().unwrap();
        }));
    });
}
