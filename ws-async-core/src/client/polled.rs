//! A client as a `Stream` of events, and its handle as a `Sink` of messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use ws_common::{WebSocketError, session::ClientEvent};
use ws_core::{Message, SendError};

use super::{Client, Handle};
use crate::runtime::Runtime;

impl<R: Runtime> Stream for Client<R> {
    type Item = ClientEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        self.get_mut().access.poll_event(cx)
    }
}

/// Other handles may take the room between `poll_ready` and `start_send`. Then the message waits in this handle, for its next poll.
impl<R: Runtime> Sink<Message> for Handle<R> {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let Self { access, mark, kept } = self.get_mut();
        access.poll_ready(cx, kept, mark).map_err(WebSocketError::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WebSocketError> {
        let Self { access, mark, kept } = self.get_mut();
        match access.try_send(message, None, Some(mark)) {
            Err(SendError::Full { message, .. } | SendError::Busy(message)) if kept.is_none() => {
                *kept = Some(message);
                Ok(())
            }
            result => result.map_err(WebSocketError::from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let Self { access, mark, kept } = self.get_mut();
        if kept.is_some() {
            ready!(access.poll_ready(cx, kept, mark))?;
        }
        access.poll_flush(cx, mark).map_err(WebSocketError::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.poll_flush(cx)
    }
}
