//! A read of a socket that another thread can end.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock;

/// Two sockets, joined: a byte in the one ends the wait at the other.
pub(super) struct ReadWaker {
    near: UnixStream,
    far: UnixStream,
}

impl ReadWaker {
    pub(super) fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { near, far })
    }

    /// Ends the read under way, or the next one.
    pub(super) fn wake(&self) {
        // If there is no room, there are bytes enough.
        let _ = io::Write::write(&mut &self.near, &[0]);
    }

    /// Reads from `socket` by `try_read`, for no longer than `timeout`. An error of kind `Interrupted` if it was ended.
    pub(super) fn read(
        &self,
        socket: &dyn AsFd,
        try_read: impl Fn(&mut [u8]) -> io::Result<usize>,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> io::Result<usize> {
        let start = clock::now();
        loop {
            match try_read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let left = timeout.saturating_sub(clock::since(start));
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut ready = [
                PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN),
                PollFd::new(&self.far, PollFlags::IN),
            ];
            if poll(&mut ready, Some(&left))? == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            if !ready[1].revents().is_empty() {
                let mut bytes = [0; 64];
                while io::Read::read(&mut &self.far, &mut bytes).is_ok_and(|n| n == bytes.len()) {}
                return Err(ErrorKind::Interrupted.into());
            }
        }
    }
}
