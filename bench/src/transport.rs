//! A transport in memory: reads repeat prepared frames, writes vanish and are counted.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that one read gives, like a socket's receive buffer that is never found fuller.
const CHUNK: usize = 16 * 1024;

/// The stream that a contender reads from and writes to. It always takes what is written, and has something to read until
/// everything was read; then the peer is silent, but there.
pub struct Pipe {
    frames: Bytes,
    position: usize,
    remaining: usize,
    /// The most that one read gives.
    most: usize,
    /// Whether each read has to wait once, as at a socket that was read empty.
    waits: bool,
    has_waited: bool,
    outlet: Rc<Outlet>,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Outlet {
    bytes: Cell<usize>,
    writes: Cell<usize>,
    kept: RefCell<Option<Vec<u8>>>,
}

impl Pipe {
    /// Gives `len` bytes in all, repeating `frames`.
    pub fn new(frames: Bytes, len: usize, outlet: Rc<Outlet>) -> Self {
        Pipe { frames, position: 0, remaining: len, most: CHUNK, waits: false, has_waited: false, outlet }
    }

    /// Gives at most `len` bytes at a time, and each time only when it is polled again.
    pub fn in_reads_of(mut self, len: usize) -> Self {
        self.most = len;
        self.waits = true;
        self
    }

    /// Whoever polls is not woken, but polls again.
    #[inline]
    fn has_to_wait(&mut self) -> bool {
        if self.remaining == 0 {
            return true;
        }
        self.has_waited = self.waits && !self.has_waited;
        self.has_waited
    }

    #[inline]
    fn pull(&mut self, room: usize, mut put: impl FnMut(&[u8])) {
        let mut wanted = room.min(self.most).min(self.remaining);
        self.remaining -= wanted;
        while wanted > 0 {
            let chunk = wanted.min(self.frames.len() - self.position);
            put(&self.frames[self.position..self.position + chunk]);
            wanted -= chunk;
            self.position += chunk;
            if self.position == self.frames.len() {
                self.position = 0;
            }
        }
    }

    #[inline]
    fn push(&mut self, chunks: &[IoSlice<'_>]) -> usize {
        let len = chunks.iter().map(|chunk| chunk.len()).sum();
        self.outlet.bytes.set(self.outlet.bytes.get() + len);
        self.outlet.writes.set(self.outlet.writes.get() + 1);
        if let Some(kept) = self.outlet.kept.borrow_mut().as_mut() {
            chunks.iter().for_each(|chunk| kept.extend_from_slice(chunk));
        }
        len
    }
}

impl Outlet {
    /// Keeps what is written, which a measured run does not.
    pub fn keeping() -> Self {
        Outlet { kept: RefCell::new(Some(Vec::new())), ..Outlet::default() }
    }

    pub fn into_kept(self) -> Vec<u8> {
        self.kept.into_inner().unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    pub fn writes(&self) -> usize {
        self.writes.get()
    }
}

impl AsyncRead for Pipe {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_to_wait() {
            return Poll::Pending;
        }
        let room = buf.remaining();
        self.pull(room, |chunk| buf.put_slice(chunk));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.push(&[IoSlice::new(buf)])))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.push(bufs)))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Read for Pipe {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.remaining == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut filled = 0;
        self.pull(buf.len(), |chunk| {
            buf[filled..filled + chunk.len()].copy_from_slice(chunk);
            filled += chunk.len();
        });
        Ok(filled)
    }
}

impl Write for Pipe {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(self.push(&[IoSlice::new(buf)]))
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.push(bufs))
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl wtx::stream::StreamReader for Pipe {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        poll_fn(|_| if self.has_to_wait() { Poll::Pending } else { Poll::Ready(()) }).await;
        Ok(Read::read(self, bytes)?)
    }
}

impl wtx::stream::StreamWriter for Pipe {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.push(&[IoSlice::new(bytes)]);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, bytes: &[&[u8]]) -> wtx::Result<()> {
        // More than the header and the payload of a frame is never written at once.
        match bytes {
            [one] => self.push(&[IoSlice::new(one)]),
            [one, two] => self.push(&[IoSlice::new(one), IoSlice::new(two)]),
            more => more.iter().map(|chunk| self.push(&[IoSlice::new(chunk)])).sum(),
        };
        Ok(())
    }
}
