//! Writes of a driver: as much as the transport takes without waiting.

use std::io;
use std::task::{Context, Poll, ready};

use ws_core::bytes::Buf;
use ws_core::{Machine, TransportError};

use super::{Calling, Driver, Progress};
use crate::runtime::{Io, Runtime};
use crate::transfer::write;

/// The outcome of a write.
#[derive(Clone, Copy)]
pub(super) struct Wrote {
    /// Whether the last byte that waited has left, or nothing leaves any more: that may be what the machine waits for.
    pub(super) has_emptied: bool,
    /// Whether the transport has taken everything, or takes nothing any more.
    pub(super) is_flushed: bool,
}

impl<R: Runtime, M: Machine> Driver<R, M> {
    /// Writes what waits, if the transport takes it all at once. It does without a read, which would cost a system call for
    /// each message of a user who only sends, unless a deadline has passed: then what came must be looked at.
    #[inline]
    pub(crate) fn write_through<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>) -> bool
    where
        I: Io<T>,
    {
        let wrote = self.poll_write::<I, T>(io, cx);
        wrote.is_flushed && self.machine.poll_timeout().is_none_or(|deadline| deadline > self.seen)
    }

    #[inline(always)]
    pub(super) fn poll_write<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>) -> Wrote
    where
        I: Io<T>,
    {
        if self.write_ended {
            if self.has_panicked {
                return self.transport_panicked();
            }
            return Wrote { has_emptied: false, is_flushed: true };
        }
        let calling = Calling(self);
        let wrote = calling.0.poll_write_calling::<I, T>(io, cx);
        std::mem::forget(calling);
        wrote
    }

    #[inline(always)]
    fn poll_write_calling<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>) -> Wrote
    where
        I: Io<T>,
    {
        let outbound = self.machine.outbound();
        let has_emptied = outbound.has_remaining();
        if has_emptied {
            let mut written = write::<I, T>(io, cx, outbound);
            if let Poll::Ready(Ok(n)) = written {
                self.wrote(n);
                if self.machine.outbound().has_remaining() {
                    written = self.write_more::<I, T>(io, cx);
                }
            }
            match written {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return self.write_failed(error),
                Poll::Pending => {
                    let now = self.now();
                    self.machine.handle_write(0, now);
                    return Wrote { has_emptied: false, is_flushed: false };
                }
            }
        }
        if self.needs_flush {
            match I::poll_flush(io, cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(error)) => return self.write_failed(error),
                Poll::Pending => return Wrote { has_emptied, is_flushed: false },
            }
        }
        if self.machine.outbound().is_finished() && I::poll_shutdown(io, cx).is_ready() {
            // A peer that is gone needs no shutdown.
            self.write_ended = true;
        }
        Wrote { has_emptied, is_flushed: true }
    }

    /// Writes what one write has left. Mostly nothing is, so it stays out of the way.
    #[cold]
    fn write_more<I, T>(&mut self, io: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        I: Io<T>,
    {
        loop {
            let n = ready!(write::<I, T>(io, cx, self.machine.outbound()))?;
            self.wrote(n);
            if !self.machine.outbound().has_remaining() {
                return Poll::Ready(Ok(n));
            }
        }
    }

    #[inline(always)]
    fn wrote(&mut self, n: usize) {
        let now = self.now();
        self.seen = now;
        self.machine.handle_write(n, now);
        self.needs_flush = true;
        self.has_written = true;
    }

    #[cold]
    fn write_failed(&mut self, error: io::Error) -> Wrote {
        self.write_ended = true;
        self.progress = self.progress.max(Progress::Input);
        let now = self.now();
        self.machine.handle_error(TransportError::write(error), now);
        Wrote { has_emptied: true, is_flushed: true }
    }

    /// Tells the machine that its transport is not to be trusted any more.
    #[cold]
    fn transport_panicked(&mut self) -> Wrote {
        self.has_panicked = false;
        let wrote = self.write_failed(io::Error::other("the transport panicked"));
        let now = self.now();
        self.machine.handle_error(TransportError::read(io::Error::other("the transport panicked")), now);
        wrote
    }
}
