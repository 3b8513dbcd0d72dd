//! The transport of a client that stays connected: a socket, or none while the client waits to reconnect.

#[cfg(unix)]
mod waker;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ws_common::sync::{Condvar, Mutex, MutexGuard, lock};
use ws_core::bytes::Bytes;

use crate::call::write;
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
    socket: Option<Arc<TcpStream>>,
    read_timeout: Duration,
    write_timeout: Duration,
    /// Another thread has called [`ClientSocket::wake`], perhaps between the decision to read and the read. Then the read returns at
    /// once, and the decision is made again.
    is_wanted: bool,
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
    pub(crate) fn connect(&self, socket: TcpStream) {
        let mut state = self.lock();
        // Some systems refuse that for a socket that the peer has reset. The next read gives the error of the socket.
        let _ = socket.set_read_timeout(Some(state.read_timeout));
        let _ = socket.set_write_timeout(Some(state.write_timeout));
        state.socket = Some(Arc::new(socket));
        // The thread that waits has something to write first.
        state.is_wanted = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Uses no socket any more. The last socket takes as much of `last` as it can without waiting, and is closed or reset. No
    /// thread reads from it or writes to it.
    pub(crate) fn disconnect(&self, last: &VecDeque<Bytes>, resets: bool) {
        if let Some(socket) = self.lock().socket.take() {
            if !last.is_empty() && socket.set_nonblocking(true).is_ok() {
                // A peer that is gone need not be told.
                let _ = write(last, |slices| Transport::write_vectored(&*socket, slices));
            }
            if resets {
                Transport::reset(&*socket);
            }
        }
        self.wake();
    }

    /// Ends the reads and writes that are under way.
    pub(crate) fn hang_up(&self, resets: bool) {
        match self.socket() {
            Some(socket) if resets => Transport::reset(&*socket),
            Some(socket) => {
                // A peer that is gone needs no shutdown.
                let _ = socket.shutdown(Shutdown::Both);
            }
            None => {}
        }
        self.wake();
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

    fn socket(&self) -> Option<Arc<TcpStream>> {
        self.lock().socket.clone()
    }

    fn lock(&self) -> MutexGuard<'_, SocketState> {
        lock(&self.state)
    }

    /// The socket to read from. An error if there is none in time, or if the caller is wanted elsewhere.
    fn wait(&self, longest: impl FnOnce(&SocketState) -> Duration) -> io::Result<Arc<TcpStream>> {
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
        if let Some(waker) = self.waker.get() {
            return waker.read(&socket, buffer, timeout);
        }
        Transport::read(&*socket, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket() {
            Some(socket) => Transport::write_vectored(&*socket, buffers),
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
        state.socket.as_ref().map_or(Ok(()), |socket| socket.set_read_timeout(Some(timeout)))
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        let mut state = self.lock();
        state.write_timeout = timeout;
        state.socket.as_ref().map_or(Ok(()), |socket| socket.set_write_timeout(Some(timeout)))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().map_or(Ok(()), |socket| Transport::shutdown(&*socket, how))
    }
}
