//! The blocking adapter.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use socket2::SockRef;
use ws_blocking::{Incoming, Listener, Receiver, Sender, WebSocket};
use ws_common::{AcceptError, AcceptOptions, ConnectError, ConnectOptions};
use ws_core::{
    Accept, CloseFrame, Closed, Error, Event, Message, MessageKind, MessageRef, PingError, Reject, Request,
    Responder, Response, SendError, Stats, StreamError,
};

use crate::adapter::{self, Adapter, Counting, End, Receiving, Sending, Socket};

pub struct Blocking;

impl Adapter for Blocking {
    type Socket = WebSocket;
    type Listener = Listener;

    fn connect(options: ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
        WebSocket::connect(options)
    }

    fn accept_with(
        transport: TcpStream,
        options: AcceptOptions,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket, Request), AcceptError> {
        Incoming::new(transport, options).accept_with(decide)
    }

    fn accept(transport: TcpStream, options: AcceptOptions) -> Result<(WebSocket, Request), AcceptError> {
        Incoming::new(transport, options).accept()
    }

    fn listen(options: AcceptOptions) -> Listener {
        Listener::from_listener(TcpListener::bind("127.0.0.1:0").unwrap(), options)
    }
}

impl adapter::Listener<WebSocket> for Listener {
    fn address(&self) -> SocketAddr {
        self.local_addr().unwrap()
    }

    fn accept(&self) -> Result<(WebSocket, Request), AcceptError> {
        self.accept()?.0.accept()
    }

    fn accept_with(
        &self,
        taken: impl FnOnce(),
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket, Request), AcceptError> {
        let (incoming, _) = self.accept()?;
        taken();
        incoming.accept_with(decide)
    }

    fn shutdown(&self, patience: Duration) -> usize {
        self.shutdown(patience)
    }
}

impl Socket for WebSocket {
    type Sender = Sender<TcpStream>;
    type Receiver = Receiver<TcpStream>;

    fn split(self) -> (Self::Sender, Self::Receiver) {
        self.split()
    }

    fn reunite(sender: Self::Sender, receiver: Self::Receiver) -> Option<Self> {
        sender.reunite(receiver).ok()
    }

    fn addresses_of(sender: &Self::Sender, receiver: &Self::Receiver) -> [SocketAddr; 2] {
        [sender.transport(), receiver.transport()].map(|transport| transport.local_addr().unwrap())
    }

    fn into_parts(self) -> Option<(TcpStream, Vec<u8>, Vec<u8>)> {
        let parts = self.into_parts()?;
        parts.transport.set_read_timeout(None).unwrap();
        Some((parts.transport, parts.read.to_vec(), parts.unsent.to_vec()))
    }

    fn deflate(&self) -> Option<String> {
        self.deflate().map(|deflate| deflate.to_string())
    }

    fn look_at_socket(&self, look: impl FnOnce(&SockRef<'_>)) {
        look(&SockRef::from(self.transport()));
    }
}

/// The whole connection and its half have the same methods, but no trait in common.
macro_rules! sending {
    ($type:ty) => {
        impl Sending for $type {
            fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
                let mut writer = self.send_stream(MessageKind::Binary).map_err(io::Error::other)?;
                writer.write_all(bytes)?;
                writer.finish().map_err(io::Error::other)
            }

            fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                self.send(message)
            }

            fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                self.try_send(message)
            }

            fn ready(&mut self) -> Result<(), SendError> {
                self.ready()
            }

            fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
                self.feed(message)
            }

            fn flush(&mut self) -> Result<(), SendError> {
                self.flush()
            }

            fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
                self.ping(payload)
            }

            fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
                self.close(frame)
            }

            fn start_close(&mut self, frame: impl Into<CloseFrame>) {
                self.start_close(frame);
            }

            fn compress(&mut self, wanted: bool) {
                self.compress(wanted);
            }

            fn release_compressor(&mut self) {
                self.release_compressor();
            }

            fn send_fragments(
                &mut self,
                kind: MessageKind,
                fragments: impl IntoIterator<Item = Vec<u8>>,
                end: End,
            ) -> Result<(), StreamError> {
                let mut writer = self.send_stream(kind)?;
                for fragment in fragments {
                    writer.write(fragment)?;
                }
                if end == End::Finished { writer.finish() } else { Ok(()) }
            }
        }
    };
}

macro_rules! receiving {
    ($type:ty) => {
        impl Receiving for $type {
            fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
                let mut reader = self.recv_stream().unwrap().unwrap();
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map(|_| bytes)
            }

            fn recv(&mut self) -> Result<Option<Message>, Error> {
                self.recv()
            }

            fn next_event(&mut self) -> Result<Option<Event>, Error> {
                self.next_event()
            }

            fn for_each_borrowed(
                &mut self,
                visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
            ) -> Result<(), Error> {
                self.for_each_borrowed(visitor)
            }

            fn recv_chunks(
                &mut self,
                mut take: impl FnMut(MessageKind, &[u8]) -> ControlFlow<()>,
            ) -> Result<bool, Error> {
                let Some(mut reader) = self.recv_stream()? else { return Ok(false) };
                let kind = reader.kind();
                while let Some(chunk) = reader.next_chunk()? {
                    if take(kind, &chunk).is_break() {
                        break;
                    }
                }
                Ok(true)
            }

            fn closed(&mut self) -> Option<Closed> {
                Self::closed(self)
            }
        }
    };
}

macro_rules! counting {
    ($type:ty) => {
        impl Counting for $type {
            fn stats(&self) -> Stats {
                self.stats()
            }
        }
    };
}

counting!(WebSocket);
counting!(Sender<TcpStream>);
counting!(Receiver<TcpStream>);
sending!(WebSocket);
sending!(Sender<TcpStream>);
receiving!(WebSocket);
receiving!(Receiver<TcpStream>);
