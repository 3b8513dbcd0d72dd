//! This library, on tokio.

use bytes::Bytes;
use tokio::time::Instant;
use ws_tokio::{Message, WebSocket};

use super::{Open, Socket, Stream};
use crate::contender::ours;
use crate::scenario::Role;

pub type Ours<S> = WebSocket<S>;

impl<S: Stream> Socket for WebSocket<S> {
    type Message = Message;

    fn message(payload: &Bytes) -> Message {
        Message::Binary(payload.clone())
    }

    fn payload(message: &Message) -> &[u8] {
        match message {
            Message::Binary(payload) => payload,
            Message::Text(text) => text.as_bytes(),
        }
    }

    async fn recv(&mut self) -> Option<Message> {
        WebSocket::recv(self).await.ok().flatten()
    }

    async fn feed(&mut self, message: Message) {
        WebSocket::feed(self, message).await.expect("queued");
    }

    async fn flush(&mut self) {
        WebSocket::flush(self).await.expect("flushed");
    }

    /// Receiving flushes before it waits.
    async fn recv_or_flush(&mut self) -> Option<Message> {
        Socket::recv(self).await
    }
}

impl<S: Stream> Open<S> for WebSocket<S> {
    async fn open(role: Role, stream: S) -> Self {
        ours_over(stream, ours::connection(role))
    }
}

/// Over a connection that begins now.
pub fn ours_over<S: Stream>(stream: S, connection: ws_core::Connection) -> WebSocket<S> {
    WebSocket::from_connection(stream, connection, Instant::now())
}
