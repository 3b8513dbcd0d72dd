//! tungstenite under its adapter for tokio.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;

use super::tungstenite::{count, role_of};
use super::{Receiver, Sender};
use crate::scenario::Role;
use crate::tally::Tally;
use crate::transport::Pipe;

pub struct Async(WebSocketStream<Pipe>);

impl Receiver for Async {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Async(WebSocketStream::from_raw_socket(pipe, role_of(role), None).await)
    }

    async fn receive(&mut self, tally: &mut Tally) {
        count(self.0.next().await.expect("no end yet"), tally);
    }
}

impl Sender for Async {
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
