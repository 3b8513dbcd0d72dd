//! wtx, once with messages that the receiver owns and once with messages borrowed out of its buffer.

use bytes::Bytes;
use wtx::collection::Vector;
use wtx::web_socket::{FrameMut, OpCode, WebSocketPayloadOrigin};

use super::{Receiver, Sender};
use crate::scenario::{Kind, Role};
use crate::system::socket::Wtx;
use crate::tally::Tally;
use crate::transport::Pipe;

impl Wtx<Pipe> {
    async fn receive(&mut self, into: &mut Vector<u8>, origin: WebSocketPayloadOrigin, tally: &mut Tally) {
        match self {
            Wtx::Client(socket) => count(socket.read_frame(into, origin).await, tally),
            Wtx::Server(socket) => count(socket.read_frame(into, origin).await, tally),
        }
    }

    /// It masks in place, so the payload that the application keeps is copied first.
    async fn write(&mut self, payload: &Bytes, scratch: &mut Vec<u8>) {
        scratch.clear();
        scratch.extend_from_slice(payload);
        match self {
            Wtx::Client(socket) => socket.write_frame(&mut FrameMut::new_fin(OpCode::Binary, scratch)).await,
            Wtx::Server(socket) => socket.write_frame(&mut FrameMut::new_fin(OpCode::Binary, scratch)).await,
        }
        .expect("written");
    }
}

fn count<const IS_CLIENT: bool>(frame: wtx::Result<FrameMut<'_, IS_CLIENT>>, tally: &mut Tally) {
    let frame = frame.expect("a message");
    match frame.op_code() {
        OpCode::Binary => tally.take(Kind::Binary, frame.payload()),
        OpCode::Text => tally.take(Kind::Text, frame.payload()),
        other => panic!("unexpected {other:?}"),
    }
}

pub struct Owned {
    socket: Wtx<Pipe>,
    scratch: Vec<u8>,
}

impl Receiver for Owned {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Owned { socket: Wtx::over(role, (), pipe), scratch: Vec::new() }
    }

    async fn receive(&mut self, tally: &mut Tally) {
        let mut message = Vector::new();
        self.socket.receive(&mut message, WebSocketPayloadOrigin::Consistent, tally).await;
    }
}

impl Sender for Owned {
    async fn feed(&mut self, payload: &Bytes) {
        self.socket.write(payload, &mut self.scratch).await;
    }

    /// It queues nothing: `write_frame` has written already.
    async fn flush(&mut self) {}
}

pub struct Borrowed {
    socket: Wtx<Pipe>,
    /// Stays empty as long as no message comes in fragments.
    fragments: Vector<u8>,
}

impl Receiver for Borrowed {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Borrowed { socket: Wtx::over(role, (), pipe), fragments: Vector::new() }
    }

    async fn receive(&mut self, tally: &mut Tally) {
        self.socket.receive(&mut self.fragments, WebSocketPayloadOrigin::Adaptive, tally).await;
    }
}
