//! A WebSocket as the measurements of whole connections use it.

mod ours;
mod peers;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::scenario::Role;

pub use ours::{Ours, ours_over};
pub use peers::{Fastwebsockets, SinkStream, Sockudo, TokioTungstenite, TokioWebsockets, Wtx, Yawc};

/// What one can speak over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Stream for S {}

/// Receives and sends whole messages, which are binary.
pub trait Socket: Sized {
    type Message;

    /// What is to be sent, of which the application keeps its own copy.
    fn message(payload: &Bytes) -> Self::Message;

    fn payload(message: &Self::Message) -> &[u8];

    /// The next message; none when the connection has ended, however that was.
    async fn recv(&mut self) -> Option<Self::Message>;

    /// Queues a message.
    async fn feed(&mut self, message: Self::Message);

    async fn flush(&mut self);

    /// Receives, and flushes before it has to wait. Futures that may be dropped are polled once before.
    async fn recv_or_flush(&mut self) -> Option<Self::Message> {
        {
            let mut receiving = pin!(self.recv());
            let at_once = poll_fn(|cx| match receiving.as_mut().poll(cx) {
                Poll::Ready(message) => Poll::Ready(Some(message)),
                Poll::Pending => Poll::Ready(None),
            });
            if let Some(message) = at_once.await {
                return message;
            }
        }
        self.flush().await;
        self.recv().await
    }

    /// Sends back what comes, until the end.
    async fn serve(&mut self) {
        while let Some(message) = self.recv_or_flush().await {
            self.feed(message).await;
        }
    }
}

/// A socket that can be opened without a handshake.
pub trait Open<S>: Socket {
    async fn open(role: Role, stream: S) -> Self;
}
