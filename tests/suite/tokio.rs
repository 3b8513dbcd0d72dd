//! tokio, with two threads.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use ws_tokio::Resettable;

use crate::asynchronous::{Executor, On};
use crate::clients::supplied::{Stream, Supplied};

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

/// The stream of a connector, as tokio's own. It is called in a task of the runtime.
pub fn connected(supplied: Supplied) -> io::Result<ws_tokio::Connected> {
    let own = Own { is_secure: supplied.is_secure };
    let connected = match supplied.stream {
        Stream::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            own.stream(tokio::net::TcpStream::from_std(stream)?)
        }
        #[cfg(unix)]
        Stream::Unix(stream) => {
            stream.set_nonblocking(true)?;
            own.stream(tokio::net::UnixStream::from_std(stream)?)
        }
        Stream::Memory(pipe) => own.stream(Resettable::new(pipe, |pipe| pipe.break_off())),
    };
    Ok(supplied.peer.into_iter().fold(connected, ws_tokio::Connected::peer))
}

struct Own {
    is_secure: bool,
}

impl Own {
    fn stream(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> ws_tokio::Connected {
        // A stream alone becomes one, too.
        if self.is_secure { ws_tokio::Connected::secure(stream) } else { stream.into() }
    }
}
