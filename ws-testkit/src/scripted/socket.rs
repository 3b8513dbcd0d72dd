//! One TCP connection of a scripted server, with a time limit for each step.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Arrival, ScriptError, ScriptState, lock};

pub(super) struct ScriptSocket {
    stream: Arc<TcpStream>,
    shared: Arc<ScriptState>,
    /// Number of the connection, from 1.
    pub(super) number: usize,
    pub(super) time_limit: Duration,
    /// Bytes that were read and belong to no whole head or frame.
    pub(super) buffer: Vec<u8>,
}

/// The result of one read.
pub(super) enum Filled {
    Bytes,
    End,
    Reset,
    /// Nothing came before the deadline.
    Late,
}

impl ScriptSocket {
    pub(super) fn new(
        shared: Arc<ScriptState>,
        stream: TcpStream,
        time_limit: Duration,
    ) -> Result<Self, ScriptError> {
        let stream = Arc::new(stream);
        {
            let mut sockets = lock(&shared.sockets);
            sockets.retain(|socket| socket.strong_count() > 0);
            sockets.push(Arc::downgrade(&stream));
        }
        // From here on, the end of the server finds the socket.
        if shared.is_over.load(SeqCst) {
            return Err(ScriptError::Stopped);
        }
        let number = shared.connections.fetch_add(1, SeqCst) + 1;
        let socket = Self { stream, shared, number, time_limit, buffer: Vec::new() };
        socket.stream.set_nodelay(true).map_err(|source| socket.failed("setting TCP_NODELAY", source))?;
        Ok(socket)
    }

    pub(super) fn failed(&self, step: &'static str, source: std::io::Error) -> ScriptError {
        match self.shared.is_over.load(SeqCst) {
            true => ScriptError::Stopped,
            false => ScriptError::Io { connection: self.number, step, source },
        }
    }

    pub(super) fn malformed(&self, fault: &'static str) -> ScriptError {
        ScriptError::Malformed { connection: self.number, fault }
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.time_limit
    }

    /// Reads once.
    pub(super) fn fill(&mut self, deadline: Instant) -> Result<Filled, ScriptError> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Filled::Late);
            }
            let mut stream = &*self.stream;
            let result = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut chunk));
            return match result {
                _ if self.shared.is_over.load(SeqCst) => Err(ScriptError::Stopped),
                Ok(0) => Ok(Filled::End),
                Ok(n) => {
                    self.buffer.extend_from_slice(&chunk[..n]);
                    Ok(Filled::Bytes)
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => continue,
                    ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Ok(Filled::Reset),
                    _ => Err(self.failed("receiving", error)),
                },
            };
        }
    }

    /// Writes all of `bytes` within the time limit.
    pub(super) fn write(&self, mut bytes: &[u8]) -> Result<(), ScriptError> {
        let deadline = self.deadline();
        while !bytes.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let error = std::io::Error::new(ErrorKind::TimedOut, "the client takes nothing");
                return Err(self.failed("sending", error));
            }
            let mut stream = &*self.stream;
            match stream.set_write_timeout(Some(left)).and_then(|()| stream.write(bytes)) {
                Ok(n) => bytes = &bytes[n..],
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(self.failed("sending", error)),
            }
        }
        Ok(())
    }

    pub(super) fn record(&self, arrival: &Arrival) {
        lock(&self.shared.received).push((self.number, arrival.clone()));
    }

    /// All that was received on this connection.
    pub(super) fn received(&self) -> Vec<Arrival> {
        let received = lock(&self.shared.received);
        let own = received.iter().filter(|(number, _)| *number == self.number);
        own.map(|(_, arrival)| arrival.clone()).collect()
    }

    /// Ends our side of the stream. Nothing can be sent after it.
    pub(super) fn end(&self) {
        // The client may have left already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the stream and closes the socket.
    pub(super) fn hang_up(self) {
        self.end();
        // A socket that is closed with unread bytes resets the connection.
        let mut stream = &*self.stream;
        let mut rest = [0; 16 * 1024];
        let moment = Some(Duration::from_millis(1));
        while stream.set_read_timeout(moment).and_then(|()| stream.read(&mut rest)).is_ok_and(|n| n > 0) {}
    }

    /// Resets the connection.
    pub(super) fn reset(self) -> Result<(), ScriptError> {
        // Closing the socket sends the reset.
        SockRef::from(&*self.stream)
            .set_linger(Some(Duration::ZERO))
            .map_err(|source| self.failed("setting SO_LINGER", source))
    }

    /// Sets the room for received bytes in the system.
    pub(super) fn set_receive_buffer(&self, bytes: usize) -> Result<(), ScriptError> {
        SockRef::from(&*self.stream)
            .set_recv_buffer_size(bytes)
            .map_err(|source| self.failed("setting SO_RCVBUF", source))
    }
}
