//! The operations of a connection that send, as polls.

use std::task::{Context, Poll, ready};

use ws_common::duplex::{Duplex, Step};
use ws_common::sync::mutant;
use ws_core::{Message, MessageRef, PingError, SendError, StreamError};

use super::Socket;
use crate::runtime::{Io, Runtime};
use crate::slots::Wants;

/// A shorter message is copied from where it lies, so that it need not be moved through the layers before.
const SMALL: usize = 1024;

impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// Waits until a message would be accepted.
    #[inline]
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, Duplex::ready)
    }

    /// The same for a sink, and keeps the room for it.
    pub(crate) fn poll_reserve(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, Duplex::reserve)
    }

    pub(crate) fn start_send(&mut self, message: Message) -> Result<(), SendError> {
        self.duplex().start_send(message)
    }

    /// Queues a message if there is room, and lets the transport take what it takes at once.
    pub(crate) fn try_send(&mut self, message: Message, cx: &mut Context<'_>) -> Result<(), SendError> {
        let mut result = self.connection().send(message);
        if !mutant("what is tried waits for a driver") {
            self.write_at_once(cx);
        }
        if let Err(SendError::Full { message, .. }) = result {
            // The transport has perhaps made room just now.
            result = self.connection().send(message);
            self.write_at_once(cx);
        }
        result
    }

    /// Queues the answer of a visitor. The task that receives writes it at its next wait.
    pub(crate) fn answer(&mut self, answer: MessageRef<'_>) -> Result<(), StreamError> {
        self.connection().send_ref(answer)
    }

    /// Waits until there is room, and queues the message; does nothing if that is done.
    #[inline]
    pub(crate) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        let small = message.as_ref().filter(|message| message.len() <= SMALL);
        if small.is_some_and(|message| self.connection().send_ref(message.as_ref()).is_ok()) {
            *message = None;
            return Poll::Ready(Ok(()));
        }
        self.poll_feed_owned(cx, message)
    }

    #[inline(never)]
    fn poll_feed_owned(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.feed(message))
    }

    /// Waits for room, and queues a ping.
    pub(crate) fn poll_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Poll<Result<(), PingError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.ping(payload))
    }

    /// Waits for room, and queues a fragment of a streamed message.
    pub(crate) fn poll_fragment(
        &mut self,
        cx: &mut Context<'_>,
        fragment: &[u8],
        is_last: bool,
    ) -> Poll<Result<(), StreamError>> {
        self.poll_wait(cx, Wants::ROOM, |duplex| duplex.fragment(fragment, is_last))
    }

    /// Waits until the transport has taken everything.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.write_at_once(cx) || self.closed().is_some() {
            return Poll::Ready(self.duplex().flushed());
        }
        self.poll_rest_flushed(cx)
    }

    #[inline(never)]
    fn poll_rest_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let clock = self.driver.clock();
        loop {
            let step = self.duplex().look_ahead::<()>(|| clock.now());
            // The end may be among the bytes that were just looked at.
            if self.closed().is_none() {
                ready!(self.poll_io(cx, Wants::FLUSHED, step == Step::Read));
            }
            if self.write_at_once(cx) || self.closed().is_some() {
                return Poll::Ready(self.duplex().flushed());
            }
        }
    }

    /// Gives up a streamed message that was begun and not finished.
    pub(crate) fn abort_message(&mut self, cx: &mut Context<'_>) {
        let now = self.driver.now();
        self.connection().abort_message(now);
        self.write_at_once(cx);
        self.needs_driver = !mutant("a message that is given up wakes nobody");
    }
}
