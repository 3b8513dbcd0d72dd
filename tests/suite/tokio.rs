//! The tokio adapter: every operation blocks on a runtime with two threads.

use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use ws_client::{AcceptError, AcceptOptions, ConnectError, ConnectOptions};
use ws_core::bytes::Bytes;
use ws_core::{
    Accept, CloseFrame, Closed, Error, Event, Kind, Message, MessageRef, PingError, Reject, Reply, Request,
    Response, SendError, StreamError,
};
use ws_tokio::{Incoming, Listener, Receiver, Sender, WebSocket};

use crate::adapter::{self, Adapter, End, Receiving, Sending, Socket};

pub struct Tokio;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

fn transport(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    let _entered = RUNTIME.enter();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

impl Adapter for Tokio {
    type Socket = WebSocket;
    type Listener = Listener;

    fn connect(options: ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
        block_on(WebSocket::connect(options))
    }

    fn accept_with(
        stream: TcpStream,
        options: AcceptOptions,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket, Request), AcceptError> {
        block_on(Incoming::new(transport(stream), options).accept_with(decide))
    }

    fn accept(stream: TcpStream, options: AcceptOptions) -> Result<(WebSocket, Request), AcceptError> {
        block_on(Incoming::new(transport(stream), options).accept())
    }

    fn listen(options: AcceptOptions) -> Listener {
        let listener = block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        Listener::from_listener(listener, options)
    }
}

impl adapter::Listener<WebSocket> for Listener {
    fn address(&self) -> SocketAddr {
        self.local_addr().unwrap()
    }

    fn accept(&self) -> Result<(WebSocket, Request), AcceptError> {
        block_on(async { self.accept().await?.0.accept().await })
    }

    fn shutdown(&self, patience: Duration) -> usize {
        block_on(self.shutdown(patience))
    }
}

impl Socket for WebSocket {
    type Sender = Sender<tokio::net::TcpStream>;
    type Receiver = Receiver<tokio::net::TcpStream>;

    fn split(self) -> (Self::Sender, Self::Receiver) {
        self.split()
    }
}

/// The whole connection and its half have the same methods, but no trait in common.
macro_rules! sending {
    ($type:ty) => {
        impl Sending for $type {
            fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                block_on(self.send(message))
            }

            fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                self.try_send(message)
            }

            fn ready(&mut self) -> Result<(), SendError> {
                block_on(self.ready())
            }

            fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                block_on(self.feed(message))
            }

            fn flush(&mut self) -> Result<(), SendError> {
                block_on(self.flush())
            }

            fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), PingError> {
                block_on(self.ping(payload))
            }

            fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
                block_on(self.close(frame))
            }

            fn start_close(&mut self, frame: impl Into<CloseFrame>) {
                self.start_close(frame);
            }

            fn send_parts(
                &mut self,
                kind: Kind,
                parts: impl IntoIterator<Item = Vec<u8>>,
                end: End,
            ) -> Result<(), StreamError> {
                block_on(async {
                    let mut writer = self.send_stream(kind)?;
                    for part in parts {
                        writer.write(part).await?;
                    }
                    if end == End::Finished { writer.finish().await } else { Ok(()) }
                })
            }
        }
    };
}

macro_rules! receiving {
    ($type:ty, $closed:expr) => {
        impl Receiving for $type {
            fn recv(&mut self) -> Result<Option<Message>, Error> {
                block_on(self.recv())
            }

            fn next(&mut self) -> Result<Option<Event>, Error> {
                block_on(self.next())
            }

            fn visit(
                &mut self,
                visitor: impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> ControlFlow<()>,
            ) -> Result<(), Error> {
                block_on(self.visit(visitor))
            }

            fn recv_pieces(
                &mut self,
                mut take: impl FnMut(Kind, &[u8]) -> ControlFlow<()>,
            ) -> Result<bool, Error> {
                block_on(async {
                    let Some(mut reader) = self.recv_stream().await? else { return Ok(false) };
                    let kind = reader.kind();
                    while let Some(piece) = reader.next().await? {
                        if take(kind, &piece).is_break() {
                            break;
                        }
                    }
                    Ok(true)
                })
            }

            fn closed(&mut self) -> Option<Closed> {
                let closed: fn(&mut Self) -> Option<Closed> = $closed;
                closed(self)
            }
        }
    };
}

sending!(WebSocket);
sending!(Sender<tokio::net::TcpStream>);
receiving!(WebSocket, |socket| Self::closed(socket).cloned());
receiving!(Receiver<tokio::net::TcpStream>, |receiver| Self::closed(receiver));
