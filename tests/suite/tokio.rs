//! tokio, with two threads.

use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

use crate::asynchronous::{Executor, On};

/// The adapter.
pub type Tokio = On<TwoThreads, ws_tokio::Tokio>;

/// Its client.
pub type Client = On<TwoThreads, ws_tokio::Client>;

pub struct TwoThreads;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

impl Executor for TwoThreads {
    type Runtime = ws_tokio::Tokio;

    fn block_on<F: Future>(future: F) -> F::Output {
        RUNTIME.block_on(future)
    }

    fn stream(stream: TcpStream) -> tokio::net::TcpStream {
        stream.set_nonblocking(true).unwrap();
        let _entered = RUNTIME.enter();
        tokio::net::TcpStream::from_std(stream).unwrap()
    }

    fn listener(listener: TcpListener) -> tokio::net::TcpListener {
        listener.set_nonblocking(true).unwrap();
        let _entered = RUNTIME.enter();
        tokio::net::TcpListener::from_std(listener).unwrap()
    }

    fn tasks() -> usize {
        RUNTIME.metrics().num_alive_tasks()
    }
}
