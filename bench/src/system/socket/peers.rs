//! The peers that work on tokio.

use std::fmt::Debug;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, Payload};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use wtx::collection::Vector;
use wtx::rng::Xorshift64;
use wtx::stream::{StreamReader, StreamWriter};
use wtx::web_socket::compression::NegotiatedCompression;
use wtx::web_socket::{FrameMut, OpCode, WebSocket, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin};

use super::{Open, Socket, Stream};
use crate::contender::{self, tungstenite::role_of};
use crate::scenario::Role;

/// One that is a stream and a sink of its messages.
pub struct SinkStream<W>(pub W);

/// A message of such a one.
pub trait Binary {
    fn binary(payload: Bytes) -> Self;

    fn payload(&self) -> &[u8];
}

impl<W, M, E> Socket for SinkStream<W>
where
    W: futures_util::Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Binary,
    E: Debug,
{
    type Message = M;

    fn message(payload: &Bytes) -> M {
        M::binary(payload.clone())
    }

    fn payload(message: &M) -> &[u8] {
        message.payload()
    }

    async fn recv(&mut self) -> Option<M> {
        self.0.next().await?.ok()
    }

    async fn feed(&mut self, message: M) {
        self.0.feed(message).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("flushed");
    }
}

pub type TokioTungstenite<S> = SinkStream<WebSocketStream<S>>;

impl Binary for tungstenite::Message {
    fn binary(payload: Bytes) -> Self {
        Self::Binary(payload)
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Binary(payload) => payload,
            other => panic!("unexpected {other:?}"),
        }
    }
}

impl<S: Stream> Open<S> for TokioTungstenite<S> {
    async fn open(role: Role, stream: S) -> Self {
        SinkStream(WebSocketStream::from_raw_socket(stream, role_of(role), None).await)
    }
}

pub type Fastwebsockets<S> = FragmentCollector<S>;

impl<S: Stream> Socket for FragmentCollector<S> {
    type Message = Frame<'static>;

    fn message(payload: &Bytes) -> Self::Message {
        // It masks in place.
        Frame::binary(Payload::Owned(payload.to_vec()))
    }

    fn payload(message: &Self::Message) -> &[u8] {
        &message.payload
    }

    async fn recv(&mut self) -> Option<Self::Message> {
        self.read_frame().await.ok()
    }

    /// It queues nothing: `write_frame` has written already.
    async fn feed(&mut self, message: Self::Message) {
        self.write_frame(message).await.expect("written");
    }

    async fn flush(&mut self) {}

    async fn recv_or_flush(&mut self) -> Option<Self::Message> {
        self.recv().await
    }
}

impl<S: Stream> Open<S> for FragmentCollector<S> {
    async fn open(role: Role, stream: S) -> Self {
        let role = contender::fastwebsockets::role_of(role);
        FragmentCollector::new(fastwebsockets::WebSocket::after_handshake(stream, role))
    }
}

pub type TokioWebsockets<S> = SinkStream<tokio_websockets::WebSocketStream<S>>;

impl Binary for tokio_websockets::Message {
    fn binary(payload: Bytes) -> Self {
        Self::binary(payload)
    }

    fn payload(&self) -> &[u8] {
        self.as_payload()
    }
}

impl<S: Stream> Open<S> for TokioWebsockets<S> {
    async fn open(role: Role, stream: S) -> Self {
        SinkStream(match role {
            Role::Client => tokio_websockets::ClientBuilder::new().take_over(stream),
            Role::Server => tokio_websockets::ServerBuilder::new().serve(stream),
        })
    }
}

pub type Sockudo<S> = SinkStream<sockudo_ws::WebSocketStream<S>>;

impl Binary for sockudo_ws::Message {
    fn binary(payload: Bytes) -> Self {
        Self::Binary(payload)
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Binary(payload) => payload,
            other => panic!("unexpected {other:?}"),
        }
    }
}

impl<S: Stream> Open<S> for Sockudo<S> {
    async fn open(role: Role, stream: S) -> Self {
        SinkStream(match role {
            Role::Client => sockudo_ws::WebSocketStream::client(stream, contender::sockudo::config()),
            Role::Server => sockudo_ws::WebSocketStream::server(stream, contender::sockudo::config()),
        })
    }
}

pub type Yawc<S> = yawc::WebSocket<S>;

impl<S: Stream> Socket for yawc::WebSocket<S> {
    type Message = yawc::Frame;

    fn message(payload: &Bytes) -> Self::Message {
        yawc::Frame::binary(payload.clone())
    }

    fn payload(message: &Self::Message) -> &[u8] {
        message.payload()
    }

    async fn recv(&mut self) -> Option<Self::Message> {
        self.next_frame().await.ok()
    }

    async fn feed(&mut self, message: Self::Message) {
        SinkExt::feed(self, message).await.expect("queued");
    }

    async fn flush(&mut self) {
        SinkExt::flush(self).await.expect("flushed");
    }
}

impl<S: Stream> Open<S> for yawc::WebSocket<S> {
    async fn open(role: Role, stream: S) -> Self {
        let options = yawc::Options::default().without_compression();
        yawc::WebSocket::from_stream(stream, contender::yawc::role_of(role), options)
            .expect("options that agree")
    }
}

/// Its role is a part of its type.
pub enum Wtx<S, C = ()> {
    Client(WebSocketOwned<C, Xorshift64, S, true>),
    Server(WebSocketOwned<C, Xorshift64, S, false>),
}

impl<S: StreamReader + StreamWriter, C: NegotiatedCompression> Wtx<S, C> {
    pub fn over(role: Role, compression: C, stream: S) -> Self {
        let rng = Xorshift64::from(wtx::rng::simple_seed());
        let buffer = WebSocketBuffer::new();
        match role {
            Role::Client => Wtx::Client(WebSocket::new(compression, false, rng, stream, buffer)),
            Role::Server => Wtx::Server(WebSocket::new(compression, false, rng, stream, buffer)),
        }
    }
}

impl<S: StreamReader + StreamWriter, C: NegotiatedCompression> Socket for Wtx<S, C> {
    type Message = Vector<u8>;

    fn message(payload: &Bytes) -> Self::Message {
        // It masks in place.
        Vector::from_iterator(payload.iter().copied()).expect("there is memory")
    }

    fn payload(message: &Self::Message) -> &[u8] {
        message
    }

    async fn recv(&mut self) -> Option<Self::Message> {
        let mut message = Vector::new();
        let origin = WebSocketPayloadOrigin::Consistent;
        let op_code = match self {
            Wtx::Client(socket) => socket.read_frame(&mut message, origin).await.ok()?.op_code(),
            Wtx::Server(socket) => socket.read_frame(&mut message, origin).await.ok()?.op_code(),
        };
        (op_code == OpCode::Binary).then_some(message)
    }

    /// It queues nothing: `write_frame` has written already.
    async fn feed(&mut self, mut message: Self::Message) {
        match self {
            Wtx::Client(socket) => {
                socket.write_frame(&mut FrameMut::new_fin(OpCode::Binary, &mut message)).await
            }
            Wtx::Server(socket) => {
                socket.write_frame(&mut FrameMut::new_fin(OpCode::Binary, &mut message)).await
            }
        }
        .expect("written");
    }

    async fn flush(&mut self) {}

    async fn recv_or_flush(&mut self) -> Option<Self::Message> {
        self.recv().await
    }
}

impl<S: StreamReader + StreamWriter> Open<S> for Wtx<S> {
    async fn open(role: Role, stream: S) -> Self {
        Wtx::over(role, (), stream)
    }
}
