//! One system call for a batch.

use suite::wire::{BINARY, FIN, PING, PONG, frame};
use ws_core::Role;
use ws_core::bytes::Bytes;
use ws_tokio::{Config, Message};

use crate::transport::Transport;

fn quiet() -> Config {
    Config::default().ping_interval(None)
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_read_are_handed_out_without_another() {
    let transport = Transport::new();
    transport.give((0..64).flat_map(|i| frame(FIN | BINARY, true, &[i; 100])).collect());
    let mut socket = transport.connection(Role::Server, &quiet());
    for i in 0..64 {
        assert_eq!(socket.recv().await.unwrap(), Some(vec![i; 100].into()));
        let state = transport.state();
        assert_eq!((state.reads, state.writes), (1, 0), "after message {i}");
    }
}

#[tokio::test(start_paused = true)]
async fn fed_messages_leave_in_one_write() {
    for role in [Role::Client, Role::Server] {
        let transport = Transport::new();
        let mut socket = transport.connection(role, &quiet());
        for i in 0..64 {
            socket.feed(vec![i; 100]).await.unwrap();
        }
        assert_eq!(transport.state().writes, 0);
        socket.flush().await.unwrap();
        assert_eq!(transport.state().writes, 1);
        assert_eq!(transport.frames().len(), 64);
    }
}

#[tokio::test(start_paused = true)]
async fn large_messages_of_a_server_leave_by_reference() {
    let transport = Transport::new();
    let mut socket = transport.connection(Role::Server, &quiet());
    let payloads: Vec<Bytes> = (0..8).map(|i| Bytes::from(vec![i; 64 * 1024])).collect();
    for payload in &payloads {
        socket.feed(Message::Binary(payload.clone())).await.unwrap();
    }
    socket.flush().await.unwrap();
    let state = transport.state();
    assert_eq!(state.writes, 1, "header and payload of each, in one vectored write");
    for payload in &payloads {
        assert!(state.written_from.contains(&payload.as_ptr().addr()), "a payload was copied");
    }
}

#[tokio::test(start_paused = true)]
async fn pongs_for_pings_of_one_read_leave_in_one_write() {
    let transport = Transport::new();
    transport.give((0..10).flat_map(|i| frame(FIN | PING, true, &[i])).collect());
    let mut socket = transport.connection(Role::Server, &quiet());
    for _ in 0..10 {
        socket.next_event().await.unwrap();
    }
    assert_eq!(transport.state().writes, 0);
    socket.flush().await.unwrap();
    assert_eq!(transport.state().writes, 1);
    assert!(transport.frames().iter().all(|frame| frame.opcode == PONG));
    assert_eq!(transport.frames().len(), 10);
}
