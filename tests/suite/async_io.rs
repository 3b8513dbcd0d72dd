//! async-io, on either of its executors.

use std::net::{TcpListener, TcpStream};

use ws_async_std::async_io::Async;

use crate::asynchronous::{Executor, On};

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
