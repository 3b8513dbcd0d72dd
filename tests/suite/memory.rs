//! A pipe in memory: one end is a transport of every runtime, and the other leads to a server.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use smol::io::{AsyncRead, AsyncWrite};
use ws_blocking::Transport;

/// The longest wait of the end that leads to the server.
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of a pipe. Dropped, it ends both directions.
pub struct Pipe {
    incoming: Arc<Flow>,
    outgoing: Arc<Flow>,
    read_timeout: Mutex<Duration>,
    was_reset: Arc<AtomicBool>,
}

/// One direction. It takes any number of bytes.
#[derive(Default)]
struct Flow {
    state: Mutex<FlowState>,
    changed: Condvar,
}

#[derive(Default)]
struct FlowState {
    bytes: VecDeque<u8>,
    has_ended: bool,
    waker: Option<Waker>,
}

impl Flow {
    fn change<R>(&self, change: impl FnOnce(&mut FlowState) -> R) -> R {
        let mut state = self.state.lock().unwrap();
        let result = change(&mut state);
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        waker.into_iter().for_each(Waker::wake);
        result
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.change(|state| {
            if state.has_ended {
                return Err(ErrorKind::BrokenPipe.into());
            }
            state.bytes.extend(bytes);
            Ok(bytes.len())
        })
    }

    fn end(&self) {
        self.change(|state| state.has_ended = true);
    }

    fn read(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let state = self.state.lock().unwrap();
        let waits = |state: &mut FlowState| state.bytes.is_empty() && !state.has_ended;
        let (mut state, timed_out) = self.changed.wait_timeout_while(state, timeout, waits).unwrap();
        if timed_out.timed_out() { Err(ErrorKind::WouldBlock.into()) } else { state.bytes.read(buffer) }
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().unwrap();
        if state.bytes.is_empty() && !state.has_ended {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(state.bytes.read(buffer))
    }
}

impl Pipe {
    /// Two ends.
    fn pair() -> (Self, Self) {
        let [one, other] = [(); 2].map(|()| Arc::new(Flow::default()));
        let end = |incoming: &Arc<Flow>, outgoing: &Arc<Flow>| Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            read_timeout: Mutex::new(PATIENCE),
            was_reset: Arc::default(),
        };
        (end(&one, &other), end(&other, &one))
    }

    /// An end whose other end leads to the server at this address.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        let mut server = TcpStream::connect(address)?;
        let (near, far) = Self::pair();
        let far = Arc::new(far);
        let (other_server, other_far) = (server.try_clone()?, far.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = far.incoming.read(&mut buffer, PATIENCE) {
                if server.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
            let _ = server.shutdown(Shutdown::Write);
        });
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = other_server.read(&mut buffer) {
                if other_far.outgoing.write(&buffer[..n]).is_err() {
                    break;
                }
            }
            other_far.outgoing.end();
        });
        Ok(near)
    }

    /// Whether the library has reset it, also when it is gone.
    pub fn was_reset(&self) -> Arc<AtomicBool> {
        self.was_reset.clone()
    }

    /// The library resets it.
    pub fn break_off(&self) {
        self.was_reset.store(true, SeqCst);
        self.incoming.end();
        self.outgoing.end();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.incoming.end();
        self.outgoing.end();
    }
}

impl Transport for Pipe {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let timeout = *self.read_timeout.lock().unwrap();
        self.incoming.read(buffer, timeout)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.outgoing.write(buffers.first().map_or(&[], |buffer| &**buffer))
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        *self.read_timeout.lock().unwrap() = timeout;
        Ok(())
    }

    fn set_write_timeout(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Write {
            self.incoming.end();
        }
        if how != Shutdown::Read {
            self.outgoing.end();
        }
        Ok(())
    }

    fn reset(&self) {
        self.break_off();
    }
}

/// A transport of async-io.
impl ws_async_std::Transport for Pipe {
    fn reset(self) {
        self.break_off();
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.incoming.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.outgoing.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end();
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.incoming.poll_read(cx, buffer.initialize_unfilled());
        read.map_ok(|n| buffer.advance(n))
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_close(self, cx)
    }
}
