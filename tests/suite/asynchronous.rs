//! The adapter of any asynchronous runtime, on an executor: every operation blocks.

use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use socket2::SockRef;
use ws_async_core::Runtime;
use ws_common::{AcceptError, AcceptOptions, ConnectError, ConnectOptions};
use ws_core::{
    Accept, CloseFrame, Closed, Error, Event, Message, MessageKind, MessageRef, PingError, Reject, Request,
    Responder, Response, SendError, Stats, StreamError,
};

use crate::adapter::{self, Adapter, Counting, End, Receiving, Sending, Socket};

/// An executor, and the runtime that its futures are of.
pub trait Executor: 'static {
    type Runtime: Runtime<TcpStream: 'static, TcpListener: Send + Sync>;

    fn block_on<F: Future>(future: F) -> F::Output;
    fn stream(stream: TcpStream) -> <Self::Runtime as Runtime>::TcpStream;
    fn listener(listener: TcpListener) -> <Self::Runtime as Runtime>::TcpListener;

    /// How many tasks there are.
    fn tasks() -> usize {
        0
    }
}

/// Something of the library whose futures are run by the executor `E`. With the type that stands for a runtime, the adapter.
pub struct On<E, S> {
    pub(crate) inner: S,
    executor: PhantomData<fn() -> E>,
}

impl<E, S> On<E, S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, executor: PhantomData }
    }
}

fn on<E, S, T>((socket, other): (S, T)) -> (On<E, S>, T) {
    (On::new(socket), other)
}

/// The whole connection and its half have the same methods, but no trait in common.
macro_rules! sending {
    ($type:ty, $($io:ident)::+, $close:ident) => {
        impl<E: Executor> Sending for On<E, $type> {
            fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
                use $($io)::+::AsyncWriteExt;
                E::block_on(async {
                    let mut writer = self.inner.send_stream(MessageKind::Binary).map_err(io::Error::other)?;
                    writer.write_all(bytes).await?;
                    writer.$close().await
                })
            }

            fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                E::block_on(self.inner.send(message))
            }

            fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                self.inner.try_send(message)
            }

            fn ready(&mut self) -> Result<(), SendError> {
                E::block_on(self.inner.ready())
            }

            fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                E::block_on(self.inner.feed(message))
            }

            fn flush(&mut self) -> Result<(), SendError> {
                E::block_on(self.inner.flush())
            }

            fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
                E::block_on(self.inner.ping(payload))
            }

            fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
                E::block_on(self.inner.close(frame))
            }

            fn start_close(&mut self, frame: impl Into<CloseFrame>) {
                self.inner.start_close(frame);
            }

            fn compress(&mut self, wanted: bool) {
                self.inner.compress(wanted);
            }

            fn release_compressor(&mut self) {
                self.inner.release_compressor();
            }

            fn send_fragments(
                &mut self,
                kind: MessageKind,
                fragments: impl IntoIterator<Item = Vec<u8>>,
                end: End,
            ) -> Result<(), StreamError> {
                E::block_on(async {
                    let mut writer = self.inner.send_stream(kind)?;
                    for fragment in fragments {
                        writer.write(fragment).await?;
                    }
                    if end == End::Finished { writer.finish().await } else { Ok(()) }
                })
            }
        }
    };
}

macro_rules! receiving {
    ($type:ty, $($io:ident)::+, $closed:expr) => {
        impl<E: Executor> Receiving for On<E, $type> {
            fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
                use $($io)::+::AsyncReadExt;
                E::block_on(async {
                    let mut reader = self.inner.recv_stream().await.unwrap().unwrap();
                    let mut bytes = Vec::new();
                    reader.read_to_end(&mut bytes).await.map(|_| bytes)
                })
            }

            fn recv(&mut self) -> Result<Option<Message>, Error> {
                E::block_on(self.inner.recv())
            }

            fn next_event(&mut self) -> Result<Option<Event>, Error> {
                E::block_on(self.inner.next_event())
            }

            fn for_each_borrowed(
                &mut self,
                visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
            ) -> Result<(), Error> {
                E::block_on(self.inner.for_each_borrowed(visitor))
            }

            fn recv_chunks(
                &mut self,
                mut take: impl FnMut(MessageKind, &[u8]) -> ControlFlow<()>,
            ) -> Result<bool, Error> {
                E::block_on(async {
                    let Some(mut reader) = self.inner.recv_stream().await? else { return Ok(false) };
                    let kind = reader.kind();
                    while let Some(chunk) = reader.next_chunk().await? {
                        if take(kind, &chunk).is_break() {
                            break;
                        }
                    }
                    Ok(true)
                })
            }

            fn closed(&mut self) -> Option<Closed> {
                let closed: fn(&mut $type) -> Option<Closed> = $closed;
                closed(&mut self.inner)
            }
        }
    };
}

