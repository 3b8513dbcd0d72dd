//! yawc, with the validation of text that is off by default.

use bytes::Bytes;
use futures_util::SinkExt;
use yawc::frame::OpCode;
use yawc::{Frame, Options, WebSocket};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

/// Its default refuses 1 MiB by one byte.
const LIMIT: usize = 16 * 1024 * 1024;

pub struct Socket(WebSocket<Pipe>);

impl Receiver for Socket {
    async fn open(role: Role, pipe: Pipe) -> Self {
        let options = Options::default().without_compression().with_limits(LIMIT, LIMIT).with_utf8();
        Socket(WebSocket::from_stream(pipe, role_of(role), options).expect("options that agree"))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        let frame = self.0.next_frame().await.expect("a message");
        match frame.opcode() {
            OpCode::Binary => tally.take(Kind::Binary, frame.payload()),
            OpCode::Text => tally.take(Kind::Text, frame.payload()),
            other => panic!("unexpected {other:?}"),
        }
    }
}

impl Sender for Socket {
    async fn feed(&mut self, payload: &Bytes) {
        self.0.feed(Frame::binary(payload.clone())).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("flushed");
    }

    async fn send(&mut self, payload: &Bytes) {
        self.0.send(Frame::binary(payload.clone())).await.expect("sent");
    }
}

pub fn role_of(role: Role) -> yawc::Role {
    match role {
        Role::Client => yawc::Role::Client,
        Role::Server => yawc::Role::Server,
    }
}
