//! async-io, on either of its executors.

use std::io;
use std::net::{TcpListener, TcpStream};

use ws_async_std::async_io::Async;
use ws_async_std::{Connected, Transport};

use crate::asynchronous::{Executor, On};
use crate::clients::supplied::{Stream, Supplied};

/// The adapter on async-std's executor.
pub type AsyncStd = On<AsyncStdTask, ws_async_std::AsyncIo>;

/// Its client.
pub type AsyncStdClient = On<AsyncStdTask, ws_async_std::Client>;

/// The adapter on smol's executor.
pub type Smol = On<SmolTask, ws_async_std::AsyncIo>;

/// Its client.
pub type SmolClient = On<SmolTask, ws_async_std::Client>;

pub struct AsyncStdTask;
pub struct SmolTask;

impl Executor for AsyncStdTask {
    type Runtime = ws_async_std::AsyncIo;

    fn block_on<F: Future>(future: F) -> F::Output {
        async_std::task::block_on(future)
    }

    fn stream(stream: TcpStream) -> Async<TcpStream> {
        Async::new(stream).unwrap()
    }

    fn listener(listener: TcpListener) -> Async<TcpListener> {
        Async::new(listener).unwrap()
    }
}

impl Executor for SmolTask {
    type Runtime = ws_async_std::AsyncIo;

    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(future)
    }

    fn stream(stream: TcpStream) -> Async<TcpStream> {
        Async::new(stream).unwrap()
    }

    fn listener(listener: TcpListener) -> Async<TcpListener> {
        Async::new(listener).unwrap()
    }
}

/// The stream of a connector, as async-io's own.
pub fn connected(supplied: Supplied) -> io::Result<Connected> {
    let own = Own { is_secure: supplied.is_secure };
    let connected = match supplied.stream {
        Stream::Tcp(stream) => own.stream(Async::new(stream)?),
        #[cfg(unix)]
        Stream::Unix(stream) => own.stream(Async::new(stream)?),
        Stream::Memory(pipe) => own.stream(pipe),
    };
    Ok(supplied.peer.into_iter().fold(connected, Connected::peer))
}

struct Own {
    is_secure: bool,
}

impl Own {
    fn stream(&self, stream: impl Transport + Send + 'static) -> Connected {
        // A stream alone becomes one, too.
        if self.is_secure { Connected::secure(stream) } else { stream.into() }
    }
}
