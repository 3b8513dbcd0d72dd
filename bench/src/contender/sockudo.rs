//! sockudo-ws, without its timers.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

pub struct Stream(WebSocketStream<Pipe>);

impl Receiver for Stream {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Stream(match role {
            Role::Client => WebSocketStream::client(pipe, config()),
            Role::Server => WebSocketStream::server(pipe, config()),
        })
    }

    async fn receive(&mut self, tally: &mut Tally) {
        match self.0.next().await.expect("no end yet").expect("a message") {
            Message::Binary(payload) => tally.take(Kind::Binary, &payload),
            Message::Text(payload) => tally.take(Kind::Text, &payload),
            other => panic!("unexpected {other:?}"),
        }
    }
}

impl Sender for Stream {
    async fn feed(&mut self, payload: &Bytes) {
        self.0.feed(Message::Binary(payload.clone())).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("flushed");
    }

    async fn send(&mut self, payload: &Bytes) {
        self.0.send(Message::Binary(payload.clone())).await.expect("sent");
    }
}

pub fn config() -> Config {
    Config::builder().auto_ping(false).idle_timeout(0).build()
}
