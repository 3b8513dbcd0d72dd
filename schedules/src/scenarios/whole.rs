//! A whole connection in one task; its stream and its sink in two.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use futures_sink::Sink;
use shuttle::future::spawn;
use ws_async_core::{WebSocket, WebSocketError};
use ws_common::sync::{Mutex, lock};
use ws_core::{Message, SendError};

use super::operate::not_sent;
use super::{connect, give_up, is_over, operate, play, script, stop};
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER};
use crate::runtime::Model;
use crate::table::{Cell, Driver, Event, Operation};

pub(super) async fn run(cell: Cell) {
    let flags = Flags::default();
    let (mut socket, peer, listener) = connect(cell).await;
    socket.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let peer = play(cell, peer, &flags);
    let stopping = spawn(stop(cell, listener));
    flags.raise(Flag::Begun);
    let is_in_two = matches!(cell.operation, Operation::Sink | Operation::Recv);
    if cell.driver == Driver::Other || (cell.driver == Driver::Third && is_in_two) {
        in_two_tasks(cell, socket, &flags).await;
    } else {
        if cell.driver == Driver::Third {
            // Not of a third task here: of an operation before.
            if cell.operation.receives() {
                give_up(socket.flush()).await;
            } else {
                give_up(socket.recv()).await;
            }
        }
        if cell.operation.receives() {
            operate::receive_whole(&mut socket, cell).await;
        } else {
            operate::send_whole(&mut socket, cell, &flags).await;
        }
        is_over(&flags);
        drop(socket);
    }
    stopping.await.expect("it ends");
    let messages = peer.await.expect("it ends");
    assert!(messages.first().is_none_or(|first| *first == LARGE), "out of order");
}

/// As what splits any `Stream + Sink` does: neither of the two knows of the other.
#[derive(Clone)]
struct Shared(Arc<Mutex<WebSocket<Model>>>);

impl Shared {
    async fn message(&self) -> Option<Result<Message, WebSocketError>> {
        poll_fn(|cx| Pin::new(&mut *lock(&self.0)).poll_next(cx)).await
    }

    async fn ready(&self) -> Result<(), SendError> {
        poll_fn(|cx| Pin::new(&mut *lock(&self.0)).poll_ready(cx)).await.map_err(not_sent)
    }

    async fn flush(&self) -> Result<(), SendError> {
        poll_fn(|cx| Pin::new(&mut *lock(&self.0)).poll_flush(cx)).await.map_err(not_sent)
    }

    async fn send(&self) -> Result<(), SendError> {
        self.ready().await?;
        Pin::new(&mut *lock(&self.0)).start_send(Message::binary(MARKER)).map_err(not_sent)
    }
}

async fn in_two_tasks(cell: Cell, socket: WebSocket<Model>, flags: &Flags) {
    let shared = Shared(Arc::new(Mutex::new(socket)));
    let other = shared.clone();
    if cell.driver == Driver::Third {
        // The other one is not polled any more, and nobody is told.
        let over = flags.clone();
        let other = spawn(async move {
            if cell.operation == Operation::Sink {
                give_up(other.message()).await;
            } else {
                give_up(other.flush()).await;
            }
            over.wait(Flag::Over).await;
        });
        if cell.operation == Operation::Sink {
            let sent = shared.send().await;
            flags.raise(Flag::Completed);
            if !cell.event.ends() {
                sent.expect("the connection is open");
                shared.flush().await.expect("the connection is open");
                flags.wait(Flag::Seen).await;
            }
        } else {
            take(cell, &shared).await;
        }
        is_over(flags);
        other.await.expect("it ends");
        return;
    }
    if cell.operation == Operation::Sink {
        let other = spawn(async move { while other.message().await.is_some() {} });
        let sent = shared.send().await;
        flags.raise(Flag::Completed);
        if !cell.event.ends() {
            sent.expect("the connection is open");
            flags.wait(Flag::Seen).await;
        }
        is_over(flags);
        other.await.expect("it ends");
        return;
    }
    let over = flags.clone();
    let other = spawn(async move {
        let flushed = other.flush().await;
        if cell.event == Event::Room {
            flushed.expect("the connection is open");
            other.send().await.expect("there is room");
        }
        over.wait(Flag::Over).await;
    });
    take(cell, &shared).await;
    is_over(flags);
    other.await.expect("it ends");
}

/// Takes all messages of the stream that are to come.
async fn take(cell: Cell, shared: &Shared) {
    for _ in 0..script::messages(cell) {
        shared.message().await.expect("the connection is open").expect("the connection is open");
    }
    if cell.event.ends() {
        while shared.message().await.is_some() {}
    }
}
