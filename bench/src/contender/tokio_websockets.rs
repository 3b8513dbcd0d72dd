//! tokio-websockets, with the faster of its random number generators.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder, WebSocketStream};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

pub struct Stream(WebSocketStream<Pipe>);

impl Receiver for Stream {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Stream(match role {
            Role::Client => ClientBuilder::new().take_over(pipe),
            Role::Server => ServerBuilder::new().serve(pipe),
        })
    }

    async fn receive(&mut self, tally: &mut Tally) {
        let message = self.0.next().await.expect("no end yet").expect("a message");
        if message.is_binary() {
            tally.take(Kind::Binary, message.as_payload());
        } else if message.is_text() {
            tally.take(Kind::Text, message.as_payload());
        } else {
            panic!("unexpected {message:?}");
        }
    }
}

impl Sender for Stream {
    async fn feed(&mut self, payload: &Bytes) {
        self.0.feed(Message::binary(payload.clone())).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("flushed");
    }

    async fn send(&mut self, payload: &Bytes) {
        self.0.send(Message::binary(payload.clone())).await.expect("sent");
    }
}
