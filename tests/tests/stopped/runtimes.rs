//! Many connections at once on each runtime: the peer's other end echoes.

use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{LazyLock, mpsc};
use std::thread;

use tokio::runtime;
use ws_async_std::async_io::Async;
use ws_common::{AcceptOptions, ConnectOptions, system::buffer_pool};

/// Stack of a thread, in bytes.
const STACK: usize = 256 * 1024;

pub(crate) trait Runtime {
    const NAME: &'static str;

    /// Accepts a client beside others, and echoes.
    fn serve(stream: TcpStream, options: AcceptOptions);

    /// Connects beside others, and echoes.
    fn connect(options: ConnectOptions);

    /// Lets the threads that serve give back the buffers that they keep for all connections, which are counted for none.
    fn release();
}

pub(crate) struct Tokio;
pub(crate) struct Smol;
pub(crate) struct AsyncStd;
pub(crate) struct Threads;

static TOKIO: LazyLock<runtime::Runtime> =
    LazyLock::new(|| runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// The body of a task. Each runtime has types of its own.
macro_rules! task {
    ($opening:expr) => {
        async move {
            let Ok((mut socket, _)) = $opening.await else { return };
            while let Ok(Some(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        }
    };
}

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    fn serve(stream: TcpStream, options: AcceptOptions) {
        stream.set_nonblocking(true).unwrap();
        let _entered = TOKIO.enter();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let incoming: ws_tokio::Incoming = ws_tokio::Incoming::new(stream, options);
        TOKIO.spawn(task!(incoming.accept()));
    }

    fn connect(options: ConnectOptions) {
        TOKIO.spawn(task!(<ws_tokio::WebSocket>::connect(options)));
    }

    fn release() {
        TOKIO.block_on(TOKIO.spawn(async { buffer_pool::release() })).unwrap();
    }
}

impl Runtime for Smol {
    const NAME: &'static str = "smol";

    fn serve(stream: TcpStream, options: AcceptOptions) {
        let incoming = ws_async_std::Incoming::new(Async::new(stream).unwrap(), options);
        smol::spawn(task!(incoming.accept())).detach();
    }

    fn connect(options: ConnectOptions) {
        smol::spawn(task!(<ws_async_std::WebSocket>::connect(options))).detach();
    }

    fn release() {
        smol::block_on(smol::spawn(async { buffer_pool::release() }));
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One thread of async-std. Its executor has several threads, each with a pool of buffers.
static ASYNC_STD: LazyLock<smol::channel::Sender<Task>> = LazyLock::new(|| {
    let (sender, receiver) = smol::channel::unbounded::<Task>();
    thread::spawn(move || {
        let tasks = smol::LocalExecutor::new();
        async_std::task::block_on(tasks.run(async {
            while let Ok(task) = receiver.recv().await {
                tasks.spawn(task).detach();
            }
        }));
    });
    sender
});

impl AsyncStd {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        ASYNC_STD.try_send(Box::pin(task)).unwrap();
    }
}

impl Runtime for AsyncStd {
    const NAME: &'static str = "async-std";

    fn serve(stream: TcpStream, options: AcceptOptions) {
        let incoming = ws_async_std::Incoming::new(Async::new(stream).unwrap(), options);
        Self::spawn(task!(incoming.accept()));
    }

    fn connect(options: ConnectOptions) {
        Self::spawn(task!(<ws_async_std::WebSocket>::connect(options)));
    }

    fn release() {
        let (done, waiting) = mpsc::channel();
        Self::spawn(async move {
            buffer_pool::release();
            done.send(()).unwrap();
        });
        waiting.recv().unwrap();
    }
}

impl Runtime for Threads {
    const NAME: &'static str = "threads";

    fn serve(stream: TcpStream, options: AcceptOptions) {
        spawn(move || Ok(ws_blocking::Incoming::new(stream, options).accept().map_err(drop)?.0));
    }

    fn connect(options: ConnectOptions) {
        spawn(move || Ok(ws_blocking::WebSocket::connect(options).map_err(drop)?.0));
    }

    fn release() {}
}

fn spawn(open: impl FnOnce() -> Result<ws_blocking::WebSocket, ()> + Send + 'static) {
    let echo = move || {
        let Ok(mut socket) = open() else { return };
        while let Ok(Some(message)) = socket.recv() {
            if socket.send(message).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(echo).unwrap();
}
