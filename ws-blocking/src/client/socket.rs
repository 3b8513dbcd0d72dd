//! The transport of a client that stays connected: a socket, or none while the client waits to reconnect.

#[cfg(unix)]
mod waker;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ws_common::sync::{Condvar, Mutex, MutexGuard, lock};
use ws_core::bytes::Bytes;

use super::stream::ClientStream;
use crate::transport::Transport;
#[cfg(unix)]
use waker::ReadWaker;

/// A transport whose socket comes and goes. While there is none, a read waits as one of a silent peer does.
pub(crate) struct ClientSocket {
    state: Mutex<SocketState>,
    /// The socket has changed, or the thread that waits for one is wanted elsewhere.
    changed: Condvar,
    /// Set once several threads may use the client: only then another thread can end a read. A read takes two more calls then.
    #[cfg(unix)]
    waker: OnceLock<ReadWaker>,
}

struct SocketState {
    socket: Option<Arc<ClientStream>>,
    read_timeout: Duration,
    write_timeout: Duration,
    /// Another thread has called [`ClientSocket::wake`], perhaps between the decision to read and the read. Then the read returns at
    /// once, and the decision is made again.
    is_wanted: bool,
}

/// The end of a stream of the user, or of its reads and writes.
pub(super) struct StreamEnd {
    socket: Arc<ClientStream>,
    last: VecDeque<Bytes>,
    resets: bool,
    /// The stream is of no more use.
    is_last: bool,
}

impl StreamEnd {
    /// Ends it now, unless that runs code of the user.
    fn unless_foreign(self) -> Option<Self> {
        if self.socket.is_foreign() {
            return Some(self);
        }
        self.run();
        None
    }

    /// Runs code of the user.
    pub(super) fn run(self) {
        self.socket.write_last(&self.last);
        if self.resets {
            self.socket.reset();
        } else if !self.is_last {
            // A peer that is gone needs no shutdown.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }
}

impl ClientSocket {
    pub(crate) fn new() -> Self {
        let patience = Duration::from_millis(1);
        let state =
            SocketState { socket: None, read_timeout: patience, write_timeout: patience, is_wanted: false };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            #[cfg(unix)]
            waker: OnceLock::new(),
        }
    }

    /// Uses this socket from now on.
    pub(super) fn connect(&self, socket: ClientStream) {
        let mut state = self.lock();
        // Some systems refuse that for a socket that the peer has reset. The next read gives the error of the socket.
        let _ = socket.set_read_timeout(state.read_timeout);
        let _ = socket.set_write_timeout(state.write_timeout);
        state.socket = Some(Arc::new(socket));
        // The thread that waits has something to write first.
        state.is_wanted = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Uses no socket any more. The last socket takes as much of `last` as it can without waiting, and is closed or reset. No
    /// thread reads from it or writes to it. A stream of the user is for the caller to end, without a lock.
    pub(super) fn disconnect(&self, last: VecDeque<Bytes>, resets: bool) -> Option<StreamEnd> {
        let socket = self.lock().socket.take();
        let ending =
            socket.and_then(|socket| StreamEnd { socket, last, resets, is_last: true }.unless_foreign());
        self.wake();
        ending
    }

    /// Ends the reads and writes that are under way. With a stream of the user, that is for the caller, without a lock.
    pub(super) fn hang_up(&self, resets: bool) -> Option<StreamEnd> {
        let end =
            |socket| StreamEnd { socket, last: VecDeque::new(), resets, is_last: false }.unless_foreign();
        let ending = self.socket().and_then(end);
        self.wake();
        ending
    }

    /// Brings back the thread that waits for a socket. A read of a socket goes on.
    pub(crate) fn wake(&self) {
        let mut state = self.lock();
        if state.socket.is_none() {
            state.is_wanted = true;
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Several threads use it from now on.
    #[cfg(unix)]
    pub(crate) fn share(&self) {
        if self.waker.get().is_none()
            && let Ok(waker) = ReadWaker::new()
        {
            // Another thread may have set one.
            let _ = self.waker.set(waker);
        }
    }

    /// Ends the read under way, or the next one, if it can: there is something for the thread that reads.
    #[cfg(unix)]
    pub(crate) fn end_read(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// There is no portable way to end a read of a socket that stays open.
    #[cfg(not(unix))]
    pub(crate) fn share(&self) {}

    /// The thread that reads is back in time for a deadline, and sees it then.
    #[cfg(not(unix))]
    pub(crate) fn end_read(&self) {}

    pub(crate) fn is_connected(&self) -> bool {
        self.lock().socket.is_some()
    }

    fn socket(&self) -> Option<Arc<ClientStream>> {
        self.lock().socket.clone()
    }

    fn lock(&self) -> MutexGuard<'_, SocketState> {
        lock(&self.state)
    }

    /// The socket to read from. An error if there is none in time, or if the caller is wanted elsewhere.
    fn wait(&self, longest: impl FnOnce(&SocketState) -> Duration) -> io::Result<Arc<ClientStream>> {
        let state = self.lock();
        let waits = |state: &mut SocketState| state.socket.is_none() && !state.is_wanted;
        let timeout = longest(&state);
        let waiting = self.changed.wait_timeout_while(state, timeout, waits);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner).0;
        if std::mem::take(&mut state.is_wanted) {
            return Err(ErrorKind::Interrupted.into());
        }
        state.socket.clone().ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Transport for ClientSocket {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut timeout = Duration::ZERO;
        let socket = self.wait(|state| {
            timeout = state.read_timeout;
            timeout
        })?;
        #[cfg(unix)]
        if let (Some(waker), Some(fd)) = (self.waker.get(), socket.socket()) {
            return waker.read(fd, |buffer| socket.try_read(buffer), buffer, timeout);
        }
        socket.read(buffer, timeout)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let (socket, timeout) = {
            let state = self.lock();
            (state.socket.clone(), state.write_timeout)
        };
        match socket {
            Some(socket) => socket.write_vectored(buffers, timeout),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(|_| Duration::ZERO)?.try_read(buffer)
    }

    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket() {
            Some(socket) => socket.try_write_vectored(buffers),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        let mut state = self.lock();
        state.read_timeout = timeout;
        state.socket.as_ref().map_or(Ok(()), |socket| socket.set_read_timeout(timeout))
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        let mut state = self.lock();
        state.write_timeout = timeout;
        state.socket.as_ref().map_or(Ok(()), |socket| socket.set_write_timeout(timeout))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().map_or(Ok(()), |socket| socket.shutdown(how))
    }
}
