//! The operations, over whichever handle has them.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;

use futures_core::Stream;
use futures_sink::Sink;
use ws_async_core::{Event as Received, MessageRef, Receiver, Responder, Sender, WebSocket, WebSocketError};
use ws_core::{CloseCode, Error, Message, SendError};

use crate::flags::{Flag, Flags};
use crate::peer::{MARKER, MESSAGE};
use crate::runtime::Model;
use crate::scenarios::script;
use crate::table::{Cell, Driver, Event, Operation};

/// Sends with the operation, and then the marker, which must reach the peer.
macro_rules! send {
    ($name:ident, $handle:ty) => {
        pub(super) async fn $name(handle: &mut $handle, cell: Cell, flags: &Flags) {
            let marker = || Message::binary(MARKER);
            let result = match cell.operation {
                Operation::Ready => handle.ready().await,
                Operation::Feed => handle.feed(marker()).await,
                Operation::Send => handle.send(marker()).await,
                Operation::Flush => handle.flush().await,
                Operation::Ping => handle.ping("ping").await.map_err(|_| SendError::Closed(None)),
                Operation::Sink => sink(handle, marker()).await,
                _ => {
                    let closed = handle.close(CloseCode::NORMAL).await;
                    flags.raise(Flag::Completed);
                    assert!(cell.event.ends() || closed.clean, "{closed:?}");
                    return;
                }
            };
            flags.raise(Flag::Completed);
            if cell.event.ends() {
                return;
            }
            result.expect("the connection is open");
            if matches!(cell.operation, Operation::Ready | Operation::Flush | Operation::Ping) {
                handle.try_send(marker()).expect("there is room");
            }
            // Where nobody else waits, nobody else writes.
            if cell.driver != Driver::Other {
                handle.flush().await.expect("the connection is open");
            }
            flags.wait(Flag::Seen).await;
        }
    };
}

send!(send, Sender<Model>);
send!(send_whole, WebSocket<Model>);

/// Receives with the operation as many messages as come, and to the end if the connection ends.
macro_rules! receive {
    ($name:ident, $handle:ty) => {
        pub(super) async fn $name(handle: &mut $handle, cell: Cell) {
            let mut left = if cell.event.ends() { usize::MAX } else { script::messages(cell) };
            let mut has_pong = false;
            let end = loop {
                if left == 0 {
                    break Ok(());
                }
                let more = match cell.operation {
                    Operation::Recv => handle.recv().await.map(|message| message.is_some_and(|m| check(&m))),
                    Operation::NextEvent => loop {
                        match handle.next_event().await {
                            Ok(Some(Received::Message(message))) => break Ok(check(&message)),
                            Ok(Some(Received::Pong { .. })) => has_pong = true,
                            Ok(Some(_)) => {}
                            Ok(None) => break Ok(false),
                            Err(error) => break Err(error),
                        }
                    },
                    Operation::ForEachBorrowed => {
                        let mut has_come = false;
                        let visitor = |message: MessageRef<'_>, _: &mut Responder<'_>| {
                            assert!(matches!(message, MessageRef::Binary(bytes) if bytes.len() == MESSAGE));
                            has_come = true;
                            ControlFlow::Break(())
                        };
                        handle.for_each_borrowed(visitor).await.map(|()| has_come)
                    }
                    _ => match handle.recv_stream().await {
                        Ok(Some(mut reader)) => loop {
                            match reader.next_chunk().await {
                                Ok(Some(_)) => {}
                                Ok(None) => break Ok(true),
                                Err(error) => break Err(error),
                            }
                        },
                        Ok(None) => Ok(false),
                        Err(error) => Err(error),
                    },
                };
                match more {
                    Ok(true) => left -= 1,
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            received(cell, left, end, has_pong);
        }
    };
}

receive!(receive, Receiver<Model>);
receive!(receive_whole, WebSocket<Model>);

pub(super) fn check(message: &Message) -> bool {
    assert_eq!(message.len(), MESSAGE);
    true
}

pub(super) fn received(cell: Cell, left: usize, end: Result<(), Error>, has_pong: bool) {
    match cell.event {
        Event::EndOfStream => assert!(end.is_err(), "the end of the stream is an error"),
        Event::Close | Event::Signal => end.expect("the connection was closed in order"),
        Event::Abort => {}
        _ => {
            end.expect("the connection is open");
            assert_eq!(left, 0, "the connection has ended");
            assert!(has_pong || cell.event != Event::Pong || cell.operation != Operation::NextEvent);
        }
    }
}

/// Waits for the room of a sink, and uses it.
pub(super) async fn sink<S: Sink<Message, Error = WebSocketError> + Unpin>(
    sink: &mut S,
    message: Message,
) -> Result<(), SendError> {
    poll_fn(|cx| Pin::new(&mut *sink).poll_ready(cx)).await.map_err(not_sent)?;
    Pin::new(sink).start_send(message).map_err(not_sent)
}

/// The reason of a sink.
pub(super) fn not_sent(error: WebSocketError) -> SendError {
    match error {
        WebSocketError::Send(error) => error,
        error => panic!("a sink says {error}"),
    }
}

/// Receives to the end.
pub(super) async fn drain<S: Stream + Unpin>(stream: &mut S) {
    while poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await.is_some() {}
}
