//! What an idle connection costs: counted by an allocator, in a binary of its own.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use peak_alloc::PeakAlloc;
use tokio::net::TcpListener;
use ws_core::Connection;
use ws_tokio::{AcceptOptions, CloseCode, Incoming, Listener, Message, WebSocket, handshake::Accept};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const CONNECTIONS: usize = 200;

/// Of each of the two ends of a connection on tokio, without its transport: the value, and what it holds. A client holds a
/// generator for masking keys more than a server does. The counts of a connection take 96 bytes of it.
const BOUND: usize = 1200;

/// One test alone, since the allocator counts for the whole process.
#[tokio::test]
async fn an_idle_connection_is_small() {
    a_connection_is_no_larger_than_this();
    a_task_that_opens_a_connection_keeps_no_room_for_opening();
    a_connection_holds_no_buffers_after_an_echo().await;
}

fn a_connection_is_no_larger_than_this() {
    assert!(size_of::<Connection>() <= 704, "{}", size_of::<Connection>());
    assert!(size_of::<WebSocket>() <= 872, "{}", size_of::<WebSocket>());
}

fn a_task_that_opens_a_connection_keeps_no_room_for_opening() {
    fn is_small<T>(future: T) {
        assert!(size_of_val(&future) <= 16, "{} bytes", size_of_val(&future));
    }
    is_small(WebSocket::connect("ws://127.0.0.1:1/"));
    let (transport, _peer) = tokio::io::duplex(1);
    is_small(Incoming::new(transport, AcceptOptions::default()).accept());
    let (transport, _peer) = tokio::io::duplex(1);
    is_small(Incoming::new(transport, AcceptOptions::default()).accept_with(|_| Ok(Accept::new())));
}

async fn a_connection_holds_no_buffers_after_an_echo() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    // The transports alone, before anything of ours.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut transports = Vec::with_capacity(2 * CONNECTIONS);
    let before = HEAP.current_usage();
    for _ in 0..CONNECTIONS {
        let client = tokio::net::TcpStream::connect(plain.local_addr().unwrap()).await.unwrap();
        transports.push((client, plain.accept().await.unwrap().0));
    }
    let transport = (HEAP.current_usage() - before) / (2 * CONNECTIONS);
    drop(transports);

    let mut connections = Vec::with_capacity(CONNECTIONS);
    // Whatever is allocated once is allocated now.
    drop(open(&listener, &url).await);
    let before = HEAP.current_usage();
    for _ in 0..CONNECTIONS {
        connections.push(open(&listener, &url).await);
    }
    let idle = (HEAP.current_usage() - before) / (2 * CONNECTIONS);
    println!(
        "{idle} bytes of heap for an idle connection, {transport} of them its transport, and {} of the value itself",
        size_of::<WebSocket>(),
    );
    assert!(idle + size_of::<WebSocket>() <= transport + BOUND, "{idle} bytes");
    let (client, server) = connections.last_mut().unwrap();
    let (closed, end) = tokio::join!(client.close(CloseCode::NORMAL), server.recv());
    assert!(closed.clean && end.unwrap().is_none());
}

/// A pair of connections on which a message went there and back, and which wait again.
async fn open(listener: &Listener, url: &str) -> (WebSocket, WebSocket) {
    let accept = async { listener.accept().await.unwrap().0.accept().await.unwrap().0 };
    let (client, mut server) = tokio::join!(WebSocket::connect(url), accept);
    let mut client = client.unwrap().0;
    let message = Message::from(vec![7; 1024]);
    client.send(message.clone()).await.unwrap();
    let echo = server.recv().await.unwrap().unwrap();
    server.send(echo).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(message));
    // Both wait for something that does not come.
    let waiting = async { tokio::join!(client.recv(), server.recv()) };
    assert!(tokio::time::timeout(std::time::Duration::from_millis(1), waiting).await.is_err());
    (client, server)
}
