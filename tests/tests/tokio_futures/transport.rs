//! A transport in memory that does what a script says.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use suite::wire::{self, RawFrame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant as Clock;
use ws_core::bytes::BytesMut;
use ws_core::{Config, Connection, Instant, Random, Role};
use ws_tokio::WebSocket;

/// The end that a connection holds. A clone is the same transport, for the test to look at.
#[derive(Clone, Default)]
pub(crate) struct Transport(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// What comes in: each is given by one read, unless `step` cuts it.
    pub(crate) input: VecDeque<Vec<u8>>,
    /// Given again and again, once `input` is empty.
    pub(crate) endless: Vec<u8>,
    pub(crate) eof: bool,
    pub(crate) output: Vec<u8>,
    /// At most so many bytes at a time, and every other call pends first. 0: everything at once.
    step: usize,
    has_pended: [bool; 4],
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    /// So many more bytes are taken, if there is a limit; then a write pends.
    pub(crate) room: Option<usize>,
    /// The addresses of what was written.
    pub(crate) written_from: Vec<usize>,
    waiting: Option<Waker>,
    writing: Option<Waker>,
}

impl Transport {
    /// Takes and gives everything at once.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes and gives at most `step` bytes at a time, and pends before each time.
    pub(crate) fn stuttering(step: usize) -> Self {
        let transport = Self::new();
        transport.state().step = step;
        transport
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets something come in.
    pub(crate) fn give(&self, bytes: Vec<u8>) {
        let mut state = self.state();
        state.input.push_back(bytes);
        state.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) fn end(&self) {
        self.state().eof = true;
    }

    /// From now on, it takes only so many bytes more.
    pub(crate) fn take_only(&self, bytes: usize) {
        let mut state = self.state();
        state.room = Some(bytes);
        let waker = state.writing.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether this is the last handle to it.
    pub(crate) fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// An open connection over it, whose peer has the other role.
    pub(crate) fn connection(&self, role: Role, config: &Config) -> WebSocket<Self> {
        let random = Random::from_seed([7; 32]);
        let connection = Connection::after_handshake(role, config, random, BytesMut::new(), Instant::EPOCH);
        WebSocket::from_connection(self.clone(), connection, Clock::now())
    }

    /// The frames that went out, and nothing but whole ones.
    pub(crate) fn frames(&self) -> Vec<RawFrame> {
        let mut bytes = self.state().output.clone();
        let frames = std::iter::from_fn(|| wire::take_frame(&mut bytes)).collect();
        assert_eq!(bytes, b"", "a frame is cut");
        frames
    }
}

#[derive(Clone, Copy)]
enum Call {
    Read,
    Write,
    Flush,
    Shutdown,
}

impl State {
    /// Pends every other time, if it stutters; it is ready again at once.
    fn stutter(&mut self, call: Call, cx: &Context<'_>) -> Poll<()> {
        let has_pended = &mut self.has_pended[call as usize];
        *has_pended = self.step > 0 && !*has_pended;
        if *has_pended {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Pends while there is no room for what is written.
    fn has_room(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.room == Some(0) {
            self.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn limit(&self) -> usize {
        if self.step > 0 { self.step } else { usize::MAX }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.limit()).min(self.room.unwrap_or(usize::MAX));
        self.room = self.room.map(|room| room - n);
        self.output.extend_from_slice(&bytes[..n]);
        self.written_from.push(bytes.as_ptr().addr());
        n
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.state();
        state.reads += 1;
        assert!(state.reads < 100_000, "the reads never end");
        if state.stutter(Call::Read, cx).is_pending() {
            return Poll::Pending;
        }
        let limit = state.limit().min(buf.remaining());
        let Some(first) = state.input.front_mut() else {
            if !state.endless.is_empty() {
                let n = state.endless.len().min(limit);
                buf.put_slice(&state.endless[..n]);
            } else if !state.eof {
                state.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
            return Poll::Ready(Ok(()));
        };
        let n = first.len().min(limit);
        buf.put_slice(&first[..n]);
        first.drain(..n);
        if first.is_empty() {
            state.input.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let state = &mut *self.state();
        if state.stutter(Call::Write, cx).is_pending() || state.has_room(cx).is_pending() {
            return Poll::Pending;
        }
        state.writes += 1;
        Poll::Ready(Ok(state.write(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.state();
        if state.stutter(Call::Write, cx).is_pending() || state.has_room(cx).is_pending() {
            return Poll::Pending;
        }
        state.writes += 1;
        let mut written = 0;
        for slice in slices {
            let n = state.write(slice);
            written += n;
            if n < slice.len() {
                break;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().stutter(Call::Flush, cx).map(Ok)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().stutter(Call::Shutdown, cx).map(Ok)
    }
}
