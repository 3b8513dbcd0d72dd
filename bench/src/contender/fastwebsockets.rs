//! fastwebsockets with its collector of fragments, which is what hands out messages rather than frames.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocket};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

pub struct Collector(FragmentCollector<Pipe>);

impl Receiver for Collector {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Collector(FragmentCollector::new(WebSocket::after_handshake(pipe, role_of(role))))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        let frame = self.0.read_frame().await.expect("a message");
        match frame.opcode {
            OpCode::Binary => tally.take(Kind::Binary, &frame.payload),
            OpCode::Text => tally.take(Kind::Text, &frame.payload),
            other => panic!("unexpected {other:?}"),
        }
    }
}

impl Sender for Collector {
    async fn feed(&mut self, payload: &Bytes) {
        let frame = Frame::binary(Payload::Borrowed(payload));
        self.0.write_frame(frame).await.expect("written");
    }

    /// It queues nothing: `write_frame` has written already.
    async fn flush(&mut self) {}
}

pub fn role_of(role: Role) -> fastwebsockets::Role {
    match role {
        Role::Client => fastwebsockets::Role::Client,
        Role::Server => fastwebsockets::Role::Server,
    }
}
