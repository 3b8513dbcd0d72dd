//! Acts of one handle that another, which waits, has to hear of: deadlines that it has to keep, and bytes that leave at once. Where
//! a deadline ends the scenario, time passes by hand.

use std::time::Duration;

use shuttle::future::{JoinHandle, spawn};
use ws_async_core::{ClientEvent, Receiver};
use ws_core::{CloseCode, Message, MessageKind, Role};

use super::client::connect;
use super::{is_over, over, rest};
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER, Peer, Step};
use crate::pipe::pipe;
use crate::runtime::{self, Model};

/// The longest of all deadlines.
const LONG: Duration = Duration::from_secs(60);

fn peer(steps: Vec<Step>, flags: &Flags) -> (ws_async_core::WebSocket<Model>, JoinHandle<Vec<Vec<u8>>>) {
    let (near, far) = pipe();
    (over(near), spawn(Peer::new(far, Role::Server).play(steps, flags.clone())))
}

/// Waits for the end in a task of its own.
fn drain(mut receiver: Receiver<Model>) -> JoinHandle<()> {
    spawn(async move { while let Ok(Some(_)) = receiver.recv().await {} })
}

/// Lets time pass until the task ends.
async fn outlast<T>(task: JoinHandle<T>) {
    while !task.is_finished() {
        rest().await;
        runtime::advance(LONG);
    }
}

/// A half begins to close, and the peer does not answer: the other half keeps the deadline.
pub(super) async fn close() {
    let flags = Flags::default();
    let (socket, peer) = peer(vec![], &flags);
    let (mut sender, receiver) = socket.split();
    let receiving = drain(receiver);
    rest().await;
    sender.start_close(CloseCode::NORMAL);
    outlast(receiving).await;
    is_over(&flags);
    peer.await.expect("it ends");
}

/// A half gives up a streamed message, and the peer does not answer the Close frame: the other half keeps the deadline.
pub(super) async fn cut() {
    let flags = Flags::default();
    let (socket, peer) = peer(vec![], &flags);
    let (mut sender, receiver) = socket.split();
    let receiving = drain(receiver);
    let mut writer = sender.send_stream(MessageKind::Binary).expect("the connection is open");
    writer.write(MARKER).await.expect("there is room");
    writer.flush().await.expect("the transport takes it");
    rest().await;
    drop(writer);
    outlast(receiving).await;
    is_over(&flags);
    peer.await.expect("it ends");
}

/// A handle sends more than the transport takes: the client keeps the deadline of the write.
pub(super) async fn write() {
    let flags = Flags::default();
    let (mut client, peer) = connect(vec![], &flags).await;
    let handle = client.handle();
    let receiving = spawn(async move {
        while let Some(event) = client.next_event().await {
            if let ClientEvent::Closed(_) = event {
                return;
            }
        }
    });
    rest().await;
    // More than the transport takes, and less than would be an event.
    handle.try_send(Message::binary(&LARGE[..150])).expect("the outbox is empty");
    outlast(receiving).await;
    is_over(&flags);
    peer.await.expect("it ends");
}

/// A message that is tried leaves at once, whoever waits.
pub(super) async fn send_at_once() {
    let flags = Flags::default();
    let steps = vec![Step::Until(MARKER), Step::Tell(Flag::Seen), Step::Answer];
    let (socket, peer) = peer(steps, &flags);
    let (mut sender, receiver) = socket.split();
    sender.try_send(Message::binary(MARKER)).expect("there is room");
    flags.wait(Flag::Seen).await;
    is_over(&flags);
    drop((sender, receiver));
    peer.await.expect("it ends");
}

/// A Close frame leaves at once, whoever waits.
pub(super) async fn close_at_once() {
    let flags = Flags::default();
    let (socket, peer) = peer(vec![Step::UntilClose, Step::Tell(Flag::Seen), Step::Answer], &flags);
    let (mut sender, receiver) = socket.split();
    sender.start_close(CloseCode::NORMAL);
    flags.wait(Flag::Seen).await;
    is_over(&flags);
    drop((sender, receiver));
    peer.await.expect("it ends");
}
