//! tungstenite, the blocking one.

use bytes::Bytes;
use tungstenite::protocol::{self, WebSocket};
use tungstenite::{Error, Message};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

pub struct Sync(WebSocket<Pipe>);

impl Receiver for Sync {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Sync(WebSocket::from_raw_socket(pipe, role_of(role), None))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        count(self.0.read(), tally);
    }
}

impl Sender for Sync {
    async fn feed(&mut self, payload: &Bytes) {
        self.0.write(Message::Binary(payload.clone())).expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().expect("flushed");
    }
}

pub fn role_of(role: Role) -> protocol::Role {
    match role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    }
}

pub fn count(received: Result<Message, Error>, tally: &mut Tally) {
    match received.expect("a message") {
        Message::Binary(payload) => tally.take(Kind::Binary, &payload),
        Message::Text(text) => tally.take(Kind::Text, text.as_bytes()),
        other => panic!("unexpected {other:?}"),
    }
}
