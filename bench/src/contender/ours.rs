//! This library: the adapter for tokio.

use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use ws_core::{Config, Connection, Random};
use ws_tokio::{Message, MessageRef, WebSocket};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

/// A client or server whose handshake is over, without keepalive.
pub fn connection(role: Role) -> Connection {
    let role = match role {
        Role::Client => ws_core::Role::Client,
        Role::Server => ws_core::Role::Server,
    };
    let config = Config::default().ping_interval(None);
    let random = Random::from_seed([7; 32]);
    Connection::after_handshake(role, &config, random, BytesMut::new(), ws_core::Instant::EPOCH)
}

fn open(role: Role, pipe: Pipe) -> WebSocket<Pipe> {
    WebSocket::from_connection(pipe, connection(role), Instant::now())
}

pub struct Owned(WebSocket<Pipe>);

impl Receiver for Owned {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Owned(open(role, pipe))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        match self.0.recv().await.expect("no violation").expect("no end yet") {
            Message::Binary(payload) => tally.take(Kind::Binary, &payload),
            Message::Text(text) => tally.take(Kind::Text, text.as_bytes()),
        }
    }
}

impl Sender for Owned {
    async fn feed(&mut self, payload: &Bytes) {
        self.0.feed(payload.clone()).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("flushed");
    }

    async fn send(&mut self, payload: &Bytes) {
        self.0.send(payload.clone()).await.expect("sent");
    }
}

pub struct Borrowed(WebSocket<Pipe>);

impl Receiver for Borrowed {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Borrowed(open(role, pipe))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        let borrowed = self.0.for_each_borrowed(|message, _| {
            take_borrowed(message, tally);
            if tally.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        borrowed.await.expect("no violation");
    }
}

#[inline]
pub fn take_borrowed(message: MessageRef<'_>, tally: &mut Tally) {
    match message {
        MessageRef::Binary(payload) => tally.take(Kind::Binary, payload),
        MessageRef::Text(text) => tally.take(Kind::Text, text.as_bytes()),
    }
}
