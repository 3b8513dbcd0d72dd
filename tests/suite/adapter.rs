//! What every adapter can do, in blocking style.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use socket2::SockRef;
use ws_common::{AcceptError, AcceptOptions, ConnectError, ConnectOptions};
use ws_core::{
    Accept, CloseFrame, Closed, Error, Event, Message, MessageKind, MessageRef, PingError, Reject, Request,
    Responder, Response, SendError, Stats, StreamError,
};

use crate::tls::Site;

/// The library for one runtime. An asynchronous one blocks on every operation.
pub trait Adapter: 'static {
    type Socket: Socket;
    type Listener: Listener<Self::Socket>;

    /// Whose TLS both ends of a [`pair`](crate::ends::pair) speak, if any.
    fn site() -> Option<&'static Site> {
        None
    }

    fn connect(options: ConnectOptions) -> Result<(Self::Socket, Response), ConnectError>;

    /// Accepts a client on a connection that `TcpListener` gave.
    fn accept_with(
        transport: TcpStream,
        options: AcceptOptions,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(Self::Socket, Request), AcceptError>;

    /// The same without looking at the request.
    fn accept(transport: TcpStream, options: AcceptOptions) -> Result<(Self::Socket, Request), AcceptError>;

    /// Listens on a free port of the loopback interface.
    fn listen(options: AcceptOptions) -> Self::Listener;
}

pub trait Listener<S>: Send + Sync + 'static {
    fn address(&self) -> SocketAddr;
    /// Takes the next client, and its handshake.
    fn accept(&self) -> Result<(S, Request), AcceptError>;
    /// The same step by step: calls `taken` once the client is taken, and lets `decide` look at its request.
    fn accept_with(
        &self,
        taken: impl FnOnce(),
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(S, Request), AcceptError>;
    fn shutdown(&self, patience: Duration) -> usize;
}

/// A whole connection.
pub trait Socket: Sending + Receiving {
    type Sender: Sending;
    type Receiver: Receiving;

    fn split(self) -> (Self::Sender, Self::Receiver);
    fn reunite(sender: Self::Sender, receiver: Self::Receiver) -> Option<Self>
    where
        Self: Sized;
    /// The local addresses that the transports of the halves tell.
    fn addresses_of(sender: &Self::Sender, receiver: &Self::Receiver) -> [SocketAddr; 2];
    /// The socket of the system, the bytes that were read, and unsent bytes.
    fn into_parts(self) -> Option<(TcpStream, Vec<u8>, Vec<u8>)>;
    /// What was negotiated, as text.
    fn deflate(&self) -> Option<String>;
    /// Shows the socket of the system.
    fn look_at_socket(&self, look: impl FnOnce(&SockRef<'_>));
}

/// A connection, or a half of it.
pub trait Counting {
    fn stats(&self) -> Stats;
}

pub trait Sending: Counting + Send + 'static {
    fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError>;
    fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError>;
    fn ready(&mut self) -> Result<(), SendError>;
    fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError>;
    fn flush(&mut self) -> Result<(), SendError>;
    fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError>;
    fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed;
    fn start_close(&mut self, frame: impl Into<CloseFrame>);
    fn compress(&mut self, wanted: bool);
    fn release_compressor(&mut self);

    /// Writes a binary message by the traits for streams of bytes.
    fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Sends a message in fragments, and finishes it or drops the writer.
    fn send_fragments(
        &mut self,
        kind: MessageKind,
        fragments: impl IntoIterator<Item = Vec<u8>>,
        end: End,
    ) -> Result<(), StreamError>;
}

/// What becomes of a streamed message after its last fragment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Finished,
    Dropped,
}

pub trait Receiving: Counting + Send + 'static {
    fn recv(&mut self) -> Result<Option<Message>, Error>;
    fn next_event(&mut self) -> Result<Option<Event>, Error>;
    fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error>;
    /// Reads the next message by the traits for streams of bytes.
    fn read_bytes(&mut self) -> io::Result<Vec<u8>>;

    /// Shows the chunks of the next message as they come; if `take` breaks off, the reader is dropped. Whether there was
    /// a message.
    fn recv_chunks(&mut self, take: impl FnMut(MessageKind, &[u8]) -> ControlFlow<()>)
    -> Result<bool, Error>;
    fn closed(&mut self) -> Option<Closed>;
}