macro_rules! counting {
    ($type:ty) => {
        impl<E: Executor> Counting for On<E, $type> {
            fn stats(&self) -> Stats {
                self.inner.stats()
            }
        }
    };
}

/// The types of an adapter are its own, so each of them has implementations of its own.
macro_rules! adapter {
    ($adapter:ident, $runtime:ident, $($io:ident)::+, $close:ident) => {
        impl<E: Executor<Runtime = $adapter::$runtime>> Adapter for On<E, $adapter::$runtime> {
            type Socket = On<E, $adapter::WebSocket>;
            type Listener = On<E, $adapter::Listener>;

            fn connect(options: ConnectOptions) -> Result<(Self::Socket, Response), ConnectError> {
                E::block_on($adapter::WebSocket::connect(options)).map(on)
            }

            fn accept_with(
                stream: TcpStream,
                options: AcceptOptions,
                decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
            ) -> Result<(Self::Socket, Request), AcceptError> {
                E::block_on($adapter::Incoming::new(E::stream(stream), options).accept_with(decide)).map(on)
            }

            fn accept(
                stream: TcpStream,
                options: AcceptOptions,
            ) -> Result<(Self::Socket, Request), AcceptError> {
                E::block_on($adapter::Incoming::new(E::stream(stream), options).accept()).map(on)
            }

            fn listen(options: AcceptOptions) -> Self::Listener {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                On::new($adapter::Listener::from_listener(E::listener(listener), options))
            }
        }

        impl<E: Executor<Runtime = $adapter::$runtime>> adapter::Listener<On<E, $adapter::WebSocket>>
            for On<E, $adapter::Listener>
        {
            fn address(&self) -> SocketAddr {
                self.inner.local_addr().unwrap()
            }

            fn accept(&self) -> Result<(On<E, $adapter::WebSocket>, Request), AcceptError> {
                E::block_on(async { self.inner.accept().await?.0.accept().await }).map(on)
            }

            fn accept_with(
                &self,
                taken: impl FnOnce(),
                decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
            ) -> Result<(On<E, $adapter::WebSocket>, Request), AcceptError> {
                let accepting = async {
                    let (incoming, _) = self.inner.accept().await?;
                    taken();
                    incoming.accept_with(decide).await
                };
                E::block_on(accepting).map(on)
            }

            fn shutdown(&self, patience: Duration) -> usize {
                E::block_on(self.inner.shutdown(patience))
            }
        }

        impl<E: Executor<Runtime = $adapter::$runtime>> Socket for On<E, $adapter::WebSocket> {
            type Sender = On<E, $adapter::Sender>;
            type Receiver = On<E, $adapter::Receiver>;

            fn split(self) -> (Self::Sender, Self::Receiver) {
                let (sender, receiver) = self.inner.split();
                (On::new(sender), On::new(receiver))
            }

            fn reunite(sender: Self::Sender, receiver: Self::Receiver) -> Option<Self> {
                sender.inner.reunite(receiver.inner).ok().map(On::new)
            }

            fn addresses_of(sender: &Self::Sender, receiver: &Self::Receiver) -> [SocketAddr; 2] {
                let sender = sender.inner.with_transport(E::Runtime::local_addr);
                let receiver = receiver.inner.with_transport(E::Runtime::local_addr);
                [sender, receiver].map(|address| address.unwrap().unwrap())
            }

            fn into_parts(self) -> Option<(TcpStream, Vec<u8>, Vec<u8>)> {
                let parts = self.inner.into_parts()?;
                let socket = E::Runtime::socket(&parts.transport).expect("a socket of the system");
                let socket = SockRef::from(&socket).try_clone().unwrap();
                socket.set_nonblocking(false).unwrap();
                Some((socket.into(), parts.read.to_vec(), parts.unsent.to_vec()))
            }

            fn deflate(&self) -> Option<String> {
                self.inner.deflate().map(|deflate| deflate.to_string())
            }

            fn look_at_socket(&self, look: impl FnOnce(&SockRef<'_>)) {
                let transport = self.inner.transport().expect("it was not reset");
                look(&SockRef::from(&E::Runtime::socket(transport).expect("a socket of the system")));
            }
        }

        counting!($adapter::WebSocket);
        counting!($adapter::Sender);
        counting!($adapter::Receiver);
        sending!($adapter::WebSocket, $($io)::+, $close);
        sending!($adapter::Sender, $($io)::+, $close);
        receiving!($adapter::WebSocket, $($io)::+, |socket| socket.closed().cloned());
        receiving!($adapter::Receiver, $($io)::+, |receiver| receiver.closed());
    };
}

adapter!(ws_tokio, Tokio, tokio::io, shutdown);
adapter!(ws_async_std, AsyncIo, smol::io, close);
