//! The two halves of a connection, in tasks.

use shuttle::future::{spawn, yield_now};
use ws_async_core::{Receiver, Sender};
use ws_core::{Message, Role};

use super::{connect, give_up, is_over, operate, over, play, rest, script, stop};
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER, Peer, Step};
use crate::pipe::pipe;
use crate::runtime::Model;
use crate::table::{Cell, Driver, Event};

/// Number of messages that make room in the read-ahead for all the others.
const ENOUGH: usize = script::MANY - 3;

pub(super) async fn run(cell: Cell) {
    let flags = Flags::default();
    let (socket, peer, listener) = connect(cell).await;
    let (mut sender, mut receiver) = socket.split();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let peer = play(cell, peer, &flags);
    let stopping = spawn(stop(cell, listener));
    flags.raise(Flag::Begun);
    let other = if cell.operation.receives() {
        let other = spawn(accompany_receiver(cell, sender, flags.clone()));
        operate::receive(&mut receiver, cell).await;
        is_over(&flags);
        drop(receiver);
        other
    } else {
        let other = spawn(accompany_sender(cell, receiver, flags.clone()));
        operate::send(&mut sender, cell, &flags).await;
        is_over(&flags);
        drop(sender);
        other
    };
    other.await.expect("it ends");
    stopping.await.expect("it ends");
    let messages = peer.await.expect("it ends");
    assert!(messages.first().is_none_or(|first| *first == LARGE), "out of order");
}

/// The receiving half is dropped when the sending half has paused for it.
pub(super) async fn dropped() {
    let flags = Flags::default();
    let (near, far) = pipe();
    let (mut sender, mut receiver) = over(near).split();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let steps = vec![Step::Await(Flag::Begun), Step::Send(script::MANY), Step::Answer];
    let peer = spawn(Peer::new(far, Role::Server).play(steps, flags.clone()));
    let sending = spawn(async move { sender.flush().await });
    rest().await;
    give_up(receiver.recv()).await;
    flags.raise(Flag::Begun);
    rest().await;
    drop(receiver);
    sending.await.expect("it ends").expect("the connection is open");
    is_over(&flags);
    peer.await.expect("it ends");
}

/// What the receiving half does while the sending half waits.
async fn accompany_sender(cell: Cell, mut receiver: Receiver<Model>, flags: Flags) {
    if cell.driver == Driver::Third {
        give_up(receiver.recv()).await;
    }
    match (cell.event, cell.driver) {
        (Event::HalfDropped, _) => {
            yield_now().await;
            return;
        }
        (_, Driver::Other) => return operate::drain(&mut receiver).await,
        (Event::ReadAhead, _) => {
            for _ in 0..ENOUGH {
                receiver.recv().await.expect("the connection is open");
            }
        }
        _ => {}
    }
    flags.wait(Flag::Over).await;
}

/// What the sending half does while the receiving half waits.
async fn accompany_receiver(cell: Cell, mut sender: Sender<Model>, flags: Flags) {
    match cell.driver {
        Driver::Third => {
            give_up(sender.flush()).await;
        }
        Driver::Other => {
            let flushed = sender.flush().await;
            if cell.event == Event::Room {
                flushed.expect("the connection is open");
                sender.try_send(Message::binary(MARKER)).expect("there is room");
            }
        }
        Driver::Own => {}
    }
    if cell.event == Event::HalfDropped {
        return;
    }
    flags.wait(Flag::Over).await;
}
