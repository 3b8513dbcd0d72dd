//! A listener that shuts down.

use std::time::Duration;

use shuttle::future::spawn;
use ws_async_core::Listener;
use ws_common::AcceptOptions;
use ws_core::Role;

use super::{config, is_over};
use crate::flags::{Flag, Flags};
use crate::peer::{Peer, Step};
use crate::pipe::pipe;
use crate::runtime::{Backlog, Model};

fn listener() -> (Listener<Model>, Backlog) {
    let backlog = Backlog::default();
    (Listener::from_listener(backlog.clone(), AcceptOptions::default().config(config())), backlog)
}

/// A client asks while the listener shuts down: it never gets a 101 after that.
pub(super) async fn handshake() {
    stop_during_handshake(Duration::ZERO).await;
}

/// The same with patience: the handshake ends by itself.
pub(super) async fn patient() {
    stop_during_handshake(Duration::from_secs(1)).await;
}

async fn stop_during_handshake(patience: Duration) {
    let flags = Flags::default();
    let (listener, backlog) = listener();
    let (near, far) = pipe();
    far.set_capacity(4096);
    backlog.push(near);
    let (incoming, _) = listener.accept().await.expect("a client waits");
    let accepting = spawn(async move {
        // Whoever is accepted drives the connection to its end.
        if let Ok((mut socket, _)) = incoming.accept().await {
            while let Ok(Some(_)) = socket.recv().await {}
        }
    });
    let stopped = flags.clone();
    let asking = spawn(async move {
        let mut peer = Peer::new(far, Role::Client);
        peer.ask_in_two(&stopped).await;
        let response = peer.read_response().await;
        assert!(!response.starts_with(b"HTTP/1.1 101"), "accepted after the listener has shut down");
    });
    listener.shutdown(patience).await;
    flags.raise(Flag::Completed);
    accepting.await.expect("it ends");
    asking.await.expect("it ends");
}

/// Several connections in tasks of their own are told to close, one of them while it is being opened.
pub(super) async fn many() {
    let flags = Flags::default();
    let (listener, backlog) = listener();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (near, far) = pipe();
        backlog.push(near);
        let over = flags.clone();
        tasks.push(spawn(async move {
            let mut peer = Peer::new(far, Role::Client);
            peer.ask().await;
            peer.read_response().await;
            peer.play(vec![Step::Answer], over).await;
        }));
        let (incoming, _) = listener.accept().await.expect("a client waits");
        tasks.push(spawn(async move {
            if let Ok((mut socket, _)) = incoming.accept().await {
                while let Ok(Some(_)) = socket.recv().await {}
            }
        }));
    }
    let left = listener.shutdown(Duration::from_secs(1)).await;
    assert_eq!(left, 0, "all of them close");
    is_over(&flags);
    for task in tasks {
        task.await.expect("it ends");
    }
}

/// Who waits for the next client hears of the shutdown.
pub(super) async fn accept() {
    let (listener, _backlog) = listener();
    let listener = std::sync::Arc::new(listener);
    let other = listener.clone();
    let accepting = spawn(async move { other.accept().await.is_err() });
    listener.shutdown(Duration::from_secs(1)).await;
    assert!(accepting.await.expect("it ends"), "there was no client");
}
